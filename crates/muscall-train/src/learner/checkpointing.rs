//! Where a run begins, with random, pretrained or given weights or with those of its checkpoint; and the checkpoints
//! that it goes on from.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use muscall_data::AbsentRows;
use muscall_model::weights::with_state;
use muscall_model::{LOGIT_SCALE, Temperature};

use super::options::Options;
use super::state::{Position, TrainingState};
use crate::TrainError;
use crate::checkpoint::{Checkpoint, Progress};
use crate::distributed::Ranks;
use crate::draws;
use crate::ema::Ema;
use crate::initial::InitialWeights;
use crate::recipe::Recipe;
use crate::run_dir;
use crate::trainee::Trainee;

/// Into a run.
impl TrainingState {
    /// The state before the first step that is to be taken, the same on all ranks.
    pub(super) fn begin(
        options: &Options,
        ranks: &Ranks,
        device: &Device,
        fresh: Progress,
        resumed: Option<Checkpoint>,
    ) -> Result<Self, TrainError> {
        let state = ranks.agree(Self::random(&options.recipe, device, fresh))?;
        let state = match resumed {
            _ if !ranks.is_first() => Ok(state),
            Some(checkpoint) => state.resumed(options, checkpoint),
            None => state.pretrained(options),
        };
        let mut state = ranks.agree(state)?.on_all_ranks(ranks)?;
        // An average is what is saved, and rank 0 saves.
        if let Some(ema) = options.recipe.ema.as_ref().filter(|_| ranks.is_first())
            && state.ema.is_none()
        {
            state.ema = Some(Ema::new(ema.decay, &state.trainee.model));
        }
        Ok(state)
    }

    fn random(recipe: &Recipe, device: &Device, fresh: Progress) -> Result<Self, TrainError> {
        let _draws = draws::seeded(device, recipe.seed);
        Ok(Self {
            trainee: Trainee::new(recipe, device)?,
            optimizer: recipe.optimizer.init(),
            ema: None,
            learned: Position::of(&fresh),
            progress: fresh,
            left_out_in_a_row: 0,
        })
    }

    fn resumed(mut self, options: &Options, checkpoint: Checkpoint) -> Result<Self, TrainError> {
        let origin = run_dir::checkpoints(&options.dir).display().to_string();
        self.progress = Progress { recipe: options.recipe.clone(), ..checkpoint.progress };
        self.trainee = self.trainee.with_state(checkpoint.model, &origin)?;
        self.optimizer.restore(checkpoint.optimizer, self.progress.optimizer_steps);
        self.ema = options.recipe.ema.as_ref().zip(checkpoint.ema).map(|(ema, state)| Ema::restore(ema.decay, state));
        Ok(self)
    }

    /// With pretrained encoders where the recipe has them, and with the weights that the learner was given.
    fn pretrained(mut self, options: &Options) -> Result<Self, TrainError> {
        let mut weights = self.trainee.state();
        weights.extend(options.recipe.model.pretrained(&options.device)?);
        self.trainee = self.trainee.with_state(weights, "pretrained encoders")?;
        match &options.initial {
            Some(initial) => self.with_initial(&options.recipe, initial),
            None => Ok(self),
        }
    }

    fn with_initial(mut self, recipe: &Recipe, initial: &InitialWeights) -> Result<Self, TrainError> {
        let mut weights = initial.model.clone();
        if let Temperature::Fixed(_) = recipe.model.temperature {
            // It is the recipe's, whatever the weights were trained with.
            weights.insert(LOGIT_SCALE.to_owned(), self.trainee.model.logit_scale.val().into_data());
        }
        self.trainee.model = with_state(self.trainee.model, weights, &initial.origin)?;
        initial.check_moments(&initial.model)?;
        if let Some((moments, steps)) = initial.optimizer.clone() {
            self.optimizer.restore(moments, steps);
            self.progress.optimizer_steps = steps;
        }
        Ok(self)
    }

    /// That of rank 0. Whatever else ranks have is a function of it.
    fn on_all_ranks(mut self, ranks: &Ranks) -> Result<Self, TrainError> {
        if ranks.size() > 1 {
            self.progress = ranks.share(Ok(self.progress))?;
            let weights = ranks.share_state(Some(self.trainee.state()))?;
            self.trainee = self.trainee.with_state(weights, "the weights of rank 0")?;
            let moments = ranks.share_state(Some(self.optimizer.take_state()))?;
            self.optimizer.restore(moments, self.progress.optimizer_steps);
        }
        self.learned = Position::of(&self.progress);
        Ok(self)
    }
}

/// Out of it.
impl TrainingState {
    /// Writes a checkpoint into the run's directory.
    pub(super) fn save(&mut self, dir: &Path, absent: AbsentRows) -> Result<PathBuf, TrainError> {
        self.with_checkpoint(absent, |checkpoint| checkpoint.save(&run_dir::checkpoints(dir)))
    }

    /// What the run is after the last step that it has learned from.
    pub(super) fn with_checkpoint<T>(
        &mut self,
        absent: AbsentRows,
        work: impl FnOnce(&Checkpoint) -> Result<T, TrainError>,
    ) -> Result<T, TrainError> {
        let Position { step, epoch, step_in_epoch } = self.learned;
        let absent = Some(absent);
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
}
