//! Steps whose loss or gradients are not finite.

use muscall_model::weights::{RunningStatistics, with_running_statistics};

use super::run::Run;
use super::underway::StepFacts;
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
        facts: &StepFacts,
        loss: f64,
        gradient_norm: f64,
        running: Option<RunningStatistics>,
    ) -> Result<SkippedStep, TrainError> {
        // With a finite loss it is the factor that was too large, and the next one is smaller.
        let overflowed = self.progress.loss_scale.as_mut().is_some_and(LossScale::shrink) && loss.is_finite();
        self.skipped_in_a_row += 1;
        let may_skip = overflowed || self.recipe.on_not_finite == OnNotFinite::Skip;
        if !may_skip || self.skipped_in_a_row > MOST_IN_A_ROW {
            return Err(self.lost(facts, loss, gradient_norm));
        }
        if let Some(running) = running {
            self.trainee.model = with_running_statistics(self.trainee.model.clone(), running);
        }
        let loss_scale = self.progress.loss_scale.map(|scale| scale.factor());
        let (step, ids) = (facts.step, self.ids(facts));
        Ok(SkippedStep { step, loss, gradient_norm, ids, in_a_row: self.skipped_in_a_row, loss_scale })
    }

    /// The end of a run whose loss or gradients are not finite.
    pub(super) fn lost(&self, facts: &StepFacts, loss: f64, gradient_norm: f64) -> TrainError {
        let (step, ids) = (facts.step, self.ids(facts));
        let noted = match self.ranks.is_first() {
            true => run_dir::write_not_finite(&self.dir, step, loss, &ids),
            false => Ok(()),
        };
        noted.err().unwrap_or(TrainError::NotFinite { step, loss, gradient_norm, ids })
    }

    fn ids(&self, facts: &StepFacts) -> Vec<String> {
        let rows = &self.dataset.manifest().rows;
        facts.items.iter().map(|item| rows[item.index].id.clone()).collect()
    }
}
