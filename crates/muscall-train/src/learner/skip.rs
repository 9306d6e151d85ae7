//! Steps whose loss or gradients are not finite.

use muscall_model::weights::{RunningStatistics, with_running_statistics};

use super::run::Run;
use crate::TrainError;
use crate::event::SkippedStep;
use crate::loss_scale::LossScale;
use crate::recipe::OnNotFinite;
use crate::run_dir;

/// More of them in a row than this mean that the weights are lost.
const MOST_IN_A_ROW: u32 = 20;

impl Run {
    pub(super) fn may_skip(&self) -> bool {
        self.recipe.on_not_finite == OnNotFinite::Skip || self.progress.loss_scale.is_some()
    }

    /// Leaves a step out: the running statistics become what they were before it.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] if steps are not left out, or too many were.
    pub(super) fn skip(
        &mut self,
        ids: Vec<String>,
        loss: f64,
        gradient_norm: f64,
        running: Option<RunningStatistics>,
    ) -> Result<SkippedStep, TrainError> {
        let step = self.progress.step;
        // With a finite loss it is the factor that was too large, and the next one is smaller.
        let overflowed = self.progress.loss_scale.as_mut().is_some_and(LossScale::shrink) && loss.is_finite();
        self.skipped_in_a_row += 1;
        let may_skip = overflowed || self.recipe.on_not_finite == OnNotFinite::Skip;
        if !may_skip || self.skipped_in_a_row > MOST_IN_A_ROW {
            if self.ranks.is_first() {
                run_dir::write_not_finite(&self.dir, step, loss, &ids)?;
            }
            return Err(TrainError::NotFinite { step, loss, gradient_norm, ids });
        }
        if let Some(running) = running {
            self.trainee.model = with_running_statistics(self.trainee.model.clone(), running);
        }
        let loss_scale = self.progress.loss_scale.map(|scale| scale.factor());
        Ok(SkippedStep { step, loss, gradient_norm, ids, in_a_row: self.skipped_in_a_row, loss_scale })
    }
}
