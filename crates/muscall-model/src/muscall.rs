//! The model of the paper on one page: two encoders, two projections, one temperature.

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};
use muscall_audio::LogMelConfig;
use serde::{Deserialize, Serialize};

use crate::ModelError;
use crate::audio::{AudioEncoder, AudioEncoderConfig};
use crate::layers::Linear;
use crate::text::{TextEncoder, TextEncoderConfig};

/// The temperature τ that divides cosine similarities in the contrastive loss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Temperature {
    /// Learned from this start, as a logit scale ln(1/τ); the learner keeps exp of it ≤ 100.
    Learned(f64),
    /// Never updated.
    Fixed(f64),
}

impl Temperature {
    /// τ at the start of training.
    pub fn initial(self) -> f64 {
        let (Self::Learned(tau) | Self::Fixed(tau)) = self;
        tau
    }
}

/// Configuration of a whole model: frontend, both encoders, joint space.
///
/// # Source
/// Section 3 of the paper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MuscallConfig {
    /// Seconds of audio that the model is trained on and, by default, hears of a file.
    pub clip_s: f64,
    /// Dimensions of the joint space.
    pub projection_dim: usize,
    /// τ of the contrastive loss.
    pub temperature: Temperature,
    /// Waveform to log-mel.
    pub log_mel: LogMelConfig,
    /// Log-mel to vector.
    pub audio: AudioEncoderConfig,
    /// Caption to vector.
    pub text: TextEncoderConfig,
}

impl MuscallConfig {
    /// The given encoders on 20 s clips, with a joint space of 512 dimensions.
    pub fn new(audio: AudioEncoderConfig, text: TextEncoderConfig) -> Self {
        Self {
            clip_s: 20.0,
            projection_dim: 512,
            temperature: Temperature::Learned(0.07),
            log_mel: LogMelConfig::default(),
            audio,
            text,
        }
    }

    /// What was released: width 16, four text layers, and mel bands up to 11,025 Hz.
    pub fn released() -> Self {
        Self { log_mel: LogMelConfig::released(), ..Self::new(AudioEncoderConfig::new(16), TextEncoderConfig::new(4)) }
    }

    /// What the paper describes: a ResNet-50 of width 64, four text layers.
    pub fn resnet50() -> Self {
        Self::new(AudioEncoderConfig::new(64), TextEncoderConfig::new(4))
    }

    /// Small enough to learn a few dozen clips in two minutes on two cores.
    pub fn tiny() -> Self {
        let audio = AudioEncoderConfig::new(8).with_hidden(128);
        let text = TextEncoderConfig::new(1).with_width(64, 4).with_dropout(0.3);
        Self { clip_s: 6.0, projection_dim: 64, log_mel: LogMelConfig::new(64), ..Self::new(audio, text) }
    }

    /// Replaces the seconds of audio.
    #[must_use]
    pub fn with_clip_s(mut self, clip_s: f64) -> Self {
        self.clip_s = clip_s;
        self
    }

    /// Replaces the frontend.
    #[must_use]
    pub fn with_log_mel(mut self, log_mel: LogMelConfig) -> Self {
        self.log_mel = log_mel;
        self
    }

    /// Replaces the dimensions of the joint space.
    #[must_use]
    pub fn with_projection_dim(mut self, projection_dim: usize) -> Self {
        self.projection_dim = projection_dim;
        self
    }

    /// Replaces the temperature.
    #[must_use]
    pub fn with_temperature(mut self, temperature: Temperature) -> Self {
        self.temperature = temperature;
        self
    }

    /// Samples of a clip at the frontend's rate.
    pub fn clip_samples(&self) -> usize {
        (self.clip_s * f64::from(self.log_mel.sample_rate)).round() as usize
    }

