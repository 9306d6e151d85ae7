//! Residual network and pooling: the audio encoder of the paper.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::AudioBatch;
use super::attention_pool::AttentionPool;
use super::resnet::ResNet;
use crate::layers::Linear;
use crate::precision::{Precision, full};
use crate::space::Description;
use crate::tower::{
    AudioEncoder, AudioEncoderConfig, AudioTower, Encoder, MOST_UNITS, TimeColumns, TimeMap, TowerConfig,
};
use crate::{Activations, ModelError};

/// How the positions of the last feature map become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// One attention read-out from the mean position (the paper's "AP").
    Attention,
    /// Global average and a linear layer (the ablation).
    Average,
}

/// The paper's audio encoder: a modified ResNet-50, and what pools its last feature map.
///
/// # Source
/// Section 3.1 of the paper; CLIP's modified ResNet-50.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResNetConfig {
    /// Channels after the stem: 64 is a ResNet-50, 16 what was released.
    pub width: usize,
    /// Size of the pooled representation, before the projection into the joint space.
    pub hidden: usize,
    /// Attention or average pooling.
    pub pooling: Pooling,
    /// Whether batch norms use their running statistics in training too, and leave them as they
    /// are. A clip's gradient then does not depend on the rest of its batch.
    #[serde(default)]
    pub frozen_norms: bool,
}

impl ResNetConfig {
    /// Attention pooling to 256 dimensions.
    pub fn new(width: usize) -> Self {
        Self { width, hidden: 256, pooling: Pooling::Attention, frozen_norms: false }
    }

    /// Replaces the size of the pooled representation.
    #[must_use]
    pub fn with_hidden(mut self, hidden: usize) -> Self {
        self.hidden = hidden;
        self
    }

    /// Replaces the pooling.
    #[must_use]
    pub fn with_pooling(mut self, pooling: Pooling) -> Self {
        self.pooling = pooling;
        self
    }

    /// Replaces whether batch norms are frozen.
    #[must_use]
    pub fn with_frozen_norms(mut self, frozen_norms: bool) -> Self {
        self.frozen_norms = frozen_norms;
        self
    }
}

impl TowerConfig for ResNetConfig {
    fn validate(&self) -> Result<(), ModelError> {
        let even = (2..=MOST_UNITS).contains(&self.width) && self.width.is_multiple_of(2);
        ModelError::check(even, "audio.width", self.width, "an even number from 2 to 65536")?;
        ModelError::check((1..=MOST_UNITS).contains(&self.hidden), "audio.hidden", self.hidden, "from 1 to 65536")?;
        let heads = self.pooling == Pooling::Average || (self.width * 32).is_multiple_of(AttentionPool::HEADS);
        ModelError::check(heads, "audio.width", self.width, "such that 32·width is divisible by 8")
    }

    fn output_dim(&self) -> usize {
        self.hidden
    }

    fn parameters(&self) -> f64 {
        let (width, hidden) = (self.width as f64, self.hidden as f64);
        // Three convolutions of the stem, and bottlenecks at four widths.
        let network = 7.0 * width * width + 5724.0 * width * width;
        let pooling = if self.pooling == Pooling::Attention { 3.0 * (32.0 * width).powi(2) } else { 0.0 };
        network + pooling + 32.0 * width * hidden
    }

    /// Frozen norms decide nothing but training.
    fn describe(&self, space: &mut Description) {
        let Self { width, hidden, pooling, frozen_norms: _ } = self;
        space.field("encoder", "resnet");
        space.field("width", *width);
        space.field("hidden", *hidden);
        let pooling = match pooling {
            Pooling::Attention => "attention",
            Pooling::Average => "average",
        };
        space.field("pooling", pooling);
    }

    fn is_residual_gain(&self, name: &str) -> bool {
        name.starts_with("resnet.layer") && name.ends_with("bn3.weight")
    }
}

#[typetag::serde(name = "resnet")]
impl AudioTower for ResNetConfig {
    fn min_frames(&self) -> usize {
        ResNet::MIN_FRAMES
    }

    fn time_columns(&self) -> Option<TimeColumns> {
        Some(ResNet::COLUMNS)
    }

    fn without_dropout(&self) -> AudioEncoderConfig {
        self.clone().into()
    }

    fn init(&self, n_mels: usize, frames: usize, device: &Device) -> Result<AudioEncoder, ModelError> {
        ModelError::check(n_mels >= ResNet::MIN_BANDS, "log_mel.n_mels", n_mels, "at least 32")?;
        let resnet = ResNet::new(self.width, self.frozen_norms, device);
        let channels = 32 * self.width;
        let pool = match self.pooling {
            Pooling::Attention => {
                let [height, width] = ResNet::output_size(n_mels, frames);
                Pool::Attention(AttentionPool::new([height, width], channels, self.hidden, device))
            }
            Pooling::Average => Pool::Average(Linear::new(channels, self.hidden, true, device)),
        };
        Ok(AudioEncoder::new(ResNetEncoder { resnet, pool }))
    }
}

// There is one of these in a model.
#[allow(clippy::large_enum_variant)]
#[derive(Module, Debug)]
enum Pool {
    Attention(AttentionPool),
    Average(Linear),
}

/// Log-mel spectrograms to vectors of `hidden` dimensions.
#[derive(Module, Debug)]
pub struct ResNetEncoder {
    resnet: ResNet,
    pool: Pool,
}

impl ResNetEncoder {
    /// # Shapes
    /// - mel: `[batch, n_mels, frames]`, dB; any number of frames from
    ///   [`ResNet::MIN_FRAMES`] on; returns `[batch, hidden]`.
    fn run(&self, mel: Tensor<3>, seen: Option<&mut Activations>) -> Tensor<2> {
        self.pool(self.resnet.run(mel.unsqueeze_dim(1), seen)) // [batch, 32 width, mels/32, frames/32]
    }
}

impl TimeMap for ResNetEncoder {
    fn map(&self, mel: Tensor<3>) -> Tensor<4> {
        self.resnet.run(mel.unsqueeze_dim(1), None)
    }

    fn pool(&self, map: Tensor<4>) -> Tensor<2> {
        full(match &self.pool {
            Pool::Attention(pool) => pool.forward(map),
            Pool::Average(linear) => {
                let [batch, channels, height, width] = map.dims();
                let mean = map.reshape([batch, channels, height * width]).mean_dim(2);
                linear.forward(mean.reshape([batch, channels]))
            }
        })
    }
}

impl Encoder<AudioBatch> for ResNetEncoder {
    fn forward(&self, audio: AudioBatch, seen: Option<&mut Activations>) -> Tensor<2> {
        self.run(audio.mel, seen)
    }

    fn time_map(&self) -> Option<&dyn TimeMap> {
        Some(self)
    }

    fn with_kernels(self, kernels: bool) -> Self {
        Self { resnet: self.resnet.with_kernels(kernels), ..self }
    }

    fn with_recompute(self, recompute: bool) -> Self {
        Self { resnet: self.resnet.with_recompute(recompute), ..self }
    }

    fn with_precision(self, precision: Precision) -> Self {
        Self { resnet: self.resnet.with_precision(precision), ..self }
    }
}
