//! Rows times matrices that are read where they lie.

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::Level;
use crate::rows::Rows;

/// Outputs per task, at least.
const OUTPUTS: usize = 48;
/// Values of `x` that stay in the second-level cache while all outputs of a task go over them.
const BLOCK: usize = 128 << 10;

/// `y = x Wᵀ + b`, with the weights as a checkpoint has them.
///
/// [`Linear`](crate::Linear) packs its weights and is the faster one for many rows. This one reads each weight where it
/// lies, so that nothing is packed or copied, and a mapped matrix is never in memory twice: for encoders of words, which
/// see a few rows at a time.
///
/// Each output is one sum, whose order depends on the instruction set alone: neither other rows nor threads change a bit.
#[derive(Debug, Clone)]
pub struct RowLinear {
    parts: Vec<Rows>,
    bias: Vec<f32>,
    inputs: usize,
    outputs: usize,
    level: Level,
}

impl RowLinear {
    /// Layers of one input as one, their outputs one after the other.
    ///
    /// # Shapes
    /// - weights: `[outputs, inputs]` each.
    /// - bias: `[outputs of all]`, or empty for none.
    ///
    /// # Panics
    /// If these do not fit.
    pub fn new(weights: Vec<Rows>, bias: Vec<f32>, level: Level) -> Self {
        let inputs = weights.first().map_or(0, Rows::columns);
        let outputs = weights.iter().map(Rows::rows).sum();
        assert!(inputs > 0 && weights.iter().all(|part| part.columns() == inputs), "layers of one input");
        assert!(bias.is_empty() || bias.len() == outputs, "a bias has one value per output");
        Self { parts: weights, bias, inputs, outputs, level }
    }

    /// Inputs per row.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Outputs per row.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// With `residual`, that is added.
    ///
    /// # Shapes
    /// - x: `[rows, inputs]`; returns `[rows, outputs]`, as the residual.
    ///
    /// # Panics
    /// If these do not fit.
    pub fn run(&self, x: &[f32], residual: Option<&[f32]>) -> Vec<f32> {
        let rows = x.len() / self.inputs;
        assert_eq!(x.len(), rows * self.inputs, "whole rows");
        assert!(
            residual.is_none_or(|residual| residual.len() == rows * self.outputs),
            "a residual of the output's shape"
        );
        let mut room = Vec::new();
        let x = aligned(x, &mut room);
        let shares = 4 * rayon::current_num_threads();
        let mut tasks: Vec<(usize, &Rows, Range<usize>)> = Vec::new();
        let mut first = 0;
        for part in &self.parts {
            let step = part.rows().div_ceil(shares).next_multiple_of(GROUP).max(OUTPUTS);
            tasks.extend(
                (0..part.rows())
                    .step_by(step)
                    .map(|start| (first + start, part, start..(start + step).min(part.rows()))),
            );
            first += part.rows();
        }
        let products = |(first, part, outputs): (usize, &Rows, Range<usize>)| {
            let mut out = vec![0.0; rows * outputs.len()];
            let mut room = Vec::new();
            let step = GROUP.min(outputs.len());
            let block = (BLOCK / self.inputs).max(1);
            for (index, x) in x.chunks(block * self.inputs).enumerate() {
                for start in outputs.clone().step_by(step) {
                    let weights = part.get(start..(start + step).min(outputs.end), &mut room);
                    let (row, column) = (index * block, start - outputs.start);
                    let out = &mut out[row * outputs.len() + column..];
                    self.level.run(Products { x, weights, inputs: self.inputs, out, stride: outputs.len() });
                }
            }
            (first, outputs.len(), out)
        };
        let products: Vec<_> = tasks.into_par_iter().map(products).collect();
        let mut y = match residual {
            Some(residual) => residual.to_vec(),
            None => vec![0.0; rows * self.outputs],
        };
        for (first, count, products) in products {
            let bias = self.bias.get(first..first + count);
            for (y, products) in y.chunks_exact_mut(self.outputs).zip(products.chunks_exact(count)) {
                let y = &mut y[first..first + count];
                match bias {
                    Some(bias) => y.iter_mut().zip(products).zip(bias).for_each(|((y, x), bias)| *y += x + bias),
                    None => y.iter_mut().zip(products).for_each(|(y, x)| *y += x),
                }
            }
        }
        y
    }
}

