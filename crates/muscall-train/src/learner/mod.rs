//! The training loop.

mod best;
mod check;
mod devices;
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
use muscall_model::weights::{StateDict, running_statistics};
use muscall_model::{Muscall, Temperature};

use crate::TrainError;
use crate::batcher::{EpochLoader, LoaderConfig, RawBatch};
use crate::captions::{Captions, PRETRAINED};
use crate::checkpoint::Progress;
use crate::dataset::{Dataset, item_seed};
use crate::distributed::{Alone, Communicator, Division, Ranks, ShareNote, SharedBatch, reduce};
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
/// Dropout draws from a random state that a process has once a backend, and which is set at each step: several
/// runs or devices in one process take turns in their forward passes.
///
/// On several devices or machines see [`fit_on_devices`](Self::fit_on_devices) and
/// [`with_communicator`](Self::with_communicator).
#[derive(Debug, Clone)]
pub struct Learner {
    recipe: Recipe,
    dir: PathBuf,
    device: Device,
    on_existing: OnExisting,
    initial: Option<InitialWeights>,
    communicator: Arc<dyn Communicator>,
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
            communicator: Arc::new(Alone),
            check_device: CheckDevice::default(),
        })
    }

    /// Starts from these weights; a run that is resumed goes on from its own.
    #[must_use]
    pub fn with_initial(mut self, initial: InitialWeights) -> Self {
        self.initial = Some(initial);
        self
    }

    /// Makes this one rank of several that train one model: each has a learner with the same recipe and
    /// calls [`fit`](Self::fit) with the same manifests. A batch is that of the recipe, and is
    /// divided among them.
    ///
    /// Rank 0 writes the run's directory, validates and calls its listener; the others' are never called. Weights of
    /// all are those that rank 0 starts from. An error of one is an error of all. A run may be resumed on another number
    /// of ranks; with a `micro_batch` of the recipe that gives the same numbers but for the order of sums.
    ///
    /// Batch norms see the clips of a part of one device, as they see a micro-batch; their running statistics
    /// are averaged over the ranks after each step. Statistics over all ranks are not there.
    #[must_use]
    pub fn with_communicator(mut self, communicator: Arc<dyn Communicator>) -> Self {
        self.communicator = communicator;
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
        let ranks = Arc::new(Ranks::new(self.communicator.clone()));
        let mut nobody = |_: Event<'_>| ControlFlow::Continue(());
        let listener = if ranks.is_first() { listener } else { &mut nobody };
        let outcome = Run::start(self, ranks.clone(), train, validation, listener).and_then(|run| {
            ranks.agree(run.check_device(self.check_device, listener))?;
            run.finish(listener)
        });
        if let Err(error) = &outcome {
            ranks.give_up(error);
        }
        outcome
    }
}

