//! Pointwise functions over many rows, on all threads.

use muscall_kernels::{Level, layer_norm};
use rayon::prelude::*;

use super::weights::Weights;

/// Values per task.
const TASK: usize = 16 << 10;

/// A layer norm.
#[derive(Debug)]
pub(super) struct Norm {
    gain: Vec<f32>,
    offset: Vec<f32>,
    epsilon: f32,
    level: Level,
}

impl Norm {
    pub(super) fn new(weights: &Weights<'_>, name: &str, epsilon: f32) -> Self {
        let part = |part: &str| weights.values(&format!("{name}.{part}")).to_vec();
        Self { gain: part("gamma"), offset: part("beta"), epsilon, level: weights.level }
    }

    /// # Shapes
    /// - x: `[rows, width]`, returned in the same shape.
    pub(super) fn run(&self, x: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; x.len()];
        let rows = self.gain.len() * (TASK / self.gain.len()).max(1);
        x.par_chunks(rows).zip(out.par_chunks_mut(rows)).for_each(|(x, out)| {
            layer_norm(x, &self.gain, &self.offset, self.epsilon, out, self.level);
        });
        out
    }
}

/// In place.
pub(super) fn gelu(x: &mut [f32], level: Level) {
    x.par_chunks_mut(TASK).for_each(|part| muscall_kernels::gelu(part, level));
}
