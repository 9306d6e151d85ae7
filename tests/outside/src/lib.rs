//! A stand-in for an encoder that was trained elsewhere: a network over the mean spectrum, with dropout, a part that is
//! frozen and a part that is pretrained. Everything here is public API of `muscall`.

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig, Initializer, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use muscall::model::audio::{AudioBatch, AudioEncoder, AudioEncoderConfig};
use muscall::model::tower::{AudioTower, Encoder, ParameterGroup, TowerConfig};
use muscall::model::weights::StateDict;
use muscall::model::{Activations, Description, ModelError};
use serde::{Deserialize, Serialize};

/// Value of all pretrained weights.
pub const PRETRAINED: f32 = 0.125;

/// Configuration of [`MeanSpectrum`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeanSpectrumConfig {
    /// Size of the hidden layer and of what comes out.
    pub width: usize,
    /// Probability of dropping an activation in training.
    #[serde(default)]
    pub dropout: f64,
    /// A field that was added later: at its default no name moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slope: Option<f64>,
}

impl TowerConfig for MeanSpectrumConfig {
    fn validate(&self) -> Result<(), ModelError> {
        ModelError::check(self.width >= 1, "audio.width", self.width, "at least 1")?;
        ModelError::check((0.0..1.0).contains(&self.dropout), "audio.dropout", self.dropout, "at least 0 and below 1")
    }

    fn output_dim(&self) -> usize {
        self.width
    }

    fn describe(&self, space: &mut Description) {
        let Self { width, dropout: _, slope } = self;
        space.field("encoder", "mean_spectrum");
        space.field("width", *width);
        space.unless(0.0, "slope", slope.unwrap_or(0.0));
    }

    fn dropout(&self) -> f64 {
        self.dropout
    }

    fn parameter_group(&self, name: &str) -> ParameterGroup {
        match name.split('.').next() {
            Some("offset") => ParameterGroup::Frozen,
            Some("spectrum") => ParameterGroup::Pretrained,
            _ => ParameterGroup::Rest,
        }
    }

    fn pretrained(&self, _: &Device) -> Result<StateDict, ModelError> {
        // In PyTorch's layout a file would be read here; the bands are those of the test's model.
        let bands = 64;
        let weight = TensorData::new(vec![PRETRAINED; bands * self.width], [bands, self.width]);
        Ok(StateDict::from([("spectrum.weight".to_owned(), weight)]))
    }
}

#[typetag::serde(name = "mean_spectrum")]
impl AudioTower for MeanSpectrumConfig {
    fn min_frames(&self) -> usize {
        2
    }

    fn without_dropout(&self) -> AudioEncoderConfig {
        Self { dropout: 0.0, ..self.clone() }.into()
    }

    fn init(&self, n_mels: usize, _frames: usize, device: &Device) -> Result<AudioEncoder, ModelError> {
        ModelError::check(n_mels == 64, "log_mel.n_mels", n_mels, "64, for which the weights were trained")?;
        Ok(AudioEncoder::new(MeanSpectrum {
            offset: Initializer::Constant { value: -20.0 }.init([n_mels], device),
            spectrum: LinearConfig::new(n_mels, self.width).init(device),
            hidden: LinearConfig::new(self.width, self.width).init(device),
            dropout: DropoutConfig::new(self.dropout).init(),
            slope: self.slope.unwrap_or(0.0),
        }))
    }
}

/// Mean log-mel spectrum to a vector.
#[derive(Module, Debug)]
pub struct MeanSpectrum {
    offset: Param<Tensor<1>>,
    spectrum: Linear,
    hidden: Linear,
    dropout: Dropout,
    slope: f64,
}

impl Encoder<AudioBatch> for MeanSpectrum {
    fn forward(&self, audio: AudioBatch, seen: Option<&mut Activations>) -> Tensor<2> {
        let [batch, n_mels, _] = audio.mel.dims();
        let mean = (audio.mel.mean_dim(2).reshape([batch, n_mels]) - self.offset.val().unsqueeze::<2>()) / 20.0;
        let mut x = self.spectrum.forward(mean);
        if let Some(seen) = seen {
            seen.add("audio.spectrum", x.clone());
            x = x.detach();
        }
        let x = relu(x.clone()) - relu(-x) * self.slope;
        self.hidden.forward(self.dropout.forward(x))
    }
}
