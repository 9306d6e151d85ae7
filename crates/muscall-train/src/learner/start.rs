//! From a recipe and manifests, or a checkpoint, to a run.

use std::sync::Arc;
use std::time::Instant;

use muscall_audio::{AudioCache, ClipConfig};
use muscall_model::weights::{StateDict, with_state};
use muscall_model::{LOGIT_SCALE, Temperature, is_cpu};

use super::files::{RunFiles, Waits};
use super::outcome::Listener;
use super::run::{Position, Run};
use super::step::MAX_SCALE;
use super::{Learner, OnExisting};
use crate::TrainError;
use crate::captions::Captions;
use crate::checkpoint::{Checkpoint, Progress};
use crate::dataset::{DataConfig, Dataset};
use crate::distributed::{Division, Ranks, SharedNorms};
use crate::doctor::{FaultCounts, TrainingDoctor, leakage};
use crate::draws;
use crate::ema::Ema;
use crate::evaluate::subset;
use crate::event::Event;
use crate::log::RunLog;
use crate::loss_scale::LossScale;
use crate::manifest::Manifest;
use crate::optimizer::AdamW;
use crate::recipe::{OnNotFinite, Recipe};
use crate::run_dir;
use crate::schedule::{PlateauState, Schedule};
use crate::trainee::Trainee;

impl Run {
    pub(super) fn start(
        learner: &Learner,
        ranks: Arc<Ranks>,
        train: Manifest,
        validation: Option<Manifest>,
        listener: &mut Listener<'_>,
    ) -> Result<Self, TrainError> {
        let recipe = learner.recipe.clone();
        let dir = learner.dir.clone();
        ranks.agree(check_sizes(&recipe, &train, ranks.size()))?;
        let steps = recipe.epochs * (train.rows.len() / recipe.tracks_per_step()) as u64;
        let steps = steps.min(recipe.max_steps.unwrap_or(u64::MAX));
        let fresh = Progress {
            step: 0,
            epoch: 0,
            step_in_epoch: 0,
            best: None,
            epochs_without_best: 0,
            optimizer_steps: 0,
            epoch_loss: (0.0, 0),
            best_ema: None,
            plateau: PlateauState::default(),
            loss_scale: LossScale::of(recipe.precision),
            recipe: recipe.clone(),
            data_fingerprint: train.fingerprint(),
            absent: None,
        };
        let own = toml::to_string(&recipe).map_err(|source| TrainError::RecipeText { source });
        ranks.check_same("recipe", &ranks.agree(own)?)?;
        ranks.check_same("manifest of training rows", &fresh.data_fingerprint)?;
        let resumed = ranks.first(|| run_dir::find(&dir, learner.on_existing, &fresh))?.flatten();
        if let Some(validation) = validation.as_ref().filter(|_| recipe.doctor && ranks.is_first()) {
            for diagnosis in leakage(&train, validation) {
                let _ = listener(Event::Diagnosed(&diagnosis));
            }
        }
        let manifests: Vec<&Manifest> = std::iter::once(&train).chain(&validation).collect();
        let mut prepare = || {
            Captions::prepare(&recipe, &manifests, &learner.device, |done, total| {
                let _ = listener(Event::EmbeddingCaptions { done, total });
            })
        };
        // The others find on the disk what rank 0 has computed, if they see the same one.
        let (captions, unsaved) = match ranks.first(&mut prepare)? {
            Some(prepared) => ranks.agree(Ok(prepared))?,
            None => ranks.agree(prepare())?,
        };
        if let Some(error) = unsaved {
            let _ = listener(Event::Warning(&error));
        }

        let device = learner.device.clone().autodiff();
        let supports = match device.supports_dtype(recipe.precision.dtype()) {
            true => Ok(()),
            false => {
                let device = format!("{:?}", learner.device);
                Err(TrainError::Precision { precision: recipe.precision, device })
            }
        };
        ranks.agree(supports)?;
        let drawn = {
            let _draws = draws::seeded(&device, recipe.seed);
            Trainee::new(&recipe, &device)
        };
        let trainee = ranks.agree(drawn.map_err(TrainError::from))?;
        let state = State { progress: fresh, trainee, optimizer: recipe.optimizer.init(), averaged: None };
        let state = if ranks.is_first() { state.loaded(learner, resumed) } else { Ok(state) };
        let State { progress, trainee, optimizer, averaged } = ranks.agree(state)?.on_all_ranks(&ranks)?;
        // An average is what is saved, and rank 0 saves.
        let ema = recipe.ema.as_ref().filter(|_| ranks.is_first()).map(|ema| match averaged {
            Some(state) => Ema::restore(ema.decay, state),
            None => Ema::new(ema.decay, &trainee.model),
        });
        let prepared = || -> Result<_, TrainError> {
            let frontend = recipe.model.log_mel.init()?;
            let cache = recipe.data.cache.as_ref().map(AudioCache::new).transpose()?;
            Ok((frontend, cache))
        };
        let (frontend, cache) = ranks.agree(prepared())?;
        let gallery = recipe.validation.gallery;
        let validation = validation.map(|manifest| subset(&manifest, gallery, recipe.seed));
        let waits = Waits { leaves_out_missing: learner.leaves_out_missing, patience: learner.patience };
        let files = RunFiles::look(&ranks, &progress, &train, validation.as_ref(), waits)?;
        let log_mel = &recipe.model.log_mel;
        let data = DataConfig {
            clip: ClipConfig {
                padding: recipe.model.padding,
                ..ClipConfig::new(log_mel.sample_rate, recipe.model.clip_samples())
            },
            cache: cache.clone(),
            augment: recipe.data.augment.clone(),
            random_crop: recipe.data.random_crop,
            captions_per_track: recipe.data.captions_per_track,
            views: recipe.ssl.as_ref().map(|ssl| ssl.augment.clone()),
            seed: recipe.seed,
        };
        let dataset = Arc::new(ranks.agree(Dataset::new(train, data).map_err(TrainError::from))?);
        let warm_up = match recipe.schedule {
            Schedule::Cosine { warmup } => (warmup * steps as f64) as u64,
            _ => 0,
        };
        // A step that may be left out is waited for, and so is what ranks exchange.
        let may_wait = ranks.size() == 1 && progress.loss_scale.is_none() && recipe.on_not_finite == OnNotFinite::Stop;
        Ok(Self {
            reports_late: may_wait && learner.late_reports.unwrap_or_else(|| !is_cpu(&learner.device)),
            learned: Position::of(&progress),
            frontend: Arc::new(frontend),
            validation,
            dataset,
            files,
            cache,
            has_told_of_cache: false,
            division: Division::new(recipe.batch_size, recipe.micro_batch, ranks.rank(), ranks.size()),
            norms: (recipe.sync_batch_norm && ranks.size() > 1).then(|| Arc::new(SharedNorms::new(ranks.clone()))),
            doctor: TrainingDoctor::new(warm_up, f64::from(MAX_SCALE)),
            faults: FaultCounts::default(),
            captions,
            recipe,
            dir,
            device,
            trainee,
            ema,
            optimizer,
            progress,
            log: None,
            steps,
            ranks,
            skipped_in_a_row: 0,
            underway: None,
            clock: Instant::now(),
        })
    }

