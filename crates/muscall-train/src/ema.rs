//! A moving average of the weights.

use muscall_model::DualEncoder;
use muscall_model::weights::{StateDict, state_of};

/// The average of a model's tensors over the steps, running statistics included.
#[derive(Debug, Clone)]
pub struct Ema {
    decay: f64,
    state: StateDict,
}

impl Ema {
    /// Starts from the model as it is.
    pub fn new(decay: f64, model: &DualEncoder) -> Self {
        Self { decay, state: state_of(model) }
    }

    /// Goes on from a checkpoint.
    pub fn restore(decay: f64, state: StateDict) -> Self {
        Self { decay, state }
    }

    /// After step `step` (from 1). The first steps count more, so that the start is soon forgotten.
    pub fn update(&mut self, model: &DualEncoder, step: u64) {
        let step = step as f64;
        let keep = self.decay.min((1.0 + step) / (10.0 + step)) as f32;
        for (name, data) in state_of(model) {
            let Some(average) = self.state.get_mut(&name) else {
                continue;
            };
            let new = data.as_slice::<f32>().expect("states are f32");
            let old = average.as_mut_slice::<f32>().expect("states are f32");
            old.iter_mut().zip(new).for_each(|(old, new)| *old = *old * keep + new * (1.0 - keep));
        }
    }

    /// The averaged tensors by name.
    pub fn state(&self) -> &StateDict {
        &self.state
    }
}
