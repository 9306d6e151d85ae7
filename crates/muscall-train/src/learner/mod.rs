//! The training loop.

mod check;
mod skip;
mod start;
mod validation;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use muscall_audio::LogMelExtractor;
use muscall_model::weights::running_statistics;
use muscall_model::{Muscall, Temperature};

use crate::TrainError;
use crate::batcher::{EpochLoader, LoadedItem, LoaderConfig};
use crate::captions::{Captions, PRETRAINED};
use crate::checkpoint::Progress;
use crate::dataset::{Dataset, item_seed};
use crate::doctor::{FaultCounts, TrainingDoctor, mean_pairwise_cosine};
use crate::ema::Ema;
use crate::event::{Event, StepReport};
use crate::initial::InitialWeights;
use crate::log::RunLog;
use crate::manifest::Manifest;
use crate::optimizer::AdamW;
use crate::recipe::Recipe;
use crate::step::{StepContext, StepGradients};
use crate::trainee::Trainee;

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

/// Whether the device is compared with the CPU before the first step: activations, gradients and two steps on
/// batches of four tracks. A device that disagrees ends the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CheckDevice {
    /// No.
    Never,
    /// If it is not the CPU.
    #[default]
    Gpu,
    /// In any case: a CPU agrees with itself.
    Always,
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
    /// The averaged weights, if the recipe asks for them; the bundle is in `ema/`.
    pub ema: Option<Muscall>,
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
    initial: Option<InitialWeights>,
    check_device: CheckDevice,
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
            initial: None,
            check_device: CheckDevice::default(),
        })
    }

    /// Starts from these weights; a run that is resumed goes on from its own.
    #[must_use]
    pub fn with_initial(mut self, initial: InitialWeights) -> Self {
        self.initial = Some(initial);
        self
    }

    /// Replaces what happens to a run that stands in the directory.
    #[must_use]
    pub fn with_on_existing(mut self, on_existing: OnExisting) -> Self {
        self.on_existing = on_existing;
        self
    }

    /// Replaces whether the device is compared with the CPU before the first step.
    #[must_use]
    pub fn with_check_device(mut self, check_device: CheckDevice) -> Self {
        self.check_device = check_device;
        self
    }

    /// Trains until the last epoch, or until the listener breaks; then a checkpoint is written.
    ///
    /// # Errors
    /// [`TrainError`] names what is wrong: the data, the directory, the device, or a loss that is not finite.
    pub fn fit(
        &self,
        train: Manifest,
        validation: Option<Manifest>,
        listener: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Outcome, TrainError> {
        let run = Run::start(self, train, validation, listener)?;
        run.check_device(self.check_device, listener)?;
        run.finish(listener)
    }
}

struct Run {
    recipe: Recipe,
    dir: PathBuf,
    device: Device,
    dataset: Arc<Dataset>,
    validation: Option<Manifest>,
    frontend: Arc<LogMelExtractor>,
    captions: Captions,
    trainee: Trainee,
    ema: Option<Ema>,
    optimizer: AdamW,
    progress: Progress,
    log: RunLog,
    doctor: TrainingDoctor,
    faults: FaultCounts,
    steps: u64,
    skipped_in_a_row: u32,
}

type Listener<'a> = dyn FnMut(Event<'_>) -> ControlFlow<()> + 'a;

impl Run {
    fn finish(mut self, listener: &mut Listener<'_>) -> Result<Outcome, TrainError> {
        let started = Event::Started {
            steps: self.steps,
            taken: self.progress.step,
            parameters: self.trainee.model.num_params() + self.trainee.heads.num_params(),
            rows: self.dataset.len(),
        };
        let mut interrupted = listener(started).is_break();
        while !interrupted && !self.is_over() {
            interrupted = self.epoch(listener)?.is_break();
            self.checkpoint(listener)?;
        }
        // Without a validation the last model is the best one.
        let ema_dir = self.dir.join("ema");
        if self.progress.best.is_none() {
            self.muscall(&self.trainee.model)?.save(&self.dir)?;
            if let Some(ema) = self.averaged()? {
                ema.save(&ema_dir)?;
            }
        }
        let model = Muscall::load(&self.dir, &self.device)?;
        let ema = self.ema.as_ref().map(|_| Muscall::load(&ema_dir, &self.device)).transpose()?;
        Ok(Outcome { model, steps: self.progress.step, interrupted, ema })
    }

    fn is_over(&self) -> bool {
        let patience = self.recipe.validation.patience;
        let has_stalled = patience.is_some_and(|patience| self.progress.epochs_without_best >= patience);
        // After the last step its epoch still has a validation to come.
        let is_between_epochs = self.progress.step_in_epoch == 0;
        is_between_epochs
            && (has_stalled || self.progress.epoch >= self.recipe.epochs || self.progress.step >= self.steps)
    }

