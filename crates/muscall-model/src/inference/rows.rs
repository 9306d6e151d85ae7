//! Pointwise functions over many rows, on all threads.

use muscall_kernels::{LayerNorm, Level};
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

    fn kernel(&self) -> LayerNorm<'_> {
        LayerNorm { gain: &self.gain, offset: &self.offset, epsilon: self.epsilon, level: self.level }
    }

    /// Rows per task.
    fn rows(&self) -> usize {
        (TASK / self.gain.len()).max(1)
    }

    /// # Shapes
    /// - x: `[rows, width]`, returned in the same shape.
    pub(super) fn run(&self, x: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; x.len()];
        self.run_to(x, &mut out);
        out
    }

    /// # Shapes
    /// - x and out: `[rows, width]`.
    pub(super) fn run_to(&self, x: &[f32], out: &mut [f32]) {
        let size = self.rows() * self.gain.len();
        x.par_chunks(size).zip(out.par_chunks_mut(size)).for_each(|(x, out)| self.kernel().run(x, out));
    }

    /// Some rows of `x`, in an order of one's own.
    ///
    /// # Shapes
    /// - x: `[any, width]`; order: `[rows]`; out: `[rows, width]`.
    pub(super) fn run_ordered(&self, x: &[f32], order: &[usize], out: &mut [f32]) {
        let tasks = order.par_chunks(self.rows()).zip(out.par_chunks_mut(self.rows() * self.gain.len()));
        tasks.for_each(|(order, out)| self.kernel().run_ordered(x, order, out));
    }
}

/// In place.
pub(super) fn gelu(x: &mut [f32], level: Level) {
    x.par_chunks_mut(TASK).for_each(|part| muscall_kernels::gelu(part, level));
}
