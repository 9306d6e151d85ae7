//! What a run tells its listener.

use std::path::PathBuf;
use std::time::Duration;

use muscall_retrieval::BothDirections;
use serde::Serialize;

use crate::TrainError;
use crate::device_check::DeviceReport;
use crate::doctor::Diagnosis;

/// Something that happened in a run. The library itself prints nothing.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Before the first step.
    Started {
        /// Steps of the whole run.
        steps: u64,
        /// Steps already taken, of a resumed run.
        taken: u64,
        /// Parameters of the model.
        parameters: usize,
        /// Training rows.
        rows: usize,
    },
    /// The device was compared with the CPU; the run goes on if it [agrees](DeviceReport::agrees).
    DeviceChecked(&'a DeviceReport),
    /// Captions are being embedded, before the first step.
    EmbeddingCaptions {
        /// How many are.
        done: usize,
        /// Of how many.
        total: usize,
    },
    /// What stays the same all the run is being computed, before the first step: what frozen towers, or a teacher, make of
    /// tracks and captions.
    Preparing {
        /// `windows` of tracks, or `captions`.
        what: &'static str,
        /// How many tracks or captions are done.
        done: usize,
        /// Of how many.
        total: usize,
    },
    /// Something that is not as it should be, but does not stop the run.
    Warning(&'a TrainError),
    /// The training doctor found something.
    Diagnosed(&'a Diagnosis),
    /// A step was taken.
    Step(&'a StepReport),
    /// Loss or gradients of a step were not finite, and it was left out: the weights stay as they were.
    StepSkipped(&'a SkippedStep),
    /// A file could not be read and was left out of a batch.
    Skipped(&'a TrainError),
    /// An epoch ended with a validation.
    Validated(&'a ValidationReport),
    /// The bundle of the best model so far was written.
    BundleSaved(&'a PathBuf),
    /// A checkpoint was written.
    CheckpointSaved(&'a PathBuf),
    /// An epoch ended.
    EpochEnded {
        /// From 0.
        epoch: u64,
        /// How long its steps took, without the validation.
        trained: Duration,
        /// How much of that they waited for data.
        waited: Duration,
        /// How much of it went into exchanges with other ranks, waiting for the slowest included.
        exchanged: Duration,
    },
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepReport {
    /// Steps taken, this one included.
    pub step: u64,
    /// Steps of the whole run.
    pub steps: u64,
    /// From 0.
    pub epoch: u64,
    /// What is minimised.
    pub loss: f64,
    /// The part of it that is due to pairs.
    pub pair_loss: f64,
    /// The part that is due to self-supervision, if there is any.
    pub ssl_loss: Option<f64>,
    /// The rate of this step.
    pub learning_rate: f64,
    /// Norm of all gradients before clipping.
    pub gradient_norm: f64,
    /// 1/τ after the step.
    pub scale: f64,
    /// Throughput of this step, data included.
    pub clips_per_s: f64,
}

/// A step that was not taken.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SkippedStep {
    /// From 0.
    pub step: u64,
    /// What it was.
    pub loss: f64,
    /// Of all gradients together.
    pub gradient_norm: f64,
    /// Ids of the batch's tracks.
    pub ids: Vec<String>,
    /// How many were left out without one taken in between.
    pub in_a_row: u32,
    /// The factor on the loss for the next step, where there is one. An overflow at a large factor is nothing
    /// to worry about.
    pub loss_scale: Option<f64>,
}

/// One validation.
#[derive(Debug, Clone, Serialize)]
pub struct ValidationReport {
    /// Steps taken.
    pub step: u64,
    /// From 0.
    pub epoch: u64,
    /// Tracks in the gallery.
    pub tracks: usize,
    /// Both directions.
    pub metrics: BothDirections,
    /// Which part of a teacher's variance the student explains, where there is a teacher: the score is then this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explained: Option<f64>,
    /// Whether the averaged weights were validated, or the weights themselves.
    pub is_ema: bool,
    /// Whether the score is the best so far.
    pub is_best: bool,
}
