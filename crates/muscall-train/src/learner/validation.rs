//! What a run keeps: the best bundles, and checkpoints.

use std::path::PathBuf;

use muscall_model::weights::with_state;
use muscall_model::{DualEncoder, Muscall};

use super::outcome::Listener;
use super::run::{Position, Run};
use crate::TrainError;
use crate::checkpoint::{Checkpoint, Progress};
use crate::ema::Ema;
use crate::evaluate::Evaluation;
use crate::event::{Event, ValidationReport};
use crate::recipe::BestBy;
use crate::step::CaptionSource;

impl Run {
    /// Scores the weights, and the averaged ones; keeps what is best. The score of the weights.
    pub(super) fn validate(&mut self, listener: &mut Listener<'_>) -> Result<Option<f64>, TrainError> {
        let Some(manifest) = self.validation.clone() else {
            return Ok(None);
        };
        let mut first = None;
        for (model, is_ema) in [(Some(self.muscall(&self.trainee.model)?), false), (self.averaged()?, true)] {
            let Some(model) = model else { continue };
            let Evaluation { metrics, tracks, unreadable, .. } = self.files.evaluate(&model, &manifest)?;
            if !is_ema {
                for error in &unreadable {
                    let _ = listener(Event::Skipped(error));
                }
            }
            let found = &metrics.text_to_audio;
            let score = match self.recipe.validation.best_by {
                BestBy::RAt10 => [found.r_at_10, found.map_at_10],
                BestBy::MapAt10 => [found.map_at_10, found.r_at_10],
            };
            let best = if is_ema { &mut self.progress.best_ema } else { &mut self.progress.best };
            let is_best = best.is_none_or(|best| score > best);
            if is_best {
                *best = Some(score);
            }
            let (step, epoch) = (self.progress.step, self.progress.epoch);
            let report = ValidationReport { step, epoch, tracks, metrics, is_ema, is_best };
            self.log.as_mut().map_or(Ok(()), |log| log.validation(&report))?;
            let _ = listener(Event::Validated(&report));
            if is_best {
                let dir = if is_ema { self.dir.join("ema") } else { self.dir.clone() };
                model.save(&dir)?;
                let _ = listener(Event::BundleSaved(&dir));
            }
            if !is_ema {
                self.progress.epochs_without_best = if is_best { 0 } else { self.progress.epochs_without_best + 1 };
                first = Some(score[0]);
            }
        }
        Ok(first)
    }

    /// Rank 0 writes, and the others wait until it is there.
    pub(super) fn checkpoint(&mut self, listener: &mut Listener<'_>) -> Result<(), TrainError> {
        let saved = if self.ranks.is_first() { self.write_checkpoint().map(Some) } else { Ok(None) };
        if let Some(path) = self.ranks.agree(saved)? {
            let _ = listener(Event::CheckpointSaved(&path));
        }
        Ok(())
    }

    pub(super) fn write_checkpoint(&mut self) -> Result<PathBuf, TrainError> {
        let dir = self.dir.join("checkpoints");
        self.with_checkpoint(|checkpoint| checkpoint.save(&dir))
    }

    /// What the run is after the last step that it has learned from.
    pub(super) fn with_checkpoint<T>(
        &mut self,
        work: impl FnOnce(&Checkpoint) -> Result<T, TrainError>,
    ) -> Result<T, TrainError> {
        let Position { step, epoch, step_in_epoch } = self.learned;
        let absent = Some(self.files.absent());
        let checkpoint = Checkpoint {
            progress: Progress { step, epoch, step_in_epoch, absent, ..self.progress.clone() },
            model: self.trainee.state(),
            // Moments are twice as large as the model: they are lent, not copied.
            optimizer: self.optimizer.take_state(),
            ema: self.ema.as_ref().map(Ema::state),
        };
        let done = work(&checkpoint);
        self.optimizer.restore(checkpoint.optimizer, self.optimizer.step_count());
        done
    }

    pub(super) fn muscall(&self, model: &DualEncoder) -> Result<Muscall, TrainError> {
        let frontend = self.captions.frontend().clone();
        Ok(Muscall::new(self.recipe.model.clone(), model, frontend, &self.device)?)
    }

    /// The model with the averaged weights.
    pub(super) fn averaged(&self) -> Result<Option<Muscall>, TrainError> {
        let Some(ema) = &self.ema else {
            return Ok(None);
        };
        let device = self.device.clone().without_autodiff();
        let model = with_state(self.recipe.model.init(&device)?, ema.state(), "averaged weights")?;
        Ok(Some(self.muscall(&model)?))
    }
}
