//! The model of the paper on one page: two encoders, two projections, one temperature.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use muscall_audio::{LogMelConfig, Loudness, Padding};
use serde::{Deserialize, Serialize};

use crate::audio::{AudioBatch, CrnnConfig, ResNetConfig};
use crate::layers::{Head, HeadConfig, normalise};
use crate::recordings::{OtherLengths, Segments};
use crate::text::{TextBatch, TransformerConfig, WordVectorsConfig};
use crate::tower::{AudioEncoder, AudioEncoderConfig, MOST_UNITS, ParameterGroup, TextEncoder, TextEncoderConfig};
use crate::weights::StateDict;
use crate::{Activations, ModelError, Precision};

/// Shortest hop between windows, in seconds: of a shorter one a song would have more windows than an index of songs.
pub const LEAST_HOP_S: f64 = 0.01;
/// Most parameters of a model: sixteen gigabytes of weights.
const MOST_PARAMETERS: f64 = 4e9;

/// The name of the temperature's parameter.
pub const LOGIT_SCALE: &str = "logit_scale";

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
    /// Whether a head follows each encoder. Without, both must give vectors of
    /// `projection_dim` dimensions, as in the DCASE baseline.
    #[serde(default = "yes")]
    pub project: bool,
    /// What that head is.
    #[serde(default, skip_serializing_if = "is_linear")]
    pub head: HeadConfig,
    /// τ of the contrastive loss.
    pub temperature: Temperature,
    /// Waveform to log-mel.
    pub log_mel: LogMelConfig,
    /// Log-mel to vector.
    pub audio: AudioEncoderConfig,
    /// Caption to vector.
    pub text: TextEncoderConfig,
    /// What stands behind the end of audio that is shorter than `clip_s`.
    #[serde(default, skip_serializing_if = "is_zeros")]
    pub padding: Padding,
    /// What happens to audio that is not `clip_s` long.
    #[serde(default)]
    pub other_lengths: OtherLengths,
    /// From the start of a window that an index keeps to that of the next one; half of `clip_s` if it is
    /// not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment_hop_s: Option<f64>,
    /// How windows of a recording that is longer than one are embedded.
    #[serde(default, skip_serializing_if = "Segments::is_separate")]
    pub segments: Segments,
    /// ln(1/τ) of the direction from captions to music in a LAION-CLAP checkpoint, which has one for each. laion's loss
    /// takes the other for both, and so does everything here: it is kept to be written where the model is exported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_logit_scale: Option<f32>,
}

fn yes() -> bool {
    true
}

fn is_linear(head: &HeadConfig) -> bool {
    *head == HeadConfig::Linear
}

fn is_zeros(padding: &Padding) -> bool {
    *padding == Padding::Zeros
}

impl MuscallConfig {
    /// The given encoders on 20 s clips, with a joint space of 512 dimensions.
    pub fn new(audio: impl Into<AudioEncoderConfig>, text: impl Into<TextEncoderConfig>) -> Self {
        let (audio, text) = (audio.into(), text.into());
        Self {
            clip_s: 20.0,
            projection_dim: 512,
            project: true,
            head: HeadConfig::default(),
            temperature: Temperature::Learned(0.07),
            log_mel: LogMelConfig::default(),
            audio,
            text,
            padding: Padding::default(),
            other_lengths: OtherLengths::default(),
            segment_hop_s: None,
            segments: Segments::default(),
            text_logit_scale: None,
        }
    }

    /// What was released: width 16, four text layers, and mel bands up to 11,025 Hz.
    pub fn released() -> Self {
        Self { log_mel: LogMelConfig::released(), ..Self::new(ResNetConfig::new(16), TransformerConfig::new(4)) }
    }

    /// What the paper describes: a ResNet-50 of width 64, four text layers.
    pub fn resnet50() -> Self {
        Self::new(ResNetConfig::new(64), TransformerConfig::new(4))
    }

    /// Small enough to learn a few dozen clips in two minutes on two cores.
    pub fn tiny() -> Self {
        let audio = ResNetConfig::new(8).with_hidden(128);
        let text = TransformerConfig::new(1).with_width(64, 4).with_dropout(0.3);
        Self { clip_s: 6.0, projection_dim: 64, log_mel: LogMelConfig::new(64), ..Self::new(audio, text) }
    }

