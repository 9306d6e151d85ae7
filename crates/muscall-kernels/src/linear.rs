//! Rows times a matrix.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::Level;
use crate::output::{Activation, Grid, Output, Residual};
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

/// What happens to the output of a linear layer.
#[derive(Debug, Clone, Copy, Default)]
pub struct RowEpilogue<'a> {
    /// Rows as wide as the output's, one of which is added to each row.
    pub residual: Option<&'a [f32]>,
    /// Which of them is added to each row; empty if they are in the same order.
    pub residual_order: &'a [usize],
    /// Whether the sum goes through GELU.
    pub gelu: bool,
}

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
        let mut out = Vec::new();
        self.run_into(x, RowEpilogue { residual, ..Default::default() }, &mut out);
        out
    }

    /// The same into a vector that may have been used before, with what follows the layer.
    ///
    /// # Shapes
    /// - x: `[rows, inputs]`; out becomes `[rows, outputs]`.
    ///
    /// # Panics
    /// If these do not fit.
    pub fn run_into(&self, x: &[f32], epilogue: RowEpilogue<'_>, out: &mut Vec<f32>) {
        let rows = x.len() / self.inputs().max(1);
        let len = rows * self.outputs();
        out.clear();
        out.reserve(len);
        self.write(x, epilogue, &mut out.spare_capacity_mut()[..len]);
        // SAFETY: `write` has written every value.
        unsafe { out.set_len(len) };
    }

    /// The same into a slice.
    ///
    /// # Shapes
    /// - x: `[rows, inputs]`; out: `[rows, outputs]`.
    ///
    /// # Panics
    /// If these do not fit.
    pub fn run_to(&self, x: &[f32], epilogue: RowEpilogue<'_>, out: &mut [f32]) {
        // SAFETY: initialised values are written over with initialised ones.
        self.write(x, epilogue, unsafe { &mut *(std::ptr::from_mut(out) as *mut [MaybeUninit<f32>]) });
    }

    /// Writes every value of `out`.
    fn write(&self, x: &[f32], epilogue: RowEpilogue<'_>, out: &mut [MaybeUninit<f32>]) {
        let RowEpilogue { residual, residual_order: order, gelu } = epilogue;
        let (inputs, outputs) = (self.inputs(), self.outputs());
        let rows = x.len() / inputs.max(1);
        assert_eq!(x.len(), rows * inputs, "whole rows");
        assert_eq!(out.len(), rows * outputs, "rows of outputs");
        if let Some(residual) = residual {
            let fits = if order.is_empty() { residual.len() == out.len() } else { order.len() == rows };
            assert!(fits, "a row of the residual for each row");
        }
        let fair = rows.div_ceil(2 * rayon::current_num_threads()).next_multiple_of(ROWS);
        let bytes = if self.weights.bytes() > KEPT_BYTES { LARGE_TASK_BYTES } else { TASK_BYTES };
        let task = (bytes / (inputs.max(1) * size_of::<f32>())).clamp(ROWS, fair.max(ROWS)) / ROWS * ROWS;
        out.par_chunks_mut((task * outputs).max(1)).enumerate().for_each(|(chunk, out)| {
            let (first, count) = (chunk * task, out.len() / outputs);
            let line = |start, step| Grid { start, row_step: 0, step };
            let residual = residual.map(|values| {
                let start = if order.is_empty() { first * outputs } else { 0 };
                let order = order.get(first..first + count).unwrap_or(&[]);
                Residual { values, grid: line(start, outputs), order }
            });
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
                    activation: if gelu { Activation::Gelu } else { Activation::Identity },
                    residual,
                    to: line(0, outputs),
                    out,
                },
            });
        });
    }
}