    fn epoch(&mut self, listener: &mut Listener<'_>) -> Result<ControlFlow<()>, TrainError> {
        let epoch = self.progress.epoch;
        let config = LoaderConfig {
            batch_size: self.recipe.tracks_per_step(),
            threads: self.recipe.data.threads,
            prefetch_batches: self.recipe.data.prefetch_batches,
            drop_last: true,
            on_bad_file: self.recipe.data.on_bad_file,
        };
        let (dataset, frontend) = (self.dataset.clone(), self.frontend.clone());
        let mut loader = EpochLoader::new(dataset, frontend, config, epoch, self.progress.step_in_epoch)?;
        let started = Instant::now();
        let mut clock = started;
        while self.progress.step < self.steps {
            let Some(batch) = loader.next() else { break };
            let batch = batch?;
            for error in &batch.skipped {
                let _ = listener(Event::Skipped(error));
            }
            // A pair needs a negative; the schedule goes on all the same.
            let report = if batch.items.len() >= 2 { self.step(&batch.items, listener)? } else { None };
            self.progress.step += 1;
            self.progress.step_in_epoch += 1;
            if let Some(mut report) = report {
                report.clips_per_s = batch.items.len() as f64 / clock.elapsed().as_secs_f64();
                let (sum, count) = self.progress.epoch_loss;
                self.progress.epoch_loss = (sum + report.loss, count + 1);
                self.log.step(&report)?;
                clock = Instant::now();
                if listener(Event::Step(&report)).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            let every = self.recipe.checkpoint_steps;
            if every.is_some_and(|every| self.progress.step.is_multiple_of(every)) {
                self.checkpoint(listener)?;
            }
        }
        let (trained, waited) = (started.elapsed(), loader.waited());
        drop(loader);
        if self.recipe.doctor {
            for diagnosis in std::mem::take(&mut self.faults).diagnoses(self.dataset.len()) {
                let _ = listener(Event::Diagnosed(&diagnosis));
            }
        }
        let score = self.validate(listener)?;
        let (sum, count) = std::mem::take(&mut self.progress.epoch_loss);
        let mean_loss = sum / count.max(1) as f64;
        self.progress.plateau.advance(&self.recipe.schedule, score.unwrap_or(-mean_loss));
        self.progress.epoch += 1;
        self.progress.step_in_epoch = 0;
        Ok(listener(Event::EpochEnded { epoch, trained, waited }))
    }

    /// Forward, backward, update; nothing if the step was left out.
    fn step(&mut self, items: &[LoadedItem], listener: &mut Listener<'_>) -> Result<Option<StepReport>, TrainError> {
        let step = self.progress.step;
        let running = self.may_skip().then(|| running_statistics(&self.trainee.model));
        let StepGradients { gradients, loss, audio, text } = self.gradients(items, step);
        let gradient_norm = gradients.norm();
        if !loss.total.is_finite() || !gradient_norm.is_finite() {
            let skipped = self.skip(items, loss.total, gradient_norm, running)?;
            let _ = listener(Event::StepSkipped(&skipped));
            return Ok(None);
        }
        self.skipped_in_a_row = 0;
        if let Some(scale) = &mut self.progress.loss_scale {
            scale.grow();
        }
        let base = self.recipe.learning_rate * self.recipe.schedule.factor(step, self.steps);
        let base = base * self.progress.plateau.factor;
        let is_fixed = matches!(self.recipe.model.temperature, Temperature::Fixed(_));
        let pretrained = self.recipe.optimizer.pretrained_rate;
        let rate = |name: &str| match name {
            "logit_scale" if is_fixed => 0.0,
            name if name.starts_with(PRETRAINED) => base * pretrained,
            _ => base,
        };
        let mut update = self.optimizer.step(&gradients, &rate);
        self.trainee.model = update.apply(self.trainee.model.clone());
        self.trainee.heads = update.apply(self.trainee.heads.clone());
        self.progress.optimizer_steps = self.optimizer.step_count();
        clamp(&mut self.trainee.model.logit_scale);
        if let Some(ema) = &mut self.ema {
            ema.update(&self.trainee.model, step + 1);
        }
        let report = StepReport {
            step: step + 1,
            steps: self.steps,
            epoch: self.progress.epoch,
            loss: loss.total,
            pair_loss: loss.pairs,
            ssl_loss: loss.ssl,
            learning_rate: base,
            gradient_norm,
            scale: f64::from(self.trainee.model.scale().into_scalar::<f32>()),
            clips_per_s: 0.0,
        };
        if self.recipe.doctor {
            let dim = self.recipe.model.projection_dim;
            let cosines = [mean_pairwise_cosine(&audio, dim), mean_pairwise_cosine(&text, dim)];
            let chance = self.recipe.loss.at_chance(items.len().min(self.recipe.batch_size));
            for diagnosis in self.doctor.step(&report, chance, cosines) {
                let _ = listener(Event::Diagnosed(&diagnosis));
            }
            if self.progress.epoch == 0 {
                for item in items {
                    self.faults.add(&self.dataset.manifest().rows[item.index].audio, &item.faults);
                }
            }
        }
        Ok(Some(report))
    }

    /// The mean of the gradients of as many batches as are accumulated.
    fn gradients(&mut self, items: &[LoadedItem], step: u64) -> StepGradients {
        let mut batches: Vec<&[LoadedItem]> = items.chunks(self.recipe.batch_size).collect();
        // Skipped files may leave a batch of one, which has no negative.
        batches.retain(|batch| batch.len() >= 2);
        let count = batches.len() as f64;
        let mut sum: Option<StepGradients> = None;
        for (i, batch) in batches.into_iter().enumerate() {
            let context = StepContext {
                recipe: &self.recipe,
                captions: &self.captions,
                device: &self.device,
                seed: item_seed(self.recipe.seed, step, i as u64),
                loss_scale: self.progress.loss_scale.map_or(1.0, |scale| scale.factor()),
            };
            let computed = context.gradients(&mut self.trainee, batch);
            match &mut sum {
                None => sum = Some(computed),
                Some(sum) => sum.add(computed),
            }
        }
        let mut mean = sum.unwrap_or_default();
        mean.divide(count);
        mean
    }
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
