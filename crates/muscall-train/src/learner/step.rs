//! One step: a batch, its embeddings and their loss, the gradients, and what the optimizer makes of them.

use muscall_model::tower::ParameterGroup;

use super::run::Run;
use super::step_numbers::{StepFacts, StepNumbers};
use crate::TrainError;
use crate::batcher::RawBatch;
use crate::dataset::item_seed;
use crate::distributed::{ShareNote, SharedBatch};
use crate::event::StepReport;
use crate::recipe::Recipe;
use crate::step::StepContext;

impl Run<'_> {
    /// Forward, backward, update; nothing if there are no negatives, or if the step was left out.
    ///
    /// Where reports come late, the one that is returned is that of the step before.
    pub(super) fn step(&mut self, batch: &RawBatch, notes: Vec<ShareNote>) -> Result<Option<StepReport>, TrainError> {
        let Self { options, device, steps, parallel, data, state, reporter, .. } = self;
        let (recipe, step, epoch) = (&options.recipe, state.progress.step, state.progress.epoch);
        let batches = SharedBatch::all(&notes, recipe.batch_size, recipe.accumulate);
        // A pair needs a negative; the schedule goes on all the same.
        if batches.is_empty() {
            return Ok(None);
        }

        // Embeddings and their loss, and the gradients of what is trained.
        let before = state.statistics_before(recipe);
        let loss_scale = state.loss_scale();
        let context = |number: usize| StepContext {
            recipe,
            captions: &data.captions,
            device,
            seed: item_seed(recipe.seed, step, number as u64),
            loss_scale,
        };
        let (mut gradients, mut found) = parallel.gradients(&mut state.trainee, batch, &batches, &context)?;
        gradients.keep(|name| rate_factor(recipe, name) != 0.0);
        let mut norm = gradients.norm_in_place();

        let learning_rate = state.learning_rate(recipe, *steps);
        let items = notes.into_iter().flat_map(|note| note.items).collect();
        let facts = StepFacts { step, steps: *steps, epoch, learning_rate, items };
        if !reporter.is_late() {
            // The same on all ranks, which therefore leave out the same steps.
            let (loss, gradient_norm) = (found.wait().total, norm.wait());
            if !loss.is_finite() || !gradient_norm.is_finite() {
                if !state.leave_out(recipe.on_not_finite, loss, before) {
                    return Err(reporter.lost(&facts, loss, gradient_norm));
                }
                reporter.tell_left_out(&facts, loss, gradient_norm, state);
                return Ok(None);
            }
        }

        // The update, the logit scale's limit, and the average of the weights.
        state.update(&gradients, &norm, &|name| learning_rate * rate_factor(recipe, name));
        let logit_scale = state.clamp_logit_scale();
        state.average();
        reporter.report(facts, move || StepNumbers::read(found, &norm, logit_scale))
    }
}

/// What the learning rate of a parameter is multiplied with; zero for one that is not trained.
fn rate_factor(recipe: &Recipe, name: &str) -> f64 {
    if !recipe.trains(name) {
        return 0.0;
    }
    let is_in_tower = name.starts_with("audio.") || name.starts_with("text.");
    match recipe.model.parameter_group(name) {
        ParameterGroup::Frozen => 0.0,
        ParameterGroup::Pretrained => recipe.optimizer.pretrained_rate,
        ParameterGroup::Rest if is_in_tower => recipe.optimizer.tower_rate,
        ParameterGroup::Rest => 1.0,
    }
}
