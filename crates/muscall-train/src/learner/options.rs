//! What a learner has been told of its runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use burn::tensor::Device;
use muscall_model::Muscall;

use crate::distributed::Communicator;
use crate::initial::InitialWeights;
use crate::recipe::Recipe;

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

/// All that decides a run besides its data.
#[derive(Debug, Clone)]
pub(super) struct Options {
    pub(super) recipe: Recipe,
    /// Of the run.
    pub(super) dir: PathBuf,
    /// Without autodiff.
    pub(super) device: Device,
    pub(super) on_existing: OnExisting,
    /// Instead of random weights.
    pub(super) initial: Option<InitialWeights>,
    /// Whose vectors are learned, where the loss is `distil`.
    pub(super) teacher: Option<Muscall>,
    /// Where vectors that stay the same are kept, if not beside the manifest.
    pub(super) vectors: Option<PathBuf>,
    pub(super) communicator: Arc<dyn Communicator>,
    pub(super) check_device: CheckDevice,
    /// Whether a step is reported after the next one has been asked for; by default on a GPU.
    pub(super) late_reports: Option<bool>,
    /// Whether files that have gone missing since the run began are left out.
    pub(super) leaves_out_missing: bool,
    /// How long a file that is away is waited for.
    pub(super) patience: Duration,
}
