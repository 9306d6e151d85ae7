//! From a recipe and manifests, or a checkpoint, to a run.

use std::sync::Arc;

use muscall_audio::{AudioCache, ClipConfig};
use muscall_model::weights::with_state;

use super::{Learner, Listener, MAX_SCALE, Run};
use crate::TrainError;
use crate::captions::{Captions, pretrained_text};
use crate::checkpoint::Progress;
use crate::dataset::{DataConfig, Dataset};
use crate::doctor::{FaultCounts, TrainingDoctor, leakage};
use crate::ema::Ema;
use crate::evaluate::subset;
use crate::event::Event;
use crate::log::RunLog;
use crate::loss_scale::LossScale;
use crate::manifest::Manifest;
use crate::run_dir;
use crate::schedule::{PlateauState, Schedule};
use crate::trainee::Trainee;

impl Run {
    pub(super) fn start(
        learner: &Learner,
        train: Manifest,
        validation: Option<Manifest>,
        listener: &mut Listener<'_>,
    ) -> Result<Self, TrainError> {
        let recipe = learner.recipe.clone();
        let dir = learner.dir.clone();
        let tracks = recipe.tracks_per_step();
        if train.rows.len() < tracks {
            return Err(TrainError::TooFewRows { path: train.source, rows: train.rows.len(), batch_size: tracks });
        }
        let steps = recipe.epochs * (train.rows.len() / tracks) as u64;
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
        };
        let resumed = run_dir::open(&dir, learner.on_existing, &fresh)?;
        if let Some(validation) = validation.as_ref().filter(|_| recipe.doctor) {
            for diagnosis in leakage(&train, validation) {
                let _ = listener(Event::Diagnosed(&diagnosis));
            }
        }
        let manifests: Vec<&Manifest> = std::iter::once(&train).chain(&validation).collect();
        let (captions, unsaved) = Captions::prepare(&recipe, &manifests, &learner.device, |done, total| {
            let _ = listener(Event::EmbeddingCaptions { done, total });
        })?;
        if let Some(error) = unsaved {
            let _ = listener(Event::Warning(&error));
        }

        let device = learner.device.clone().autodiff();
        if !device.supports_dtype(recipe.precision.dtype()) {
            let device = format!("{:?}", learner.device);
            return Err(TrainError::Precision { precision: recipe.precision, device });
        }
        device.seed(recipe.seed);
        let mut trainee = Trainee::new(&recipe, &device)?;
        let mut optimizer = recipe.optimizer.init();
        let mut progress = fresh;
        let mut averaged = None;
        if let Some(checkpoint) = resumed {
            progress = checkpoint.progress;
            trainee = trainee.with_state(checkpoint.model, &dir.join("checkpoints").display().to_string())?;
            optimizer.restore(checkpoint.optimizer, progress.optimizer_steps);
            averaged = checkpoint.ema;
        } else {
            let mut state = trainee.state();
            state.extend(pretrained_text(&recipe.model.text, &learner.device)?);
            trainee = trainee.with_state(state, "pretrained text encoder")?;
            if let Some(initial) = &learner.initial {
                trainee.model = with_state(trainee.model, initial.model.clone(), &initial.origin)?;
                initial.check_moments(&initial.model)?;
                if let Some((moments, steps)) = initial.optimizer.clone() {
                    optimizer.restore(moments, steps);
                    progress.optimizer_steps = steps;
                }
            }
        }
        let ema = recipe.ema.as_ref().map(|ema| match averaged {
            Some(state) => Ema::restore(ema.decay, state),
            None => Ema::new(ema.decay, &trainee.model),
        });
        let log = RunLog::open(&dir, &progress)?;
        let log_mel = &recipe.model.log_mel;
        let data = DataConfig {
            clip: ClipConfig { sample_rate: log_mel.sample_rate, samples: recipe.model.clip_samples(), strict: false },
            cache: recipe.data.cache.as_ref().map(AudioCache::new).transpose()?,
            augment: recipe.data.augment.clone(),
            random_crop: recipe.data.random_crop,
            captions_per_track: recipe.data.captions_per_track,
            views: recipe.ssl.as_ref().map(|ssl| ssl.augment.clone()),
            seed: recipe.seed,
        };
        let gallery = recipe.validation.gallery;
        let warm_up = match recipe.schedule {
            Schedule::Cosine { warmup } => (warmup * steps as f64) as u64,
            _ => 0,
        };
        Ok(Self {
            validation: validation.map(|manifest| subset(&manifest, gallery, recipe.seed)),
            frontend: Arc::new(log_mel.init()?),
            dataset: Arc::new(Dataset::new(train, data)?),
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
            log,
            steps,
            skipped_in_a_row: 0,
        })
    }
}