    /// Makes the directory the run's own. It comes last: a run that cannot start leaves it as it was. From here on
    /// there is a checkpoint to go on from.
    pub(super) fn claim(&mut self, on_existing: OnExisting) -> Result<(), TrainError> {
        let (ranks, dir) = (self.ranks.clone(), self.dir.clone());
        self.log = ranks.first(|| {
            // One that goes on has claimed it already.
            if self.progress.step == 0 {
                self.with_checkpoint(|first| run_dir::claim(&dir, on_existing, first))?;
            }
            RunLog::open(&dir, &self.progress)
        })?;
        Ok(())
    }
}

/// Whether a step has enough rows, and each rank something to do.
fn check_sizes(recipe: &Recipe, train: &Manifest, ranks: usize) -> Result<(), TrainError> {
    let (tracks, rows) = (recipe.tracks_per_step(), train.rows.len());
    if rows < tracks {
        return Err(TrainError::TooFewRows { path: train.source.clone(), rows, batch_size: tracks });
    }
    if recipe.batch_size < ranks {
        return Err(TrainError::TooManyRanks { ranks, batch_size: recipe.batch_size });
    }
    Ok(())
}

/// Where a run begins.
struct State {
    progress: Progress,
    trainee: Trainee,
    optimizer: AdamW,
    averaged: Option<StateDict>,
}

impl State {
    /// From a checkpoint, or from pretrained weights if there are any.
    fn loaded(mut self, learner: &Learner, resumed: Option<Checkpoint>) -> Result<Self, TrainError> {
        if let Some(checkpoint) = resumed {
            let origin = learner.dir.join("checkpoints").display().to_string();
            self.progress = checkpoint.progress;
            self.progress.recipe = learner.recipe.clone();
            self.trainee = self.trainee.with_state(checkpoint.model, &origin)?;
            self.optimizer.restore(checkpoint.optimizer, self.progress.optimizer_steps);
            self.averaged = checkpoint.ema;
            return Ok(self);
        }
        let mut state = self.trainee.state();
        state.extend(learner.recipe.model.pretrained(&learner.device)?);
        self.trainee = self.trainee.with_state(state, "pretrained encoders")?;
        if let Some(initial) = &learner.initial {
            let mut weights = initial.model.clone();
            if let Temperature::Fixed(_) = learner.recipe.model.temperature {
                // It is the recipe's, whatever the weights were trained with.
                weights.insert(LOGIT_SCALE.to_owned(), self.trainee.model.logit_scale.val().into_data());
            }
            self.trainee.model = with_state(self.trainee.model, weights, &initial.origin)?;
            initial.check_moments(&initial.model)?;
            if let Some((moments, steps)) = initial.optimizer.clone() {
                self.optimizer.restore(moments, steps);
                self.progress.optimizer_steps = steps;
            }
        }
        Ok(self)
    }

    /// That of rank 0. Whatever else ranks have is a function of it.
    fn on_all_ranks(mut self, ranks: &Ranks) -> Result<Self, TrainError> {
        if ranks.size() == 1 {
            return Ok(self);
        }
        self.progress = ranks.share(Ok(self.progress))?;
        let weights = ranks.share_state(Some(self.trainee.state()))?;
        self.trainee = self.trainee.with_state(weights, "the weights of rank 0")?;
        let moments = ranks.share_state(Some(self.optimizer.take_state()))?;
        self.optimizer.restore(moments, self.progress.optimizer_steps);
        Ok(self)
    }
}
