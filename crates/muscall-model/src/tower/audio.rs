//! Towers that hear.

use std::any::Any;
use std::sync::Arc;

use burn::tensor::Device;
use muscall_audio::OpenKind;
use serde::{Deserialize, Serialize};

use super::{AnyEncoder, TimeColumns, TowerConfig};
use crate::ModelError;
use crate::audio::AudioBatch;

/// The encoder of an audio tower: log-mel spectrograms to vectors.
pub type AudioEncoder = AnyEncoder<AudioBatch>;

/// The configuration of an audio tower: log-mel spectrograms to vectors.
///
/// A kind of one's own is a struct with serde's traits (and `#[serde(deny_unknown_fields)]`, so that a misspelt key is
/// an error) and this trait under `#[typetag::serde(name = "…")]`; the name is its `kind` in recipes and bundles.
#[typetag::serde(tag = "kind")]
pub trait AudioTower: TowerConfig {
    /// The shortest spectrogram that has a vector, in frames.
    fn min_frames(&self) -> usize {
        1
    }

    /// The longest one, if there is a limit: longer audio is then embedded in windows.
    fn max_frames(&self) -> Option<usize> {
        None
    }

    /// How the last feature map lies on the spectrogram, if the encoder has one that is a convolution over time: then
    /// its [`Encoder::time_map`](super::Encoder::time_map) is there, and windows of a recording can share it.
    fn time_columns(&self) -> Option<TimeColumns> {
        None
    }

    /// The same tower without dropout, for comparisons.
    fn without_dropout(&self) -> AudioEncoderConfig;

    /// Builds the encoder with random weights, for spectrograms of `n_mels` bands that are `frames` long in training,
    /// at least [`min_frames`](Self::min_frames). The configuration has been validated.
    ///
    /// # Errors
    /// [`ModelError::Config`] if such spectrograms do not fit.
    fn init(&self, n_mels: usize, frames: usize, device: &Device) -> Result<AudioEncoder, ModelError>;
}

/// Which audio encoder, and how large: any [`AudioTower`]. In a file, `kind` says which.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AudioEncoderConfig(OpenKind<dyn AudioTower>);

impl<T: AudioTower> From<T> for AudioEncoderConfig {
    fn from(tower: T) -> Self {
        Self(OpenKind::new(Arc::new(tower)))
    }
}

impl AudioEncoderConfig {
    /// The configuration, if it is of this kind.
    pub fn downcast_ref<T: AudioTower>(&self) -> Option<&T> {
        let tower: &dyn Any = &*self.0;
        tower.downcast_ref()
    }

    /// # Errors
    /// As [`TowerConfig::validate`].
    pub fn validate(&self) -> Result<(), ModelError> {
        self.0.validate()
    }

    /// Builds the encoder for spectrograms of `n_mels` bands, trained at `frames` frames.
    ///
    /// # Errors
    /// As [`validate`](Self::validate), and [`ModelError::Config`] for a spectrogram too small.
    pub fn init(&self, n_mels: usize, frames: usize, device: &Device) -> Result<AudioEncoder, ModelError> {
        self.validate()?;
        let long = frames >= self.0.min_frames();
        ModelError::check(long, "clip_s", format!("{frames} frames of log-mel"), "at least about a second")?;
        self.0.init(n_mels, frames, device)
    }
}

impl std::ops::Deref for AudioEncoderConfig {
    type Target = dyn AudioTower;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}
