//! What a run leaves behind.

use muscall_model::Muscall;
use muscall_model::weights::{state_of, with_state};

use super::run::Run;
use crate::TrainError;

impl Run {
    /// The best model and the averaged one, as the directory has them. Before the first step it has none.
    pub(super) fn best(&self) -> Result<(Muscall, Option<Muscall>), TrainError> {
        let read = self.ranks.first(|| {
            if self.progress.step == 0 {
                return Ok((self.muscall(&self.trainee.model)?, self.averaged()?));
            }
            let ema_dir = self.dir.join("ema");
            // Without a validation the last model is the best one.
            if self.progress.best.is_none() {
                self.muscall(&self.trainee.model)?.save(&self.dir)?;
                if let Some(ema) = self.averaged()? {
                    ema.save(&ema_dir)?;
                }
            }
            let model = Muscall::load(&self.dir, &self.device)?;
            let ema = self.ema.as_ref().map(|_| Muscall::load(&ema_dir, &self.device)).transpose()?;
            Ok((model, ema))
        })?;
        let (model, ema) = read.unzip();
        let model = self.on_all_ranks(model)?;
        let ema = match self.recipe.ema {
            Some(_) => Some(self.on_all_ranks(ema.flatten())?),
            None => None,
        };
        Ok((model, ema))
    }

    /// The model of rank 0. Other machines may not see its directory.
    fn on_all_ranks(&self, own: Option<Muscall>) -> Result<Muscall, TrainError> {
        let state = own.as_ref().filter(|_| self.ranks.size() > 1).map(|own| state_of(own.model()));
        let state = self.ranks.share_state(state)?;
        match own {
            Some(model) => Ok(model),
            None => self.muscall(&with_state(self.trainee.model.clone(), state, "the best weights")?),
        }
    }
}
