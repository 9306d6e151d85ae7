//! What steps change, and checkpoints keep.

use burn::tensor::Tensor;
use muscall_model::weights::{RunningStatistics, running_statistics, with_running_statistics};

use crate::TrainError;
use crate::checkpoint::Progress;
use crate::distributed::Ranks;
use crate::ema::Ema;
use crate::gradient::{GradientDict, Norm};
use crate::loss_scale::LossScale;
use crate::optimizer::AdamW;
use crate::recipe::{OnNotFinite, Recipe};
use crate::schedule::Schedule;
use crate::trainee::Trainee;

/// Largest 1/τ; the logit scale is clamped to its logarithm after each step.
pub(super) const MAX_SCALE: f32 = 100.0;
/// More steps in a row than this that are not finite mean that the weights are lost.
const MOST_LEFT_OUT: u32 = 20;

/// The network, the optimizer, the average and how far they are: with the recipe, all that decides what comes next.
pub(super) struct TrainingState {
    pub(super) trainee: Trainee,
    pub(super) optimizer: AdamW,
    /// Of rank 0.
    pub(super) ema: Option<Ema>,
    pub(super) progress: Progress,
    /// Where a checkpoint goes on.
    pub(super) learned: Position,
    /// Steps without a finite loss and norm since the last one that had them.
    pub(super) left_out_in_a_row: u32,
}

/// A place between two steps.
///
/// A step that has nothing to learn from moves the schedule on, but not what a checkpoint goes on from: it is gone
/// through again, and where whole epochs are like that nothing is written over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    pub(super) step: u64,
    pub(super) epoch: u64,
    pub(super) step_in_epoch: usize,
}

impl Position {
    pub(super) fn of(progress: &Progress) -> Self {
        let Progress { step, epoch, step_in_epoch, .. } = *progress;
        Self { step, epoch, step_in_epoch }
    }
}

/// What a step does.
impl TrainingState {
    /// The learning rate of the next step.
    pub(super) fn learning_rate(&self, recipe: &Recipe, steps: u64) -> f64 {
        recipe.learning_rate * recipe.schedule.factor(self.progress.step, steps) * self.progress.plateau.factor
    }

    /// What the loss of the next step is multiplied with.
    pub(super) fn loss_scale(&self) -> f64 {
        self.progress.loss_scale.map_or(1.0, |scale| scale.factor())
    }

    /// The running statistics of batch norms, if the next step may be [left out](Self::leave_out).
    pub(super) fn statistics_before(&self, recipe: &Recipe) -> Option<RunningStatistics> {
        let may_leave_out = recipe.on_not_finite == OnNotFinite::Skip || self.progress.loss_scale.is_some();
        may_leave_out.then(|| running_statistics(&self.trainee.model))
    }

    /// Leaves out a step whose loss or gradients are not finite: the running statistics become what they were before
    /// it. Not if the recipe says to stop, or too many were left out.
    #[must_use]
    pub(super) fn leave_out(
        &mut self,
        on_not_finite: OnNotFinite,
        loss: f64,
        before: Option<RunningStatistics>,
    ) -> bool {
        // With a finite loss it is the factor that was too large, and the next one is smaller.
        let overflowed = self.progress.loss_scale.as_mut().is_some_and(LossScale::shrink) && loss.is_finite();
        self.left_out_in_a_row += 1;
        let may_leave_out = overflowed || on_not_finite == OnNotFinite::Skip;
        if !may_leave_out || self.left_out_in_a_row > MOST_LEFT_OUT {
            return false;
        }
        if let Some(before) = before {
            self.trainee.model = with_running_statistics(self.trainee.model.clone(), before);
        }
        true
    }

    /// The optimizer's step. `rate` is the learning rate of a parameter by its name.
    pub(super) fn update(&mut self, gradients: &GradientDict, norm: &Norm, rate: &dyn Fn(&str) -> f64) {
        self.left_out_in_a_row = 0;
        if let Some(scale) = &mut self.progress.loss_scale {
            scale.grow();
        }
        let mut update = self.optimizer.step_of_norm(gradients, norm, rate);
        self.trainee.model = update.apply(self.trainee.model.clone());
        self.trainee.heads = update.apply(self.trainee.heads.clone());
        self.progress.optimizer_steps = self.optimizer.step_count();
    }

    /// Keeps exp(logit scale) at most [`MAX_SCALE`], without waiting for it; the logit scale.
    pub(super) fn clamp_logit_scale(&mut self) -> Tensor<1> {
        let logit_scale = &mut self.trainee.model.logit_scale;
        *logit_scale = logit_scale.clone().map(|scale| {
            let is_trained = scale.is_require_grad();
            Tensor::from_inner(scale.inner().clamp_max(MAX_SCALE.ln())).set_require_grad(is_trained)
        });
        logit_scale.val().inner()
    }

    /// Takes the weights after the step into their average.
    pub(super) fn average(&mut self) {
        if let Some(ema) = &mut self.ema {
            ema.update(&self.trainee.model, self.progress.step + 1);
        }
    }
}

/// How far the run is.
impl TrainingState {
    /// One step further, which a checkpoint goes on from if there was something to learn from.
    pub(super) fn advance(&mut self, has_learned: bool) {
        self.progress.step += 1;
        self.progress.step_in_epoch += 1;
        if has_learned {
            self.learned = Position::of(&self.progress);
        }
    }

    /// Whether a step of this epoch had something to learn from, those before an interruption included.
    pub(super) fn has_learned_in_epoch(&self) -> bool {
        self.learned.step_in_epoch > 0
    }

    /// One epoch further, with the score of its validation if there was one.
    pub(super) fn end_epoch(&mut self, schedule: &Schedule, score: Option<f64>) {
        let (sum, count) = std::mem::take(&mut self.progress.epoch_loss);
        let mean_loss = sum / count.max(1) as f64;
        if score.is_some() || count > 0 {
            self.progress.plateau.advance(schedule, score.unwrap_or(-mean_loss));
        }
        self.progress.epoch += 1;
        self.progress.step_in_epoch = 0;
    }

    /// What rank 0 has made of an epoch holds for all.
    pub(super) fn share_progress(&mut self, ranks: &Ranks) -> Result<(), TrainError> {
        self.progress = ranks.share(Ok(self.progress.clone()))?;
        self.learned = Position::of(&self.progress);
        Ok(())
    }
}
