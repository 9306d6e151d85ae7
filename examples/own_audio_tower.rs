//! An audio tower of your own: the mean spectrum of a clip through a small network.
//!
//! `cargo run --release --example own_audio_tower` trains it on the music of `demo/`, saves it, loads it and searches.
#![allow(clippy::print_stdout)]

use std::ops::ControlFlow;
use std::path::Path;

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use muscall::model::audio::{AudioBatch, AudioEncoder, AudioEncoderConfig};
use muscall::model::tower::{AudioTower, Encoder, TowerConfig};
use muscall::model::{Activations, Description, ModelError};
use muscall::{Learner, Manifest, Muscall, MuscallConfig, OnExisting, Recipe, Split};
use serde::{Deserialize, Serialize};

/// In a recipe: `model.audio = { kind = "mean_spectrum", width = 64, dropout = 0.1 }`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MeanSpectrumConfig {
    width: usize,
    dropout: f64,
}

impl TowerConfig for MeanSpectrumConfig {
    fn validate(&self) -> Result<(), ModelError> {
        ModelError::check(self.width >= 1, "audio.width", self.width, "at least 1")
    }

    fn output_dim(&self) -> usize {
        self.width
    }

    fn describe(&self, space: &mut Description) {
        space.field("encoder", "mean_spectrum");
        space.field("width", self.width);
    }
}

#[typetag::serde(name = "mean_spectrum")]
impl AudioTower for MeanSpectrumConfig {
    fn without_dropout(&self) -> AudioEncoderConfig {
        Self { dropout: 0.0, ..self.clone() }.into()
    }

    fn init(&self, n_mels: usize, _frames: usize, device: &Device) -> Result<AudioEncoder, ModelError> {
        let linear = LinearConfig::new(n_mels, self.width).init(device);
        Ok(AudioEncoder::new(MeanSpectrum { linear, dropout: DropoutConfig::new(self.dropout).init() }))
    }
}

#[derive(Module, Debug)]
struct MeanSpectrum {
    linear: Linear,
    dropout: Dropout,
}

impl Encoder<AudioBatch> for MeanSpectrum {
    fn forward(&self, audio: AudioBatch, _seen: Option<&mut Activations>) -> Tensor<2> {
        let [batch, n_mels, _] = audio.mel.dims();
        let mean = audio.mel.mean_dim(2).reshape([batch, n_mels]) / 50.0;
        self.dropout.forward(relu(self.linear.forward(mean)))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = MuscallConfig { audio: MeanSpectrumConfig { width: 64, dropout: 0.1 }.into(), ..MuscallConfig::tiny() };
    let recipe = Recipe { epochs: 20, batch_size: 16, learning_rate: 1e-3, ..Recipe::new(model) };
    let manifest = Manifest::read(Path::new("demo/manifest.jsonl"), Split::Train)?;
    let device = Device::default();
    let learner = Learner::new(recipe, "runs/mean_spectrum", &device)?.with_on_existing(OnExisting::Replace);
    learner.fit(manifest.clone(), None, &mut |_| ControlFlow::Continue(()))?;
    let model = Muscall::load("runs/mean_spectrum", &device)?;
    let music = model.embed_audio(manifest.rows.iter().map(|row| &row.audio).collect::<Vec<_>>())?;
    let words = model.embed_text(["calm solo piano"])?;
    words.rank(&music).row(0).take(1).for_each(|best| println!("{}", manifest.rows[best.index].audio.display()));
    Ok(())
}