struct Run {
    ranks: Arc<Ranks>,
    division: Division,
    recipe: Recipe,
    dir: PathBuf,
    device: Device,
    dataset: Arc<Dataset>,
    validation: Option<Manifest>,
    frontend: Arc<LogMelExtractor>,
    captions: Captions,
    trainee: Trainee,
    /// Of rank 0.
    ema: Option<Ema>,
    optimizer: AdamW,
    progress: Progress,
    /// Of rank 0.
    log: Option<RunLog>,
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
        let mut interrupted = self.ranks.share(Ok(listener(started).is_break()))?;
        while !interrupted && !self.is_over() {
            interrupted = self.epoch(listener)?.is_break();
            self.checkpoint(listener)?;
        }
        let (model, ema) = self.best()?;
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
        let loader = EpochLoader::new(dataset, frontend, config, epoch, self.progress.step_in_epoch);
        let mut loader = self.ranks.agree(loader)?.with_places(self.division.own_places(self.recipe.accumulate));
        let exchanged = self.ranks.exchanged();
        let started = Instant::now();
        let mut clock = started;
        while self.progress.step < self.steps {
            let Some(loaded) = loader.next() else { break };
            let (loaded, notes) = self.ranks.gather(loaded, ShareNote::of)?;
            for error in &loaded.skipped {
                let _ = listener(Event::Skipped(error));
            }
            for (rank, note) in notes.iter().enumerate().skip(1) {
                for message in &note.skipped {
                    let _ = listener(Event::Skipped(&TrainError::OnRank { rank, message: message.clone() }));
                }
            }
            // A pair needs a negative; the schedule goes on all the same.
            let report = self.step(&loaded, &notes, listener);
            self.progress.step += 1;
            self.progress.step_in_epoch += 1;
            let told = report.and_then(|report| {
                let Some(mut report) = report else { return Ok(false) };
                let clips: usize = notes.iter().map(|note| note.items.len()).sum();
                report.clips_per_s = clips as f64 / clock.elapsed().as_secs_f64();
                let (sum, count) = self.progress.epoch_loss;
                self.progress.epoch_loss = (sum + report.loss, count + 1);
                self.log.as_mut().map_or(Ok(()), |log| log.step(&report))?;
                clock = Instant::now();
                Ok(listener(Event::Step(&report)).is_break())
            });
            if self.ranks.share(told)? {
                return Ok(ControlFlow::Break(()));
            }
            let every = self.recipe.checkpoint_steps;
            if every.is_some_and(|every| self.progress.step.is_multiple_of(every)) {
                self.checkpoint(listener)?;
            }
        }
        let (trained, waited) = (started.elapsed(), loader.waited());
        drop(loader);
        let exchanged = self.ranks.exchanged() - exchanged;
        let ended = Event::EpochEnded { epoch, trained, waited, exchanged };
        // What rank 0 makes of it holds for all.
        let verdict = if self.ranks.is_first() { self.end_epoch(ended, listener) } else { Ok(false) };
        let stop = self.ranks.share(verdict)?;
        self.progress = self.ranks.share(Ok(self.progress.clone()))?;
        Ok(if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// Validates and moves on to the next epoch; whether the listener wants to stop.
    fn end_epoch(&mut self, ended: Event<'_>, listener: &mut Listener<'_>) -> Result<bool, TrainError> {
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
        Ok(listener(ended).is_break())
    }

    /// Forward, backward, update; nothing if there are no negatives, or if the step was left out.
    fn step(
        &mut self,
        loaded: &RawBatch,
        notes: &[ShareNote],
        listener: &mut Listener<'_>,
    ) -> Result<Option<StepReport>, TrainError> {
        let step = self.progress.step;
        let batches = SharedBatch::all(notes, self.recipe.batch_size, self.recipe.accumulate);
        if batches.is_empty() {
            return Ok(None);
        }
        let running = self.may_skip().then(|| running_statistics(&self.trainee.model));
        let StepGradients { gradients, loss, audio, text } = self.gradients(loaded, &batches)?;
        let items: Vec<_> = notes.iter().flat_map(|note| &note.items).collect();
        // The same on all ranks, which therefore leave out the same steps.
        let gradient_norm = gradients.norm();
        if !loss.total.is_finite() || !gradient_norm.is_finite() {
            let rows = &self.dataset.manifest().rows;
            let ids = items.iter().map(|item| rows[item.index].id.clone()).collect();
            let skipped = self.skip(ids, loss.total, gradient_norm, running)?;
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
        if self.recipe.doctor && self.ranks.is_first() {
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
    fn gradients(&mut self, loaded: &RawBatch, batches: &[SharedBatch<'_>]) -> Result<StepGradients, TrainError> {
        let is_alone = self.ranks.size() == 1;
        let before = if is_alone { StateDict::new() } else { running_statistics(&self.trainee.model) };
        let mut has_embedded = false;
        let mut sum: Option<StepGradients> = None;
        for batch in batches {
            let context = StepContext {
                recipe: &self.recipe,
                captions: &self.captions,
                device: &self.device,
                seed: item_seed(self.recipe.seed, self.progress.step, batch.number as u64),
                loss_scale: self.progress.loss_scale.map_or(1.0, |scale| scale.factor()),
            };
            let parts = self.division.parts_of(loaded, batch.number);
            has_embedded |= !parts.is_empty();
            let computed = if is_alone {
                context.gradients_of_parts(&mut self.trainee, &parts)
            } else {
                context.gradients_among(&mut self.trainee, &parts, batch, &self.ranks)?
            };
            match &mut sum {
                None => sum = Some(computed),
                Some(sum) => sum.add(computed),
            }
        }
        let mut mean = sum.unwrap_or_default();
        if !is_alone {
            reduce(&self.ranks, &mut self.trainee, &mut mean.gradients, &before, has_embedded)?;
        }
        mean.divide(batches.len() as f64);
        Ok(mean)
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
