//! The training loop.

mod bundles;
mod check;
mod checkpointing;
mod data;
mod devices;
mod files;
mod options;
mod outcome;
mod parallel;
mod reporter;
mod run;
mod start;
mod state;
mod step;
mod step_numbers;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use burn::tensor::Device;
use muscall_model::Muscall;

use crate::TrainError;
use crate::distributed::{Alone, Communicator, Ranks};
use crate::event::Event;
use crate::initial::InitialWeights;
use crate::manifest::Manifest;
use crate::recipe::Recipe;

pub use options::{CheckDevice, OnExisting};
pub use outcome::Outcome;

use check::check_device;
use data::Manifests;
use options::Options;
use outcome::Listener;
use run::Run;

const PATIENCE: Duration = Duration::from_secs(10);

/// Trains a dual encoder.
///
/// A run lives in a directory: the bundle of the best model so far, `checkpoints/`, `recipe.toml`
/// and the logs. A run that was stopped, or killed, goes on from its last checkpoint and ends with
/// the same weights as if it had not been, bit for bit on a CPU; the first checkpoint comes before the first step.
///
/// Files that were not there when the run began, and those that are no audio, are left out by name. One that was there
/// and is away, as others are, ends the run before the step that needs it; it goes on when they are back.
///
/// Dropout draws from a random state that a process has once per backend, and which is set at each step: several
/// runs or devices in one process take turns in their forward passes.
///
/// On several devices or machines see [`fit_on_devices`](Self::fit_on_devices) and
/// [`with_communicator`](Self::with_communicator).
#[derive(Debug, Clone)]
pub struct Learner {
    options: Options,
}

impl Learner {
    /// A learner that refuses to overwrite a run.
    ///
    /// # Errors
    /// [`TrainError::Recipe`] and others if the recipe is not valid.
    pub fn new(recipe: Recipe, dir: impl Into<PathBuf>, device: &Device) -> Result<Self, TrainError> {
        recipe.validate()?;
        let options = Options {
            recipe,
            dir: dir.into(),
            device: device.clone().without_autodiff(),
            on_existing: OnExisting::default(),
            initial: None,
            teacher: None,
            vectors: None,
            communicator: Arc::new(Alone),
            check_device: CheckDevice::default(),
            late_reports: None,
            leaves_out_missing: false,
            patience: PATIENCE,
        };
        Ok(Self { options })
    }

    /// Starts from these weights; a run that is resumed goes on from its own.
    #[must_use]
    pub fn with_initial(mut self, initial: InitialWeights) -> Self {
        self.options.initial = Some(initial);
        self
    }

    /// The model whose vectors are learned, where the recipe's loss is [`DistilLoss`](crate::loss::DistilLoss). The side that
    /// does not learn is the teacher's own: the bundle has it too.
    #[must_use]
    pub fn with_teacher(mut self, teacher: Muscall) -> Self {
        self.options.teacher = Some(teacher);
        self
    }

    /// Where vectors are kept that stay the same all the run, those of frozen towers and of a teacher: beside the manifest
    /// if nothing is said. Other runs on the same music find them there.
    #[must_use]
    pub fn with_vectors(mut self, folder: impl Into<PathBuf>) -> Self {
        self.options.vectors = Some(folder.into());
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
    /// are averaged over the ranks after each step. With the recipe's `sync_batch_norm` they see the parts of all ranks,
    /// and without a `micro_batch` the ranks then have the numbers of one device with the whole batch.
    #[must_use]
    pub fn with_communicator(mut self, communicator: Arc<dyn Communicator>) -> Self {
        self.options.communicator = communicator;
        self
    }

    /// Replaces what happens to a run that stands in the directory.
    #[must_use]
    pub fn with_on_existing(mut self, on_existing: OnExisting) -> Self {
        self.options.on_existing = on_existing;
        self
    }

    /// Whether files that were there when the run began and are gone now are left out from here on, as those are that
    /// never were there. Otherwise a step that needs them ends the run: their disk may only be away.
    #[must_use]
    pub fn with_missing_left_out(mut self, leaves_out_missing: bool) -> Self {
        self.options.leaves_out_missing = leaves_out_missing;
        self
    }

    /// Replaces how long a step waits for files that are away before it ends the run: ten seconds, for a server that is
    /// back at once.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.options.patience = patience;
        self
    }

    /// Replaces whether the device is compared with the CPU before the first step.
    #[must_use]
    pub fn with_check_device(mut self, check_device: CheckDevice) -> Self {
        self.options.check_device = check_device;
        self
    }

    /// Replaces whether a step is reported only when the next one has been asked for, so that a GPU never waits for
    /// what the host makes of its numbers. By default it is so on a GPU. A listener that stops the run is then told of one more
    /// step, and a loss that is not finite is found a step later; checkpoints and validations come after all reports, and
    /// numbers are the same.
    ///
    /// Several ranks and steps that may be left out are reported at once in any case.
    #[must_use]
    pub fn with_late_reports(mut self, late: bool) -> Self {
        self.options.late_reports = Some(late);
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
        let ranks = Arc::new(Ranks::new(self.options.communicator.clone()));
        let _leaves = LeavesOnPanic(&ranks);
        let mut nobody = |_: Event<'_>| ControlFlow::Continue(());
        let listener = if ranks.is_first() { listener } else { &mut nobody };
        let outcome = self.run(ranks.clone(), Manifests { train, validation }, listener);
        if let Err(error) = &outcome {
            ranks.give_up(error);
        }
        outcome
    }

    fn run(&self, ranks: Arc<Ranks>, manifests: Manifests, listener: &mut Listener<'_>) -> Result<Outcome, TrainError> {
        let mut run = Run::start(&self.options, ranks.clone(), manifests, listener)?;
        let epoch = run.state.progress.epoch;
        ranks.agree(check_device(&self.options, &run.device, &run.data, epoch, &mut run.reporter))?;
        run.claim()?;
        run.finish()
    }
}

/// Tells the other ranks of a panic: they would wait for ever for one that is gone.
struct LeavesOnPanic<'a>(&'a Ranks);

impl Drop for LeavesOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.give_up(&TrainError::RankLost { rank: self.0.rank(), ranks: self.0.size() });
        }
    }
}
