//! One step: gradients of one or several batches, and what the optimizer makes of them.

use burn::module::Param;
use burn::tensor::Tensor;
use muscall_model::tower::ParameterGroup;
use muscall_model::weights::{RunningStatistics, running_statistics};

use super::outcome::Listener;
use super::run::Run;
use super::underway::{StepFacts, StepNumbers};
use crate::TrainError;
use crate::batcher::RawBatch;
use crate::dataset::item_seed;
use crate::distributed::{ShareNote, SharedBatch, reduce};
use crate::event::{Event, StepReport};
use crate::gradient::{GradientDict, Norm};
use crate::step::{LossAndEmbeddings, StepContext, StepGradients};

/// Largest 1/τ; the logit scale is clamped to its logarithm after each step.
pub(super) const MAX_SCALE: f32 = 100.0;

impl Run {
    /// Forward, backward, update; nothing if there are no negatives, or if the step was left out.
    ///
    /// Where reports come late, the one that is returned is that of the step before.
    pub(super) fn step(
        &mut self,
        loaded: &RawBatch,
        notes: Vec<ShareNote>,
        listener: &mut Listener<'_>,
    ) -> Result<Option<StepReport>, TrainError> {
        let step = self.progress.step;
        let batches = SharedBatch::all(&notes, self.recipe.batch_size, self.recipe.accumulate);
        if batches.is_empty() {
            return Ok(None);
        }
        let running = self.may_skip().then(|| running_statistics(&self.trainee.model));
        let (mut gradients, mut found) = self.gradients(loaded, &batches)?;
        let factor = |name: &str| match self.recipe.model.parameter_group(name) {
            ParameterGroup::Frozen => 0.0,
            ParameterGroup::Pretrained => self.recipe.optimizer.pretrained_rate,
            ParameterGroup::Rest => 1.0,
        };
        gradients.keep(|name| factor(name) != 0.0);
        let mut norm = gradients.norm_in_place();
        let base = self.recipe.learning_rate * self.recipe.schedule.factor(step, self.steps);
        let base = base * self.progress.plateau.factor;
        let items = notes.into_iter().flat_map(|note| note.items).collect();
        let facts = StepFacts { step, epoch: self.progress.epoch, learning_rate: base, items };
        if !self.reports_late {
            // The same on all ranks, which therefore leave out the same steps.
            let (loss, [audio, text]) = found.read();
            let gradient_norm = norm.read();
            if !loss.total.is_finite() || !gradient_norm.is_finite() {
                let skipped = self.skip(&facts, loss.total, gradient_norm, running)?;
                let _ = listener(Event::StepSkipped(&skipped));
                return Ok(None);
            }
            (found, norm) = (LossAndEmbeddings::Read { loss, audio, text }, Norm::Host(gradient_norm));
        }
        self.skipped_in_a_row = 0;
        if let Some(scale) = &mut self.progress.loss_scale {
            scale.grow();
        }
        let rate = |name: &str| base * factor(name);
        let mut update = self.optimizer.step_of_norm(&gradients, &norm, &rate);
        self.trainee.model = update.apply(self.trainee.model.clone());
        self.trainee.heads = update.apply(self.trainee.heads.clone());
        self.progress.optimizer_steps = self.optimizer.step_count();
        let logit_scale = clamp(&mut self.trainee.model.logit_scale);
        if let Some(ema) = &mut self.ema {
            ema.update(&self.trainee.model, step + 1);
        }
        let numbers = move || StepNumbers::read(found, &norm, logit_scale);
        match self.reports_late {
            true => self.report_later(facts, numbers, listener),
            false => Ok(Some(self.report(&facts, &numbers(), listener))),
        }
    }

    /// The mean of the gradients of as many batches as are accumulated.
    fn gradients(
        &mut self,
        loaded: &RawBatch,
        batches: &[SharedBatch<'_>],
    ) -> Result<(GradientDict, LossAndEmbeddings), TrainError> {
        let is_alone = self.ranks.size() == 1;
        let before = if is_alone { RunningStatistics::new() } else { running_statistics(&self.trainee.model) };
        let mut has_embedded = false;
        let mut sum: Option<StepGradients> = None;
        for batch in batches {
            let context = StepContext {
                recipe: &self.recipe,
                captions: &self.captions,
                device: &self.device,
                seed: item_seed(self.recipe.seed, self.progress.step, batch.number as u64),
                loss_scale: self.progress.loss_scale.map_or(1.0, |scale| scale.factor()),
            };
            let parts = self.division.parts_of(loaded, batch.number);
            has_embedded |= !parts.is_empty();
            let computed: StepGradients = if is_alone {
                let computed = context.gradients_of_parts(&mut self.trainee, &parts);
                if batches.len() == 1 {
                    return Ok(computed);
                }
                computed.into()
            } else {
                let parts = match &self.norms {
                    None => parts.into_iter().map(Some).collect(),
                    Some(_) => self.division.rounds_of(loaded, batch.number),
                };
                context.gradients_among(&mut self.trainee, &parts, batch, &self.ranks, self.norms.as_ref())?
            };
            match &mut sum {
                None => sum = Some(computed),
                Some(sum) => sum.add(computed),
            }
        }
        let mut mean = sum.unwrap_or_default();
        if !is_alone {
            reduce(&self.ranks, &mut self.trainee, &mut mean.gradients, &before, has_embedded)?;
        }
        mean.divide(batches.len() as f64);
        let StepGradients { gradients, loss, audio, text } = mean;
        Ok((gradients, LossAndEmbeddings::Read { loss, audio, text }))
    }
}

/// Keeps exp(logit scale) at most [`MAX_SCALE`], without waiting for it; the logit scale.
fn clamp(logit_scale: &mut Param<Tensor<1>>) -> Tensor<1> {
    *logit_scale = logit_scale.clone().map(|scale| {
        let is_trained = scale.is_require_grad();
        Tensor::from_inner(scale.inner().clamp_max(MAX_SCALE.ln())).set_require_grad(is_trained)
    });
    logit_scale.val().inner()
}
