//! One step: gradients of one or several batches, and what the optimizer makes of them.

use burn::module::Param;
use burn::tensor::Tensor;
use muscall_model::Temperature;
use muscall_model::weights::{RunningStatistics, running_statistics};

use super::run::{Listener, Run};
use crate::TrainError;
use crate::batcher::RawBatch;
use crate::captions::PRETRAINED;
use crate::dataset::item_seed;
use crate::distributed::{ShareNote, SharedBatch, reduce};
use crate::doctor::mean_pairwise_cosine;
use crate::event::{Event, StepReport};
use crate::step::{StepContext, StepGradients};

/// Largest 1/τ; the logit scale is clamped to its logarithm after each step.
pub(super) const MAX_SCALE: f32 = 100.0;

impl Run {
    /// Forward, backward, update; nothing if there are no negatives, or if the step was left out.
    pub(super) fn step(
        &mut self,
        loaded: &RawBatch,
        notes: &[ShareNote],
        listener: &mut Listener<'_>,
    ) -> Result<Option<StepReport>, TrainError> {
        let step = self.progress.step;
        let batches = SharedBatch::all(notes, self.recipe.batch_size, self.recipe.accumulate);
        if batches.is_empty() {
            return Ok(None);
        }
        let running = self.may_skip().then(|| running_statistics(&self.trainee.model));
        let StepGradients { gradients, loss, audio, text } = self.gradients(loaded, &batches)?;
        let items: Vec<_> = notes.iter().flat_map(|note| &note.items).collect();
        // The same on all ranks, which therefore leave out the same steps.
        let gradient_norm = gradients.norm();
        if !loss.total.is_finite() || !gradient_norm.is_finite() {
            let rows = &self.dataset.manifest().rows;
            let ids = items.iter().map(|item| rows[item.index].id.clone()).collect();
            let skipped = self.skip(ids, loss.total, gradient_norm, running)?;
            let _ = listener(Event::StepSkipped(&skipped));
            return Ok(None);
        }
        self.skipped_in_a_row = 0;
        if let Some(scale) = &mut self.progress.loss_scale {
            scale.grow();
        }
        let base = self.recipe.learning_rate * self.recipe.schedule.factor(step, self.steps);
        let base = base * self.progress.plateau.factor;
        let is_fixed = matches!(self.recipe.model.temperature, Temperature::Fixed(_));
        let pretrained = self.recipe.optimizer.pretrained_rate;
        let rate = |name: &str| match name {
            "logit_scale" if is_fixed => 0.0,
            name if name.starts_with(PRETRAINED) => base * pretrained,
            _ => base,
        };
        let mut update = self.optimizer.step(&gradients, &rate);
        self.trainee.model = update.apply(self.trainee.model.clone());
        self.trainee.heads = update.apply(self.trainee.heads.clone());
        self.progress.optimizer_steps = self.optimizer.step_count();
        let scale = clamp(&mut self.trainee.model.logit_scale);
        if let Some(ema) = &mut self.ema {
            ema.update(&self.trainee.model, step + 1);
        }
        let report = StepReport {
            step: step + 1,
            steps: self.steps,
            epoch: self.progress.epoch,
            loss: loss.total,
            pair_loss: loss.pairs,
            ssl_loss: loss.ssl,
            learning_rate: base,
            gradient_norm,
            scale,
            clips_per_s: 0.0,
        };
        if self.recipe.doctor && self.ranks.is_first() {
            let dim = self.recipe.model.projection_dim;
            let cosines = [mean_pairwise_cosine(&audio, dim), mean_pairwise_cosine(&text, dim)];
            let chance = self.recipe.loss.at_chance(items.len().min(self.recipe.batch_size));
            for diagnosis in self.doctor.step(&report, chance, cosines) {
                let _ = listener(Event::Diagnosed(&diagnosis));
            }
            if self.progress.epoch == 0 {
                for item in items {
                    self.faults.add(&self.dataset.manifest().rows[item.index].audio, &item.faults);
                }
            }
        }
        Ok(Some(report))
    }

    /// The mean of the gradients of as many batches as are accumulated.
    fn gradients(&mut self, loaded: &RawBatch, batches: &[SharedBatch<'_>]) -> Result<StepGradients, TrainError> {
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
            let computed = if is_alone {
                context.gradients_of_parts(&mut self.trainee, &parts)
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
        Ok(mean)
    }
}

/// Keeps exp(logit scale) at most [`MAX_SCALE`]; what it is.
fn clamp(logit_scale: &mut Param<Tensor<1>>) -> f64 {
    let limit = MAX_SCALE.ln();
    let found = logit_scale.val().into_scalar::<f32>();
    if found > limit {
        *logit_scale = logit_scale.clone().map(|scale| {
            let device = scale.device();
            Tensor::from_data([limit], &device).require_grad()
        });
    }
    f64::from(found.min(limit).exp())
}
