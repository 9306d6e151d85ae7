//! Rows times a matrix.

use rayon::prelude::*;

use crate::Level;
use crate::output::{Grid, Output};
use crate::pack::PackedMatrix;
use crate::tile::Task;

/// Rows of a task are a multiple of this, so that tiles are full.
const ROWS: usize = 12;
/// Bytes of input per task.
const TASK_BYTES: usize = 128 << 10;
/// Of input per task, where the weights do not stay in the second-level cache: each task fetches them anew.
const LARGE_TASK_BYTES: usize = 1 << 20;
/// Of weights that stay there.
const KEPT_BYTES: usize = 1 << 20;

/// `y = x Wᵀ + b`, with the weights in the order of the kernel.
#[derive(Debug, Clone)]
pub struct Linear {
    weights: PackedMatrix,
    bias: Vec<f32>,
}

impl Linear {
    /// # Shapes
    /// - weight: `[outputs, inputs]`.
    /// - bias: `[outputs]`, or empty for none.
    ///
    /// # Panics
    /// If these do not fit.
    pub fn new(weight: &[f32], [outputs, inputs]: [usize; 2], bias: &[f32], level: Level) -> Self {
        assert_eq!(weight.len(), outputs * inputs, "a weight for each output and input");
        let weights = PackedMatrix::new([inputs, outputs], level, weight, |input| input, inputs);
        let bias = weights.filled_up(bias);
        Self { weights, bias }
    }

    /// Inputs per row.
    pub fn inputs(&self) -> usize {
        self.weights.depth
    }

    /// Outputs per row.
    pub fn outputs(&self) -> usize {
        self.weights.columns
    }

    /// With `residual`, that is added.
    ///
    /// # Shapes
    /// - x: `[rows, inputs]`; returns `[rows, outputs]`, as the residual.
    ///
    /// # Panics
    /// If these do not fit.
    pub fn run(&self, x: &[f32], residual: Option<&[f32]>) -> Vec<f32> {
        let (inputs, outputs) = (self.inputs(), self.outputs());
        let rows = x.len() / inputs.max(1);
        let len = rows * outputs;
        assert_eq!(x.len(), rows * inputs, "whole rows");
        assert!(residual.is_none_or(|residual| residual.len() == len), "a residual of the output's shape");
        let mut out = Vec::with_capacity(len);
        let places = &mut out.spare_capacity_mut()[..len];
        let fair = rows.div_ceil(2 * rayon::current_num_threads()).next_multiple_of(ROWS);
        let bytes = if self.weights.bytes() > KEPT_BYTES { LARGE_TASK_BYTES } else { TASK_BYTES };
        let task = (bytes / (inputs.max(1) * size_of::<f32>())).clamp(ROWS, fair.max(ROWS)) / ROWS * ROWS;
        places.par_chunks_mut((task * outputs).max(1)).enumerate().for_each(|(chunk, out)| {
            let (first, count) = (chunk * task, out.len() / outputs);
            let line = |start, step| Grid { start, row_step: 0, step };
            let residual = residual.map(|values| &values[first * outputs..][..count * outputs]);
            self.weights.level.run(Task {
                pixels: count,
                width: count,
                inputs: x,
                from: line(first * inputs, inputs),
                taps: &[0],
                depth: inputs,
                weights: &self.weights,
                output: Output {
                    bias: &self.bias,
                    relu: false,
                    residual: residual.map(|values| (values, line(0, outputs))),
                    to: line(0, outputs),
                    out,
                },
            });
        });
        // SAFETY: each chunk is some whole rows, of which its task has written every column.
        unsafe { out.set_len(len) };
        out
    }
}