/// Rows of weights that are taken together: a multiple of what a tile takes.
const GROUP: usize = 12;
/// Bytes that come from memory together.
const LINE: usize = 64;

/// The same values from the start of a line on, so that no vector lies across two.
fn aligned<'a>(x: &[f32], room: &'a mut Vec<f32>) -> &'a [f32] {
    room.resize(x.len() + LINE / size_of::<f32>(), 0.0);
    let start = room.as_ptr().align_offset(LINE).min(LINE / size_of::<f32>());
    let out = &mut room[start..start + x.len()];
    out.copy_from_slice(x);
    out
}

/// Some rows of `x` times some rows of weights.
struct Products<'a> {
    /// `[rows, inputs]`
    x: &'a [f32],
    /// `[outputs, inputs]`
    weights: &'a [f32],
    inputs: usize,
    /// `stride` from a row to the next.
    out: &'a mut [f32],
    stride: usize,
}

impl WithSimd for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let outputs = self.weights.len() / self.inputs;
        // As many sums as registers hold, besides what is multiplied: 24 of 32, or 12 of 16.
        // Loops, not iterators: what a closure does is compiled for other instructions unless all of it is inlined.
        let mut output = 0;
        if S::F32_LANES == 16 {
            while output + 6 <= outputs {
                self.rows::<S, 4, 6>(simd, output);
                output += 6;
            }
        } else {
            while output + 3 <= outputs {
                self.rows::<S, 4, 3>(simd, output);
                output += 3;
            }
        }
        while output < outputs {
            self.rows::<S, 4, 1>(simd, output);
            output += 1;
        }
    }
}

