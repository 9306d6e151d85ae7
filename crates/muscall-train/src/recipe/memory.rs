//! What memory a run takes.

use burn::tensor::Device;
use muscall_model::weights::shapes_of;

use super::{Learns, Recipe};
use crate::TrainError;

/// Bytes for each number that stays as it is: in the bundle, in the network, where the run keeps what it began with, and in
/// the models that are measured.
const STAYS: f64 = 20.0;
/// Bytes for each number that learns: with its gradient, two moments, and what is in between when they are used.
const LEARNS: f64 = 24.0;
/// Of everything else.
const REST: f64 = 2e8;

impl Recipe {
    /// About how many bytes of memory a run takes on a CPU, if both encoders
    /// [can say](muscall_model::tower::TowerConfig::activations).
    ///
    /// # Errors
    /// [`TrainError::Model`] if the model is not valid.
    pub fn memory_bytes(&self, device: &Device) -> Result<Option<f64>, TrainError> {
        let only_top = self.learns == Learns::Top;
        let (audio, text) = (self.model.audio.activations(only_top), self.model.text.activations(only_top));
        let (Some(audio), Some(text)) = (audio, text) else { return Ok(None) };
        let clips = self.micro_batch.unwrap_or(self.batch_size).min(self.batch_size) as f64;
        let captions = clips * self.data.captions_per_track as f64;
        let of_audio = if self.learns.trains_audio() { clips * audio } else { 0.0 };
        let of_text = if self.learns.trains_text() { captions * text } else { 0.0 };
        // Nothing is drawn, nor is there memory, for weights that nobody looks at.
        let network = self.model.init(device)?;
        let of_weights = shapes_of(&network).into_iter().map(|(name, shape)| {
            let numbers = shape.iter().product::<usize>() as f64;
            numbers * if self.trains(&name) { LEARNS } else { STAYS }
        });
        Ok(Some(of_weights.sum::<f64>() + 4.0 * (of_audio + of_text) + REST))
    }
}
