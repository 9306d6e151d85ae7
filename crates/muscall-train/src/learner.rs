//! The training loop.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use muscall_audio::{ClipConfig, LogMelExtractor};
use muscall_model::weights::{state_of, with_state};
use muscall_model::{ClipTokenizer, DualEncoder, Muscall, MuscallConfig, Temperature, TextBatch};

use crate::TrainError;
use crate::batcher::{EpochLoader, LoaderConfig, RawBatch};
use crate::checkpoint::{Checkpoint, Progress};
use crate::dataset::{DataConfig, Dataset, item_seed};
use crate::evaluate::{Evaluation, evaluate, subset};
use crate::event::{Event, StepReport, ValidationReport};
use crate::log::RunLog;
use crate::manifest::Manifest;
use crate::optimizer::AdamW;
use crate::recipe::{BestBy, Recipe};

/// Largest 1/τ; the logit scale is clamped to its logarithm after each step.
const MAX_SCALE: f32 = 100.0;

/// What to do when the run's directory holds a run already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnExisting {
    /// Refuse to touch it.
    #[default]
    Refuse,
    /// Go on from its last checkpoint.
    Resume,
    /// Remove its checkpoints and logs, and start anew.
    Replace,
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// The best model by validation, or the last one if there was none.
    pub model: Muscall,
    /// Steps taken in all.
    pub steps: u64,
    /// Whether the listener stopped it; it can be resumed.
    pub interrupted: bool,
}

/// Trains a dual encoder.
///
/// A run lives in a directory: the bundle of the best model so far, `checkpoints/`, `recipe.toml`
/// and the logs. A run that was stopped, or killed, goes on from its last checkpoint and ends with
/// the same weights as if it had not been, bit for bit on a CPU.
///
/// Dropout draws from the device's random state, which is set at each step: two runs at a time in
/// one process on one device would disturb each other.
#[derive(Debug, Clone)]
pub struct Learner {
    recipe: Recipe,
    dir: PathBuf,
    device: Device,
    on_existing: OnExisting,
}

impl Learner {
    /// A learner that refuses to overwrite a run.
    ///
    /// # Errors
    /// [`TrainError::Recipe`] and others if the recipe is not valid.
    pub fn new(recipe: Recipe, dir: impl Into<PathBuf>, device: &Device) -> Result<Self, TrainError> {
        recipe.validate()?;
        Ok(Self {
            recipe,
            dir: dir.into(),
            device: device.clone().without_autodiff(),
            on_existing: OnExisting::default(),
        })
    }

    /// Replaces what happens to a run that stands in the directory.
    #[must_use]
    pub fn with_on_existing(mut self, on_existing: OnExisting) -> Self {
        self.on_existing = on_existing;
        self
    }

    /// Trains until the last epoch, or until the listener breaks; then a checkpoint is written.
    ///
    /// # Errors
    /// [`TrainError`] names what is wrong: the data, the directory, or a loss that is not finite.
    pub fn fit(
        &self,
        train: Manifest,
        validation: Option<Manifest>,
        listener: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Outcome, TrainError> {
        Run::start(self, train, validation)?.finish(listener)
    }
}

struct Run {
    recipe: Recipe,
    config: MuscallConfig,
    dir: PathBuf,
    device: Device,
    dataset: Arc<Dataset>,
    validation: Option<Manifest>,
    frontend: Arc<LogMelExtractor>,
    tokenizer: ClipTokenizer,
    model: DualEncoder,
    optimizer: AdamW,
    progress: Progress,
    log: RunLog,
    steps: u64,
}

impl Run {
    fn start(learner: &Learner, train: Manifest, validation: Option<Manifest>) -> Result<Self, TrainError> {
        let recipe = learner.recipe.clone();
        let config = recipe.model.config();
        let dir = learner.dir.clone();
        if train.rows.len() < recipe.batch_size {
            return Err(TrainError::TooFewRows {
                path: train.source,
                rows: train.rows.len(),
                batch_size: recipe.batch_size,
            });
        }
        let steps = recipe.epochs * (train.rows.len() / recipe.batch_size) as u64;
        let fresh = Progress {
            step: 0,
            epoch: 0,
            step_in_epoch: 0,
            best: None,
            epochs_without_best: 0,
            recipe: recipe.clone(),
            data_fingerprint: train.fingerprint(),
        };
        let resumed = open_dir(&dir, learner.on_existing, &fresh)?;

        let device = learner.device.clone().autodiff();
        device.seed(recipe.seed);
        let mut model = config.init(&device)?.materialize();
        let mut optimizer = recipe.optimizer.init();
        let mut progress = fresh;
        if let Some(checkpoint) = resumed {
            progress = checkpoint.progress;
            model = with_state(model, checkpoint.model, &dir.join("checkpoints").display().to_string())?;
            optimizer.restore(checkpoint.optimizer, progress.step);
        }
        let log = RunLog::open(&dir, &progress)?;
        let data = DataConfig {
            clip: ClipConfig { sample_rate: config.log_mel.sample_rate, samples: config.clip_samples(), strict: false },
            augment: recipe.data.augment.clone(),
            random_crop: recipe.data.random_crop,
            seed: recipe.seed,
        };
        let gallery = recipe.validation.gallery;
        Ok(Self {
            validation: validation.map(|manifest| subset(&manifest, gallery, recipe.seed)),
            frontend: Arc::new(config.log_mel.init()?),
            tokenizer: ClipTokenizer::new().map_err(muscall_model::ModelError::from)?,
            dataset: Arc::new(Dataset::new(train, data)?),
            recipe,
            config,
            dir,
            device,
            model,
            optimizer,
            progress,
            log,
            steps,
        })
    }