    /// The baseline of the paper's Table 1: a recurrent network against averaged word vectors,
    /// which are in the given file.
    pub fn dcase(word_vectors: impl Into<std::path::PathBuf>) -> Self {
        let text = WordVectorsConfig::new(word_vectors);
        let (projection_dim, log_mel) = (text.dim, LogMelConfig::dcase());
        Self { projection_dim, project: false, log_mel, ..Self::new(CrnnConfig::default(), text) }
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

    /// Replaces what happens to audio of other lengths.
    #[must_use]
    pub fn with_other_lengths(mut self, other_lengths: OtherLengths) -> Self {
        self.other_lengths = other_lengths;
        self
    }

    /// Replaces what follows each encoder.
    #[must_use]
    pub fn with_head(mut self, head: HeadConfig) -> Self {
        self.head = head;
        self
    }

    /// Seconds from the start of an index's window to that of the next one.
    pub fn segment_hop_s(&self) -> f64 {
        self.segment_hop_s.unwrap_or(self.clip_s / 2.0)
    }

    /// Replaces how windows of longer recordings are embedded.
    #[must_use]
    pub fn with_segments(mut self, segments: Segments) -> Self {
        self.segments = segments;
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
        ModelError::check((1..=MOST_UNITS).contains(&dim), "projection_dim", dim, "from 1 to 65536")?;
        let tau = self.temperature.initial();
        let valid = tau.is_finite() && (0.01..=100.0).contains(&tau);
        ModelError::check(valid, "temperature", tau, "from 0.01 (logit scale 100) to 100")?;
        if let OtherLengths::Windows { hop_s, .. } = self.other_lengths {
            let valid = (LEAST_HOP_S.min(self.clip_s / 2.0)..=self.clip_s).contains(&hop_s);
            ModelError::check(valid, "other_lengths.hop_s", hop_s, "from 0.01 s to clip_s")?;
        }
        let (hop_s, clip_s) = (self.segment_hop_s(), self.clip_s);
        ModelError::check(hop_s > 0.0 && hop_s <= clip_s, "segment_hop_s", hop_s, "above 0 and at most clip_s")?;
        if self.segments == Segments::Shared {
            let shares = self.audio.time_columns().is_some();
            ModelError::check(shares, "segments", "shared", "separate, for an encoder without a map over time")?;
            let measured = self.log_mel.loudness != Loudness::Ebur128;
            let expected = "none or rms, where segments are shared: EBU R128 is of a clip as a whole";
            ModelError::check(measured, "log_mel.loudness", "ebur128", expected)?;
        }
        if let Some(most) = self.audio.max_frames() {
            let windows = matches!(self.other_lengths, OtherLengths::Windows { .. });
            ModelError::check(windows, "other_lengths", "interpolate", "windows, for an encoder with a longest input")?;
            let frames = self.log_mel.frames(self.clip_samples());
            let found = format!("{frames} frames of log-mel");
            ModelError::check(frames <= most, "clip_s", found, "within the longest input of the audio encoder")?;
        }
        self.head.validate()?;
        self.log_mel.validate()?;
        self.audio.validate()?;
        self.text.validate()?;
        let parameters = self.audio.parameters() + self.text.parameters();
        let found = format!("a model of {:.1} billion parameters", parameters / 1e9);
        ModelError::check(parameters <= MOST_PARAMETERS, "audio, text", found, "at most 4 billion: smaller sizes")?;
        for (field, encoder) in [("audio", self.audio.output_dim()), ("text", self.text.output_dim())] {
            let fits = self.project || encoder == dim;
            let found = format!("{encoder} dimensions");
            ModelError::check(fits, field, found, "of projection_dim dimensions, or `project` must be true")?;
        }
        Ok(())
    }

    /// How a parameter is trained, by its name in the whole model: `audio.resnet.conv1.weight` and so on.
    pub fn parameter_group(&self, name: &str) -> ParameterGroup {
        match name.split_once('.') {
            Some(("audio", name)) => self.audio.parameter_group(name),
            Some(("text", name)) => self.text.parameter_group(name),
            None if name == LOGIT_SCALE && matches!(self.temperature, Temperature::Fixed(_)) => ParameterGroup::Frozen,
            _ => ParameterGroup::Rest,
        }
    }

    /// Whether a parameter is the gain of the last norm of a residual branch, by its name in the whole model.
    pub fn is_residual_gain(&self, name: &str) -> bool {
        match name.split_once('.') {
            Some(("audio", name)) => self.audio.is_residual_gain(name),
            Some(("text", name)) => self.text.is_residual_gain(name),
            _ => false,
        }
    }

    /// Weights that training starts from instead of random ones, by their names in the whole model.
    ///
    /// # Errors
    /// [`ModelError`] with the file that cannot be read.
    pub fn pretrained(&self, device: &Device) -> Result<StateDict, ModelError> {
        let audio = self.audio.pretrained(device)?.into_iter().map(|(name, data)| (format!("audio.{name}"), data));
        let text = self.text.pretrained(device)?.into_iter().map(|(name, data)| (format!("text.{name}"), data));
        Ok(audio.chain(text).collect())
    }

    /// The same model without dropout, for comparisons: devices draw other random numbers.
    #[must_use]
    pub fn without_dropout(self) -> Self {
        Self { audio: self.audio.without_dropout(), text: self.text.without_dropout(), ..self }
    }

    /// Builds the model with random weights.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<DualEncoder, ModelError> {
        self.validate()?;
        let frames = self.log_mel.frames(self.clip_samples());
        let head = |inputs: usize| self.project.then(|| self.head.init(inputs, self.projection_dim, device));
        let logit_scale = (1.0 / self.temperature.initial()).ln() as f32;
        Ok(DualEncoder {
            audio: self.audio.init(self.log_mel.n_mels, frames, device)?,
            text: self.text.init(device)?,
            audio_projection: head(self.audio.output_dim()),
            text_projection: head(self.text.output_dim()),
            logit_scale: Param::from_data([logit_scale], device),
        })
    }
}

