//! The audio branch: log-mel to one vector.

mod attention_pool;
mod crnn;
mod interpolation;
mod resnet;
mod resnet_encoder;

pub use attention_pool::AttentionPool;
pub use crnn::{Crnn, CrnnConfig};
pub(crate) use interpolation::interpolation;
pub use resnet::ResNet;
pub use resnet_encoder::{Pooling, ResNetConfig, ResNetEncoder};

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::space::Description;
use crate::{Activations, ModelError, Precision};

/// Which audio encoder, and how large.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum AudioEncoderConfig {
    /// The residual network of the paper.
    #[serde(rename = "resnet")]
    ResNet(ResNetConfig),
    /// The recurrent network of the DCASE baseline.
    #[serde(rename = "crnn")]
    Crnn(CrnnConfig),
}

impl From<ResNetConfig> for AudioEncoderConfig {
    fn from(config: ResNetConfig) -> Self {
        Self::ResNet(config)
    }
}

impl From<CrnnConfig> for AudioEncoderConfig {
    fn from(config: CrnnConfig) -> Self {
        Self::Crnn(config)
    }
}

impl AudioEncoderConfig {
    /// # Errors
    /// [`ModelError::Config`] with the first field out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        match self {
            Self::ResNet(config) => config.validate(),
            Self::Crnn(config) => config.validate(),
        }
    }

    /// Dimensions of what the encoder gives.
    pub fn output_dim(&self) -> usize {
        match self {
            Self::ResNet(config) => config.hidden,
            Self::Crnn(config) => 2 * config.recurrent,
        }
    }

    /// The shortest spectrogram that has an embedding, in frames.
    pub fn min_frames(&self) -> usize {
        match self {
            Self::ResNet(_) => ResNet::MIN_FRAMES,
            Self::Crnn(_) => Crnn::MIN_FRAMES,
        }
    }

    /// Writes what decides a vector.
    pub(crate) fn describe(&self, space: &mut Description) {
        match self {
            Self::ResNet(config) => config.describe(space),
            Self::Crnn(config) => config.describe(space),
        }
    }

    /// Builds the encoder for spectrograms of `n_mels` bands, trained at `frames` frames.
    ///
    /// # Errors
    /// As [`validate`](Self::validate), and [`ModelError::Config`] for a spectrogram too small.
    pub fn init(&self, n_mels: usize, frames: usize, device: &Device) -> Result<AudioEncoder, ModelError> {
        self.validate()?;
        let long = frames >= self.min_frames();
        ModelError::check(long, "clip_s", format!("{frames} frames of log-mel"), "at least about a second")?;
        Ok(match self {
            Self::ResNet(config) => AudioEncoder::ResNet(config.init(n_mels, frames, device)?),
            Self::Crnn(config) => AudioEncoder::Crnn(config.init(n_mels, device)?),
        })
    }
}

/// Clips on the device.
#[derive(Debug, Clone)]
pub struct AudioBatch {
    /// `[batch, n_mels, frames]`.
    pub mel: Tensor<3>,
    /// How many frames of each clip come from the file, the rest being padding; all of them if
    /// this is absent. Only the recurrent encoder looks at it.
    pub valid_frames: Option<Vec<usize>>,
}

impl From<Tensor<3>> for AudioBatch {
    fn from(mel: Tensor<3>) -> Self {
        Self { mel, valid_frames: None }
    }
}

/// Log-mel spectrograms to vectors.
// There is one of these in a model.
#[allow(clippy::large_enum_variant)]
#[derive(Module, Debug)]
pub enum AudioEncoder {
    /// Residual network and pooling.
    ResNet(ResNetEncoder),
    /// Convolutions and a recurrent layer.
    Crnn(Crnn),
}

impl AudioEncoder {
    /// See [`ResNet::with_kernels`].
    #[must_use]
    pub fn with_kernels(self, kernels: bool) -> Self {
        match self {
            Self::ResNet(encoder) => Self::ResNet(encoder.with_kernels(kernels)),
            other => other,
        }
    }

    /// See [`ResNet::with_recompute`].
    #[must_use]
    pub fn with_recompute(self, recompute: bool) -> Self {
        match self {
            Self::ResNet(encoder) => Self::ResNet(encoder.with_recompute(recompute)),
            other => other,
        }
    }

    /// See [`ResNet::with_precision`]; the recurrent network computes in 32 bits.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        match self {
            Self::ResNet(encoder) => Self::ResNet(encoder.with_precision(precision)),
            other => other,
        }
    }

    /// # Shapes
    /// - mel: `[batch, n_mels, frames]`; any number of frames from
    ///   [`min_frames`](AudioEncoderConfig::min_frames) on;
    /// - returns `[batch, output_dim]`.
    pub fn forward(&self, audio: impl Into<AudioBatch>) -> Tensor<2> {
        self.run(audio.into(), None)
    }

    /// The same; adds what comes out of the parts of a residual network to `seen`.
    pub(crate) fn run(&self, audio: AudioBatch, seen: Option<&mut Activations>) -> Tensor<2> {
        let AudioBatch { mel, valid_frames } = audio;
        match self {
            Self::ResNet(encoder) => encoder.run(mel, seen),
            Self::Crnn(encoder) => encoder.forward(mel, valid_frames.as_deref()),
        }
    }
}