    fn finish(mut self, listener: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>) -> Result<Outcome, TrainError> {
        let started = Event::Started {
            steps: self.steps,
            taken: self.progress.step,
            parameters: self.model.num_params(),
            rows: self.dataset.len(),
        };
        let mut interrupted = listener(started).is_break();
        while !interrupted && self.progress.epoch < self.recipe.epochs && !self.has_stalled() {
            interrupted = self.epoch(listener)?.is_break();
            self.checkpoint(listener)?;
        }
        // Without a validation the last model is the best one.
        let model = if self.progress.best.is_some() {
            Muscall::load(&self.dir, &self.device)?
        } else {
            let model = self.muscall()?;
            model.save(&self.dir)?;
            model
        };
        Ok(Outcome { model, steps: self.progress.step, interrupted })
    }

    fn has_stalled(&self) -> bool {
        let patience = self.recipe.validation.patience;
        patience.is_some_and(|patience| self.progress.epochs_without_best >= patience)
    }

    fn epoch(&mut self, listener: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>) -> Result<ControlFlow<()>, TrainError> {
        let epoch = self.progress.epoch;
        let config = LoaderConfig {
            batch_size: self.recipe.batch_size,
            threads: self.recipe.data.threads,
            prefetch_batches: self.recipe.data.prefetch_batches,
            drop_last: true,
            on_bad_file: self.recipe.data.on_bad_file,
        };
        let (dataset, frontend) = (self.dataset.clone(), self.frontend.clone());
        let mut loader = EpochLoader::new(dataset, frontend, config, epoch, self.progress.step_in_epoch)?;
        let mut clock = Instant::now();
        for batch in loader.by_ref() {
            let mut batch = batch?;
            for error in &batch.skipped {
                let _ = listener(Event::Skipped(error));
            }
            // A pair needs a negative; the schedule goes on all the same.
            if batch.indices.len() >= 2 {
                let mut report = self.step(&mut batch)?;
                report.clips_per_s = batch.indices.len() as f64 / clock.elapsed().as_secs_f64();
                self.log.step(&report)?;
                clock = Instant::now();
                self.progress.step += 1;
                self.progress.step_in_epoch += 1;
                if listener(Event::Step(&report)).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            } else {
                self.progress.step += 1;
                self.progress.step_in_epoch += 1;
            }
            let every = self.recipe.checkpoint_steps;
            if every.is_some_and(|every| self.progress.step.is_multiple_of(every)) {
                self.checkpoint(listener)?;
            }
        }
        let waited = loader.waited();
        drop(loader);
        self.validate(listener)?;
        self.progress.epoch += 1;
        self.progress.step_in_epoch = 0;
        Ok(listener(Event::EpochEnded { epoch, waited }))
    }

    /// Forward, backward, update.
    fn step(&mut self, batch: &mut RawBatch) -> Result<StepReport, TrainError> {
        let step = self.progress.step;
        // Dropout is then a function of the step, and a resumed run draws what this one draws.
        self.device.seed(item_seed(self.recipe.seed, u64::MAX, step));
        let bands = self.config.log_mel.n_mels;
        let pairs = batch.indices.len();
        let frames = batch.mels.len() / (pairs * bands);
        let mel = TensorData::new(std::mem::take(&mut batch.mels), [pairs, bands, frames]);
        let mel = Tensor::<3>::from_data(mel, &self.device);
        let tokens: Vec<_> = batch.captions.iter().map(|caption| self.tokenizer.encode(caption)).collect();
        let text = TextBatch::new(&tokens, &self.device);

        let audio = self.model.embed_audio(mel);
        let text = self.model.embed_text(text);
        let loss = self.recipe.loss.forward(audio, text, self.model.scale());
        let value = scalar(&loss);
        if !value.is_finite() {
            let rows = &self.dataset.manifest().rows;
            let ids = batch.indices.iter().map(|&i| rows[i].id.clone()).collect();
            return Err(TrainError::NotFinite { step, loss: value, ids });
        }
        let gradients = loss.backward();
        let rate = self.recipe.learning_rate * self.recipe.schedule.factor(step, self.steps);
        let frozen: &[&str] = match self.config.temperature {
            Temperature::Learned(_) => &[],
            Temperature::Fixed(_) => &["logit_scale"],
        };
        let (model, gradient_norm) = self.optimizer.step(self.model.clone(), &gradients, rate, frozen);
        self.model = model;
        clamp(&mut self.model.logit_scale);
        Ok(StepReport {
            step: step + 1,
            steps: self.steps,
            epoch: self.progress.epoch,
            loss: value,
            learning_rate: rate,
            gradient_norm,
            scale: scalar(&self.model.scale()),
            clips_per_s: 0.0,
        })
    }