/// The dual encoder: music and text into one space, where cosine is similarity.
#[derive(Module, Debug)]
pub struct DualEncoder {
    /// Log-mel to a vector.
    pub audio: AudioEncoder,
    /// Caption to a vector.
    pub text: TextEncoder,
    /// Into the joint space.
    pub audio_projection: Option<Head>,
    /// Into the joint space.
    pub text_projection: Option<Head>,
    /// ln(1/τ), `[1]`.
    pub logit_scale: Param<Tensor<1>>,
}

impl DualEncoder {
    /// In which numbers the encoders compute. Parameters stay in 32 bits, and so do embeddings.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { audio: self.audio.with_precision(precision), text: self.text.with_precision(precision), ..self }
    }

    /// # Shapes
    /// - audio: `[batch, n_mels, frames]`, dB; returns `[batch, projection_dim]`, unit norm.
    pub fn embed_audio(&self, audio: impl Into<AudioBatch>) -> Tensor<2> {
        self.project_audio(self.audio.forward(audio))
    }

    /// Into the joint space from what the audio encoder, or a window of its map over time, was pooled to.
    ///
    /// # Shapes
    /// - features: `[batch, output_dim]` of the audio tower; returns `[batch, projection_dim]`, unit norm.
    pub fn project_audio(&self, features: Tensor<2>) -> Tensor<2> {
        normalise(project(&self.audio_projection, features))
    }

    /// Into the joint space from what the text encoder gave.
    ///
    /// # Shapes
    /// - features: `[batch, output_dim]` of the text tower; returns `[batch, projection_dim]`, unit norm.
    pub fn project_text(&self, features: Tensor<2>) -> Tensor<2> {
        normalise(project(&self.text_projection, features))
    }

    /// # Shapes
    /// - returns `[batch, projection_dim]`, unit norm.
    pub fn embed_text(&self, text: impl Into<TextBatch>) -> Tensor<2> {
        self.project_text(self.text.forward(text))
    }

    /// What comes out of the parts of both encoders, the embeddings last.
    pub fn activations(&self, audio: impl Into<AudioBatch>, text: impl Into<TextBatch>) -> Activations {
        let mut seen = Activations::default();
        let features = self.audio.run(audio.into(), Some(&mut seen));
        seen.add("audio", features.clone());
        let text_features = self.text.run(text.into(), Some(&mut seen));
        seen.add("text", text_features.clone());
        seen.add("audio embedding", normalise(project(&self.audio_projection, features.detach())));
        seen.add("text embedding", normalise(project(&self.text_projection, text_features.detach())));
        seen
    }

    /// exp(logit scale) = 1/τ, `[1]`.
    pub fn scale(&self) -> Tensor<1> {
        self.logit_scale.val().exp()
    }
}

fn project(projection: &Option<Head>, x: Tensor<2>) -> Tensor<2> {
    match projection {
        Some(projection) => projection.forward(x),
        None => x,
    }
}
