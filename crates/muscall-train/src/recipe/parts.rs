//! The tables of a recipe.

use std::path::PathBuf;

use muscall_audio::AugmentConfig;
use muscall_data::Sources;
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::batcher::OnBadFile;

const SHUFFLE_BUFFER: usize = 4096;

fn is_usual_buffer(buffer: &usize) -> bool {
    *buffer == SHUFFLE_BUFFER
}

/// How clips are drawn and loaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataRecipe {
    /// A random crop each time, or always the central one.
    pub random_crop: bool,
    /// Of random crops, how many places of a track they are taken from: the middle, and others that are the same in every
    /// epoch. Any place if it is left out. Frozen towers and teachers hear each of these places once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub windows: Option<usize>,
    /// Augmentations.
    pub augment: AugmentConfig,
    /// Captions of a track that a batch has, drawn without repetition; of several each is a
    /// positive. A track with fewer gives what it has.
    pub captions_per_track: usize,
    /// Loader threads. Their number does not change a batch.
    pub threads: usize,
    /// Batches made ahead of the step.
    pub prefetch_batches: usize,
    /// Of shards, how many samples the next one is drawn from: 4096 if nothing is said. Only their numbers are held, and nothing that was read; a
    /// larger one mixes neighbours in a shard better, and reads from more places of the disk.
    #[serde(skip_serializing_if = "is_usual_buffer")]
    pub shuffle_buffer: usize,
    /// Skip a file that cannot be read, or stop.
    pub on_bad_file: OnBadFile,
    /// The part of each source's rows that an epoch has, by the names that rows give under `source`. If any is named,
    /// all sources are spread evenly over an epoch, so that each batch holds all of them.
    #[serde(skip_serializing_if = "Sources::is_empty")]
    pub sources: Sources,
    /// A directory where files are kept decoded, so that each is decoded once and not in every epoch:
    /// 230 MB per hour of music at 16 kHz. It may be shared between runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<PathBuf>,
}

impl Default for DataRecipe {
    fn default() -> Self {
        Self {
            random_crop: true,
            windows: None,
            augment: AugmentConfig::none(),
            captions_per_track: 1,
            threads: 2,
            prefetch_batches: 2,
            shuffle_buffer: SHUFFLE_BUFFER,
            on_bad_file: OnBadFile::Skip,
            sources: Sources::new(),
            cache: None,
        }
    }
}

impl DataRecipe {
    pub(super) fn validate(&self) -> Result<(), TrainError> {
        TrainError::check((1..=256).contains(&self.threads), "data.threads", self.threads, "from 1 to 256")?;
        let prefetch = self.prefetch_batches;
        TrainError::check(prefetch >= 1, "data.prefetch_batches", prefetch, "at least 1")?;
        let buffer = self.shuffle_buffer;
        TrainError::check(buffer >= 1, "data.shuffle_buffer", buffer, "at least 1")?;
        let windows = self.windows.unwrap_or(1);
        TrainError::check((1..=10_000).contains(&windows), "data.windows", windows, "from 1 to 10000")?;
        let captions = self.captions_per_track;
        TrainError::check(captions >= 1, "data.captions_per_track", captions, "at least 1")?;
        Ok(self.augment.validate()?)
    }
}

/// Self-supervision on audio: two views of each clip must be recognised as such.
///
/// # Source
/// Section 3.2.2 of the paper; SimCLR.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SslRecipe {
    /// λ: the total is λ · this + (1 − λ) · the loss of the pairs.
    pub weight: f64,
    /// Of the softmax over views.
    pub temperature: f64,
    /// Dimensions in which views are compared: 256 in the paper, 128 in the released
    /// implementation.
    pub projection_dim: usize,
    /// What makes the views.
    pub augment: AugmentConfig,
}

impl Default for SslRecipe {
    fn default() -> Self {
        Self { weight: 0.3, temperature: 0.5, projection_dim: 256, augment: AugmentConfig::ssl() }
    }
}

impl SslRecipe {
    pub(super) fn validate(&self) -> Result<(), TrainError> {
        TrainError::check((0.0..=1.0).contains(&self.weight), "ssl.weight", self.weight, "from 0 to 1")?;
        let temperature = self.temperature > 0.0 && self.temperature.is_finite();
        TrainError::check(temperature, "ssl.temperature", self.temperature, "positive")?;
        let dim = self.projection_dim;
        TrainError::check(dim >= 1, "ssl.projection_dim", dim, "at least 1")?;
        Ok(self.augment.validate()?)
    }
}

/// A moving average of the weights, evaluated and saved beside them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmaRecipe {
    /// How much of the average a step keeps; less in the first steps, min(decay, (1+n)/(10+n)).
    pub decay: f64,
}

impl EmaRecipe {
    pub(super) fn validate(&self) -> Result<(), TrainError> {
        TrainError::check((0.0..1.0).contains(&self.decay), "ema.decay", self.decay, "at least 0 and below 1")
    }
}

/// What happens to a step whose loss or gradients are infinite or not a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnNotFinite {
    /// The run ends, with the ids of the batch; its last checkpoint is there.
    #[default]
    Stop,
    /// The step is left out, and the listener hears of it; twenty in a row end the run.
    Skip,
}

/// What makes a model the best one; both of text→audio retrieval on the validation rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BestBy {
    /// Recall at 10, equal values being decided by mAP@10.
    #[default]
    #[serde(rename = "r_at_10")]
    RAt10,
    /// mAP@10: on galleries of some dozens of tracks recall at 10 is soon one.
    #[serde(rename = "map_at_10")]
    MapAt10,
}

/// When and on what the model is validated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ValidationRecipe {
    /// Most tracks of the gallery; of more, a fixed seeded subset is taken.
    pub gallery: usize,
    /// Which model is kept.
    pub best_by: BestBy,
    /// Stop after so many epochs without a better score.
    pub patience: Option<usize>,
}

impl Default for ValidationRecipe {
    fn default() -> Self {
        Self { gallery: 1000, best_by: BestBy::default(), patience: None }
    }
}