    fn validate(&mut self, listener: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>) -> Result<(), TrainError> {
        let Some(manifest) = &self.validation else {
            return Ok(());
        };
        let model = self.muscall()?;
        let Evaluation { metrics, tracks, unreadable, .. } = evaluate(&model, manifest)?;
        for error in &unreadable {
            let _ = listener(Event::Skipped(error));
        }
        let found = &metrics.text_to_audio;
        let score = match self.recipe.validation.best_by {
            BestBy::RAt10 => [found.r_at_10, found.map_at_10],
            BestBy::MapAt10 => [found.map_at_10, found.r_at_10],
        };
        let is_best = self.progress.best.is_none_or(|best| score > best);
        let report =
            ValidationReport { step: self.progress.step, epoch: self.progress.epoch, tracks, metrics, is_best };
        self.log.validation(&report)?;
        let _ = listener(Event::Validated(&report));
        if is_best {
            model.save(&self.dir)?;
            self.progress.best = Some(score);
            self.progress.epochs_without_best = 0;
            let _ = listener(Event::BundleSaved(&self.dir));
        } else {
            self.progress.epochs_without_best += 1;
        }
        Ok(())
    }

    fn checkpoint(&self, listener: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>) -> Result<(), TrainError> {
        let checkpoint = Checkpoint {
            progress: self.progress.clone(),
            model: state_of(&self.model),
            optimizer: self.optimizer.state(),
        };
        let path = checkpoint.save(&self.dir.join("checkpoints"))?;
        let _ = listener(Event::CheckpointSaved(&path));
        Ok(())
    }

    fn muscall(&self) -> Result<Muscall, TrainError> {
        Ok(Muscall::new(self.config.clone(), &self.model, self.tokenizer.clone(), &self.device)?)
    }
}

/// Prepares the directory of a run; gives the checkpoint to go on from, if that is asked for.
fn open_dir(dir: &Path, on_existing: OnExisting, fresh: &Progress) -> Result<Option<Checkpoint>, TrainError> {
    let checkpoints = dir.join("checkpoints");
    let existing = Checkpoint::latest(&checkpoints);
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| TrainError::Io { path, source }
    };
    match on_existing {
        OnExisting::Refuse if checkpoints.exists() => return Err(TrainError::RunExists { path: dir.to_owned() }),
        OnExisting::Refuse => {}
        OnExisting::Replace => {
            if checkpoints.exists() {
                fs::remove_dir_all(&checkpoints).map_err(io(&checkpoints))?;
            }
        }
        OnExisting::Resume => {
            if let Some(checkpoint) = existing? {
                let progress = &checkpoint.progress;
                if progress.recipe != fresh.recipe {
                    return Err(TrainError::OtherRecipe { path: dir.join("recipe.toml") });
                }
                if progress.data_fingerprint != fresh.data_fingerprint {
                    return Err(TrainError::OtherData { path: dir.to_owned() });
                }
                return Ok(Some(checkpoint));
            }
        }
    }
    fs::create_dir_all(&checkpoints).map_err(io(&checkpoints))?;
    for log in ["log.jsonl", "steps.csv", "validation.csv"] {
        let path = dir.join(log);
        if path.exists() {
            fs::remove_file(&path).map_err(io(&path))?;
        }
    }
    let path = dir.join("recipe.toml");
    let text = toml::to_string(&fresh.recipe).map_err(|source| TrainError::RecipeText { source })?;
    fs::write(&path, text).map_err(io(&path))?;
    Ok(None)
}

fn scalar(tensor: &Tensor<1>) -> f64 {
    f64::from(tensor.clone().into_scalar::<f32>())
}

/// Keeps exp(logit scale) at most [`MAX_SCALE`].
fn clamp(logit_scale: &mut Param<Tensor<1>>) {
    let limit = MAX_SCALE.ln();
    if logit_scale.val().into_scalar::<f32>() > limit {
        *logit_scale = logit_scale.clone().map(|scale| {
            let device = scale.device();
            Tensor::from_data([limit], &device).require_grad()
        });
    }
}