    /// # Errors
    /// [`ModelError::Config`] or [`ModelError::Audio`] for the first field out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        let length = self.clip_s.is_finite() && self.clip_s > 0.0 && self.clip_s <= 3600.0;
        ModelError::check(length, "clip_s", self.clip_s, "above 0 and at most 3600")?;
        let dim = self.projection_dim;
        ModelError::check(dim >= 1, "projection_dim", dim, "at least 1")?;
        let tau = self.temperature.initial();
        let valid = tau.is_finite() && (0.01..=100.0).contains(&tau);
        ModelError::check(valid, "temperature", tau, "from 0.01 (logit scale 100) to 100")?;
        self.log_mel.validate()?;
        self.audio.validate()?;
        self.text.validate()
    }

    /// Builds the model with random weights.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<DualEncoder, ModelError> {
        self.validate()?;
        let frames = self.log_mel.frames(self.clip_samples());
        let projection = |inputs: usize| {
            let std = (inputs as f64).powf(-0.5);
            Linear::normal(inputs, self.projection_dim, false, std, device)
        };
        let logit_scale = (1.0 / self.temperature.initial()).ln() as f32;
        Ok(DualEncoder {
            audio: self.audio.init(self.log_mel.n_mels, frames, device)?,
            text: self.text.init(device)?,
            audio_projection: projection(self.audio.hidden),
            text_projection: projection(self.text.width),
            logit_scale: Param::from_data([logit_scale], device),
        })
    }
}

/// Captions as token ids, ready for the text encoder.
#[derive(Debug, Clone)]
pub struct TextBatch {
    /// `[batch, length]`.
    pub ids: Tensor<2, Int>,
    /// Where each caption's end token stands, `[batch]`.
    pub ends: Tensor<1, Int>,
}

impl TextBatch {
    /// Pads rows of ids, each ending with its end token, to the longest of them.
    pub fn new(rows: &[Vec<u32>], device: &Device) -> Self {
        let length = rows.iter().map(Vec::len).max().unwrap_or(0);
        let mut ids = Vec::with_capacity(rows.len() * length);
        for row in rows {
            ids.extend(row.iter().map(|&id| id as i32));
            ids.resize(ids.len() + length - row.len(), 0);
        }
        let ends: Vec<i32> = rows.iter().map(|row| row.len() as i32 - 1).collect();
        Self {
            ids: Tensor::from_data(TensorData::new(ids, [rows.len(), length]), device),
            ends: Tensor::from_data(TensorData::new(ends, [rows.len()]), device),
        }
    }
}

/// The dual encoder: music and text into one space, where cosine is similarity.
#[derive(Module, Debug)]
pub struct DualEncoder {
    /// Log-mel to `audio.hidden` dimensions.
    pub audio: AudioEncoder,
    /// Tokens to `text.width` dimensions.
    pub text: TextEncoder,
    /// Into the joint space, without bias.
    pub audio_projection: Linear,
    /// Into the joint space, without bias.
    pub text_projection: Linear,
    /// ln(1/τ), `[1]`.
    pub logit_scale: Param<Tensor<1>>,
}

impl DualEncoder {
    /// # Shapes
    /// - mel: `[batch, n_mels, frames]`, dB; returns `[batch, projection_dim]`, unit norm.
    pub fn embed_audio(&self, mel: Tensor<3>) -> Tensor<2> {
        normalise(self.audio_projection.forward(self.audio.forward(mel)))
    }

    /// # Shapes
    /// - returns `[batch, projection_dim]`, unit norm.
    pub fn embed_text(&self, text: TextBatch) -> Tensor<2> {
        normalise(self.text_projection.forward(self.text.forward(text.ids, text.ends)))
    }

    /// exp(logit scale) = 1/τ, `[1]`.
    pub fn scale(&self) -> Tensor<1> {
        self.logit_scale.val().exp()
    }
}

/// Rows divided by their Euclidean norm.
fn normalise(x: Tensor<2>) -> Tensor<2> {
    let norm = x.clone().square().sum_dim(1).sqrt();
    x / norm
}
