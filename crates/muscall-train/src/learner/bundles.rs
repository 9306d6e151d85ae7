//! The models that a run leaves behind as bundles: the best one, and the best average.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use muscall_model::weights::with_state;
use muscall_model::{DualEncoder, Muscall, TextFrontend};

use super::data::TrainingData;
use super::reporter::Reporter;
use super::state::TrainingState;
use crate::TrainError;
use crate::distributed::Ranks;
use crate::ema::Ema;
use crate::evaluate::Evaluation;
use crate::event::{Event, ValidationReport};
use crate::recipe::{BestBy, Recipe};

/// Makes models of weights, and keeps the best ones in the run's directory.
pub(super) struct Bundles<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) dir: &'a Path,
    /// With autodiff.
    pub(super) device: Device,
    pub(super) frontend: TextFrontend,
}

impl Bundles<'_> {
    /// Scores the weights, and the averaged ones; keeps what is best. The score of the weights.
    pub(super) fn validate(
        &self,
        state: &mut TrainingState,
        data: &TrainingData<'_>,
        reporter: &mut Reporter<'_>,
    ) -> Result<Option<f64>, TrainError> {
        let Some(validation) = &data.validation else {
            return Ok(None);
        };
        let mut first = None;
        for (model, is_ema) in [(Some(self.model(&state.trainee.model)?), false), (self.averaged(state)?, true)] {
            let Some(model) = model else { continue };
            let Evaluation { metrics, tracks, unreadable, explained, .. } = data.evaluate(&model, validation)?;
            if !is_ema {
                for error in &unreadable {
                    reporter.tell(Event::Skipped(error));
                }
            }
            let found = &metrics.text_to_audio;
            let score = match (explained, self.recipe.validation.best_by) {
                // A student is as good as it is near.
                (Some(explained), _) => [explained, found.map_at_10],
                (None, BestBy::RAt10) => [found.r_at_10, found.map_at_10],
                (None, BestBy::MapAt10) => [found.map_at_10, found.r_at_10],
            };
            let progress = &mut state.progress;
            let best = if is_ema { &mut progress.best_ema } else { &mut progress.best };
            let is_best = best.is_none_or(|best| score > best);
            if is_best {
                *best = Some(score);
            }
            let (step, epoch) = (progress.step, progress.epoch);
            reporter.tell_validation(&ValidationReport { step, epoch, tracks, metrics, explained, is_ema, is_best })?;
            if is_best {
                let dir = if is_ema { self.ema_dir() } else { self.dir.to_owned() };
                model.save(&dir)?;
                reporter.tell(Event::BundleSaved(&dir));
            }
            if !is_ema {
                progress.epochs_without_best = if is_best { 0 } else { progress.epochs_without_best + 1 };
                first = Some(score[0]);
            }
        }
        Ok(first)
    }

    /// The best model and the averaged one, as the directory has them. Before the first step it has none.
    pub(super) fn best(&self, state: &TrainingState, ranks: &Ranks) -> Result<(Muscall, Option<Muscall>), TrainError> {
        let read = ranks.first(|| {
            if state.progress.step == 0 {
                return Ok((self.model(&state.trainee.model)?, self.averaged(state)?));
            }
            // Without a validation the last model is the best one.
            if state.progress.best.is_none() {
                self.model(&state.trainee.model)?.save(self.dir)?;
                if let Some(ema) = self.averaged(state)? {
                    ema.save(self.ema_dir())?;
                }
            }
            let model = Muscall::load(self.dir, &self.device)?;
            let ema = state.ema.as_ref().map(|_| Muscall::load(self.ema_dir(), &self.device)).transpose()?;
            Ok((model, ema))
        })?;
        let (model, ema) = read.unzip();
        let model = self.on_all_ranks(model, state, ranks)?;
        let ema = match self.recipe.ema {
            Some(_) => Some(self.on_all_ranks(ema.flatten(), state, ranks)?),
            None => None,
        };
        Ok((model, ema))
    }

    /// The model of rank 0. Other machines may not see its directory.
    fn on_all_ranks(&self, own: Option<Muscall>, state: &TrainingState, ranks: &Ranks) -> Result<Muscall, TrainError> {
        let weights = own.as_ref().filter(|_| ranks.size() > 1).map(Muscall::state).transpose()?.map(Cow::into_owned);
        let weights = ranks.share_state(weights)?;
        match own {
            Some(model) => Ok(model),
            None => self.model(&with_state(state.trainee.model.clone(), weights, "the best weights")?),
        }
    }

    fn ema_dir(&self) -> PathBuf {
        self.dir.join("ema")
    }

    fn model(&self, encoders: &DualEncoder) -> Result<Muscall, TrainError> {
        Ok(Muscall::new(self.recipe.model.clone(), encoders, self.frontend.clone(), &self.device)?)
    }

    /// The model with the averaged weights, if there are any.
    fn averaged(&self, state: &TrainingState) -> Result<Option<Muscall>, TrainError> {
        let Some(weights) = state.ema.as_ref().map(Ema::state) else {
            return Ok(None);
        };
        let device = self.device.clone().without_autodiff();
        let encoders = with_state(self.recipe.model.init(&device)?, weights, "averaged weights")?;
        Ok(Some(self.model(&encoders)?))
    }
}