impl Products<'_> {
    /// All rows, `M` at a time, times `N` outputs.
    #[inline(always)]
    fn rows<S: Simd, const M: usize, const N: usize>(&mut self, simd: S, output: usize) {
        let rows = self.x.len() / self.inputs;
        let whole = rows - rows % M;
        let tiles = rows.div_ceil(M);
        // The weights of the next outputs lie behind these. Each tile fetches its share of them, so that memory is never idle.
        let lines_per_step = N.div_ceil(tiles);
        let share = self.inputs / S::F32_LANES * lines_per_step * LINE;
        let behind = self.weights[(output + N) * self.inputs..].as_ptr().cast::<u8>();
        let fetch = |tile: usize| Fetch { from: behind.wrapping_add(tile * share), lines_per_step };
        for tile in 0..whole / M {
            self.tile::<S, M, N>(simd, tile * M, output, fetch(tile));
        }
        match rows - whole {
            1 => self.tile::<S, 1, N>(simd, whole, output, fetch(tiles - 1)),
            2 => self.tile::<S, 2, N>(simd, whole, output, fetch(tiles - 1)),
            3 => self.tile::<S, 3, N>(simd, whole, output, fetch(tiles - 1)),
            _ => {}
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const M: usize, const N: usize>(&mut self, simd: S, row: usize, output: usize, fetch: Fetch) {
        let inputs = self.inputs;
        let rows: [&[f32]; M] = std::array::from_fn(|m| &self.x[(row + m) * inputs..][..inputs]);
        let weights: [&[f32]; N] = std::array::from_fn(|n| &self.weights[(output + n) * inputs..][..inputs]);
        let vectors = inputs / S::F32_LANES;
        // SAFETY: each row and each output has `inputs` values, which are at least `vectors` vectors. Vectors may begin at
        // any multiple of four bytes: `as_simd` of pulp is a cast of the same kind.
        let mut sums = unsafe {
            let (rows, weights) = (rows.map(|row| row.as_ptr().cast()), weights.map(|row| row.as_ptr().cast()));
            sums_of::<S, M, N>(simd, rows, weights, vectors, fetch)
        };
        let rest = vectors * S::F32_LANES;
        if rest < inputs {
            for n in 0..N {
                let weight = simd.partial_load_f32s(&weights[n][rest..]);
                for m in 0..M {
                    sums[m][n] = simd.mul_add_e_f32s(simd.partial_load_f32s(&rows[m][rest..]), weight, sums[m][n]);
                }
            }
        }
        for (m, sums) in sums.into_iter().enumerate() {
            for (n, sum) in sums.into_iter().enumerate() {
                self.out[(row + m) * self.stride + output + n] = simd.reduce_sum_f32s(sum);
            }
        }
    }
}

/// Sums of products, lane by lane.
///
/// # Safety
/// Each row and each output has so many vectors.
#[inline(always)]
unsafe fn sums_of<S: Simd, const M: usize, const N: usize>(
    simd: S,
    rows: [*const S::f32s; M],
    weights: [*const S::f32s; N],
    vectors: usize,
    mut fetch: Fetch,
) -> [[S::f32s; N]; M] {
    let mut sums = [[simd.splat_f32s(0.0); N]; M];
    for i in 0..vectors {
        fetch.step();
        let mut values = [simd.splat_f32s(0.0); M];
        for m in 0..M {
            // SAFETY: i < vectors.
            values[m] = unsafe { rows[m].add(i).read_unaligned() };
        }
        for n in 0..N {
            // SAFETY: i < vectors.
            let weight = unsafe { weights[n].add(i).read_unaligned() };
            for m in 0..M {
                sums[m][n] = simd.mul_add_e_f32s(values[m], weight, sums[m][n]);
            }
        }
    }
    sums
}

/// What is asked for while something else is multiplied. Weights of a file are farther away than the processor looks by
/// itself.
#[derive(Clone, Copy)]
struct Fetch {
    from: *const u8,
    lines_per_step: usize,
}

impl Fetch {
    #[inline(always)]
    fn step(&mut self) {
        for _ in 0..self.lines_per_step {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a hint, which reads nothing; any address will do.
            unsafe {
                std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(self.from.cast());
            }
            self.from = self.from.wrapping_add(LINE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn it_is_the_product_of_matrices() {
        for level in Level::available() {
            for (rows, inputs, outputs) in [(1, 1, 1), (3, 5, 7), (4, 16, 12), (9, 37, 50), (11, 64, 131)] {
                let (x, weight, bias) = (values(rows * inputs, 1), values(outputs * inputs, 2), values(outputs, 3));
                let residual = values(rows * outputs, 4);
                let (top, bottom) = weight.split_at(outputs / 2 * inputs);
                let parts = [top, bottom].into_iter().filter(|part| !part.is_empty());
                let parts = parts.map(|part| Rows::new(part, inputs)).collect();
                let found = RowLinear::new(parts, bias.clone(), level).run(&x, Some(&residual));
                for (i, found) in found.iter().enumerate() {
                    let (row, output) = (&x[i / outputs * inputs..][..inputs], i % outputs);
                    let products =
                        row.iter().zip(&weight[output * inputs..]).map(|(a, b)| f64::from(*a) * f64::from(*b));
                    let expected = products.sum::<f64>() + f64::from(bias[output]) + f64::from(residual[i]);
                    assert!((f64::from(*found) - expected).abs() < 1e-5, "{level}: {i}: {found} {expected}");
                }
            }
        }
    }

    #[test]
    fn a_row_has_the_same_bits_whatever_stands_beside_it() {
        let (inputs, outputs, rows) = (77, 101, 9);
        let (x, weight) = (values(rows * inputs, 5), values(outputs * inputs, 6));
        for level in Level::available() {
            let layer = RowLinear::new(vec![Rows::new(weight.clone(), inputs)], Vec::new(), level);
            let together = layer.run(&x, None);
            for row in 0..rows {
                let alone = layer.run(&x[row * inputs..][..inputs], None);
                assert_eq!(alone, together[row * outputs..][..outputs], "{level}: {row}");
            }
        }
    }
}
