//! Where a run begins, with random, pretrained or given weights or with those of its checkpoint; and the checkpoints
//! that it goes on from.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use muscall_data::AbsentRows;
use muscall_model::weights::{StateDict, with_state};
use muscall_model::{LOGIT_SCALE, Temperature};
use xxhash_rust::xxh3::Xxh3;

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
        let recipe = &options.recipe;
        let state = match resumed {
            _ if !ranks.is_first() => Ok(state),
            Some(checkpoint) if recipe.learns.is_all() => state.resumed(options, checkpoint),
            // The checkpoint has what learns, and the rest is where it was.
            Some(checkpoint) => state.pretrained(options).and_then(|state| state.resumed(options, checkpoint)),
            None => state.pretrained(options),
        };
        let mut state = ranks.agree(state)?.on_all_ranks(ranks)?;
        state.trainee = state.trainee.with_frozen(|name| !recipe.trains(name));
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
        let frozen = std::mem::take(&mut self.progress.frozen);
        self.progress = Progress { recipe: options.recipe.clone(), ..checkpoint.progress };
        if frozen != self.progress.frozen {
            let origin =
                options.initial.as_ref().map_or_else(|| "the recipe".to_owned(), |initial| initial.origin.clone());
            return Err(TrainError::OtherInitial { path: options.dir.clone(), origin });
        }
        let mut weights = checkpoint.model;
        if !options.recipe.learns.is_all() {
            let own = self.trainee.state().into_iter().filter(|(name, _)| !options.recipe.trains(name));
            weights.extend(own);
        }
        self.trainee = self.trainee.with_state(weights, &origin)?;
        self.optimizer.restore(checkpoint.optimizer, self.progress.optimizer_steps);
        self.ema = options.recipe.ema.as_ref().zip(checkpoint.ema).map(|(ema, state)| Ema::restore(ema.decay, state));
        Ok(self)
    }

    /// With pretrained encoders where the recipe has them, and with the weights that the learner was given.
    fn pretrained(mut self, options: &Options) -> Result<Self, TrainError> {
        let mut weights = self.trainee.state();
        weights.extend(options.recipe.model.pretrained(&options.device)?);
        self.trainee = self.trainee.with_state(weights, "pretrained encoders")?;
        if let Some(initial) = &options.initial {
            self = self.with_initial(&options.recipe, initial)?;
        }
        let recipe = &options.recipe;
        if let Some(teacher) = &options.teacher {
            // The side that stays is the teacher's.
            let mut weights = self.trainee.state();
            let stays = teacher.state()?.into_owned().into_iter().filter(|(name, _)| !recipe.trains(name));
            weights.extend(stays);
            self.trainee = self.trainee.with_state(weights, "the teacher")?;
        }
        if !recipe.learns.is_all() {
            self.progress.frozen = Some(content_of(&self.trainee.state(), |name| !recipe.trains(name)));
        }
        Ok(self)
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
        let recipe = &self.progress.recipe;
        let model = match recipe.learns.is_all() {
            true => self.trainee.state(),
            false => self.trainee.state_where(|name| recipe.trains(name)),
        };
        let checkpoint = Checkpoint {
            progress: Progress { step, epoch, step_in_epoch, absent, ..self.progress.clone() },
            model,
            // Moments are twice as large as the model: they are lent, not copied.
            optimizer: self.optimizer.take_state(),
            ema: self.ema.as_ref().map(Ema::state),
        };
        let done = work(&checkpoint);
        self.optimizer.restore(checkpoint.optimizer, self.optimizer.step_count());
        done
    }
}

/// A hash of some tensors, with their names.
fn content_of(state: &StateDict, is_wanted: impl Fn(&str) -> bool) -> String {
    let mut hash = Xxh3::new();
    for (name, data) in state.iter().filter(|(name, _)| is_wanted(name)) {
        hash.update(name.as_bytes());
        hash.update(data.as_bytes());
    }
    format!("{:032x}", hash.digest128())
}
