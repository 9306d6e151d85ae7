//! With many channels: from copies in which what a loop reads lies together.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::products::{ROWS, VECTORS, products};
use crate::winograd::transform::{self, PLACES};
use crate::{FeatureMap, FeatureView, Level};

/// Positions that are summed before the next weights: what belongs to them stays in the cache.
const POSITIONS: usize = 96;
/// Fewer than that would load and store the sums too often.
const FEWEST_POSITIONS: usize = 16;
/// Bytes of copies at a time; they stay in the last-level cache.
const BLOCK_BYTES: usize = 2 << 20;
/// Values between rows of inputs, so that these do not all lie in the same few lines of the cache.
const PADDING: usize = 16;

/// What is summed over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Form {
    /// The pixels of a 1×1 convolution.
    Pixels,
    /// The tiles of a 3×3 convolution: with `U` the transformed weights, the gradient of
    /// `Aᵀ (U ⊙ Bᵀ x B) A` is `(A g Aᵀ) ⊙ Bᵀ x B` for `U`, and that of the weights `Gᵀ U G`.
    Winograd,
}

/// See [`super::weight_gradient`].
pub(super) fn weight_gradient(x: FeatureView<'_>, gradient: &FeatureMap, form: Form, level: Level) -> Vec<f32> {
    let (inputs, outputs) = (x.channels, gradient.channels);
    let width = VECTORS * level.lanes();
    let panels = outputs.div_ceil(width);
    let (places, positions) = match form {
        Form::Pixels => (1, x.images * x.height * x.width),
        Form::Winograd => (PLACES, x.images * x.height.div_ceil(2) * x.width.div_ceil(2)),
    };
    let threads = rayon::current_num_threads();
    // Sums are in the order of positions, whatever the parts are.
    let part = positions.div_ceil(2 * threads).clamp(FEWEST_POSITIONS, POSITIONS);
    let step = inputs + PADDING;
    let (x_part, gradient_part) = (places * part * step, places * panels * part * width);
    let parts = (BLOCK_BYTES / ((x_part + gradient_part) * size_of::<f32>())).clamp(1, positions.div_ceil(part).max(1));
    let (mut xs, mut gradients) = (vec![0.0; parts * x_part], vec![0.0; parts * gradient_part]);
    // [place, panel, input, lane]
    let mut sums = vec![0.0; places * panels * inputs * width];
    for first in (0..positions).step_by(part * parts) {
        let starts = (first..positions).step_by(part).take(parts).collect::<Vec<_>>();
        let copies = xs.par_chunks_mut(x_part).zip(gradients.par_chunks_mut(gradient_part));
        copies.zip(&starts).for_each(|((xs, gradients), &first)| {
            level.run(Gather { x, gradient, form, first, count: part.min(positions - first), step, xs, gradients });
        });
        sums.par_chunks_mut(inputs * width).enumerate().for_each(|(slot, sums)| {
            let (place, panel) = (slot / panels, slot % panels);
            for (i, &first) in starts.iter().enumerate() {
                let count = part.min(positions - first);
                level.run(Panel {
                    xs: &xs[i * x_part + place * count * step..][..count * step],
                    gradients: &gradients[i * gradient_part + (place * panels + panel) * count * width..]
                        [..count * width],
                    inputs,
                    step,
                    sums,
                });
            }
        });
    }
    let mut weight = vec![0.0; outputs * inputs * if form == Form::Pixels { 1 } else { 9 }];
    let stride = panels * inputs * width;
    let of_panel = width * weight.len() / outputs;
    weight.par_chunks_mut(of_panel).enumerate().for_each(|(panel, weight)| {
        let sums = &sums[panel * inputs * width..];
        let outputs = weight.len() * width / of_panel;
        for input in 0..inputs {
            for output in 0..outputs {
                let (from, to) = (input * width + output, output * inputs + input);
                if form == Form::Pixels {
                    weight[to] = sums[from];
                    continue;
                }
                let mut places = [0.0; PLACES];
                for (place, value) in places.iter_mut().enumerate() {
                    *value = sums[place * stride + from];
                }
                weight[9 * to..9 * to + 9].copy_from_slice(&transform::of_kernel_transposed(places));
            }
        }
    });
    weight
}

/// Copies what belongs to some positions.
struct Gather<'a> {
    x: FeatureView<'a>,
    gradient: &'a FeatureMap,
    form: Form,
    first: usize,
    count: usize,
    step: usize,
    /// `[place, position, step]`.
    xs: &'a mut [f32],
    /// `[place, panel, position, lane]`.
    gradients: &'a mut [f32],
}

impl WithSimd for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.form {
            Form::Pixels => self.pixels::<S>(),
            Form::Winograd => self.tiles(simd),
        }
    }
}

impl Gather<'_> {
    #[inline(always)]
    fn pixels<S: Simd>(self) {
        let Self { x, gradient, count, step, .. } = self;
        let width = VECTORS * S::F32_LANES;
        for position in 0..count {
            let at = self.first + position;
            let (column, row) = (at % x.width, at / x.width);
            let (y, image) = (row % x.height, row / x.height);
            let from = x.offset(image, y, column);
            self.xs[position * step..][..x.channels].copy_from_slice(&x.data[from..from + x.channels]);
            let from = gradient.offset(image, y, column);
            let values = &gradient.data[from..from + gradient.channels];
            for (panel, values) in values.chunks(width).enumerate() {
                let place = &mut self.gradients[(panel * count + position) * width..][..width];
                place[..values.len()].copy_from_slice(values);
                place[values.len()..].fill(0.0);
            }
        }
    }

    /// There are whole vectors of channels.
    #[inline(always)]
    fn tiles<S: Simd>(self, simd: S) {
        let Self { x, gradient, count, step, .. } = self;
        let (across, down) = (x.width.div_ceil(2), x.height.div_ceil(2));
        let zeros = vec![0.0; x.channels.max(gradient.channels)];
        let (xs, _) = S::as_mut_simd_f32s(self.xs);
        let (gradients, _) = S::as_mut_simd_f32s(self.gradients);
        let step = step / S::F32_LANES;
        let (inputs, outputs) = (x.channels / S::F32_LANES, gradient.channels / S::F32_LANES);
        let panels = outputs.div_ceil(VECTORS);
        for position in 0..count {
            let at = self.first + position;
            let (column, row) = (at % across, at / across);
            let (y, image) = (row % down, row / down);
            let [top, left] = [2 * y as isize, 2 * column as isize];
            let patch = transform::patch::<S, 4>(x, &zeros, image, [top - 1, left - 1]);
            for channel in 0..inputs {
                let mut values = [[simd.splat_f32s(0.0); 4]; 4];
                for (values, row) in values.iter_mut().zip(&patch) {
                    *values = [row[0][channel], row[1][channel], row[2][channel], row[3][channel]];
                }
                for (place, value) in transform::of_inputs2(simd, values).into_iter().enumerate() {
                    xs[(place * count + position) * step + channel] = value;
                }
            }
            let patch = transform::patch::<S, 2>(gradient.view(), &zeros, image, [top, left]);
            for channel in 0..outputs {
                let mut values = [[simd.splat_f32s(0.0); 2]; 2];
                for (values, row) in values.iter_mut().zip(&patch) {
                    *values = [row[0][channel], row[1][channel]];
                }
                for (place, value) in transform::of_outputs2(simd, values).into_iter().enumerate() {
                    let panel = place * panels + channel / VECTORS;
                    gradients[(panel * count + position) * VECTORS + channel % VECTORS] = value;
                }
            }
        }
    }
}

/// Adds the products of some positions: all inputs times a panel of outputs.
struct Panel<'a> {
    /// `[position, step]`.
    xs: &'a [f32],
    /// `[position, lane]`.
    gradients: &'a [f32],
    inputs: usize,
    step: usize,
    /// `[input, lane]`.
    sums: &'a mut [f32],
}

impl WithSimd for Panel<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = VECTORS * S::F32_LANES;
        let count = self.gradients.len() / width;
        assert!(self.xs.len() == count * self.step && self.inputs <= self.step, "a row for each position");
        let (sums, _) = S::as_mut_simd_f32s(self.sums);
        assert_eq!(sums.len(), self.inputs * VECTORS, "sums for each input");
        for (tile, sums) in sums.chunks_mut(ROWS * VECTORS).enumerate() {
            // Beyond the last input it is computed again, and not stored.
            let last = sums.len() / VECTORS - 1;
            let mut values = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
            for (values, sums) in values.iter_mut().zip(sums.chunks_exact(VECTORS)) {
                for (value, sum) in values.iter_mut().zip(sums) {
                    *value = *sum;
                }
            }
            let mut places = [0; ROWS];
            for (m, place) in places.iter_mut().enumerate() {
                *place = tile * ROWS + m.min(last);
            }
            // SAFETY: each of `count` rows has `step` values, which are no fewer than the inputs, of which the
            // places are some; `gradients` has VECTORS vectors for each of them.
            values = unsafe {
                products::<S, VECTORS>(
                    simd,
                    self.xs.as_ptr(),
                    places,
                    self.step,
                    self.gradients.as_ptr(),
                    width,
                    count,
                    values,
                )
            };
            for (values, sums) in values.iter().zip(sums.chunks_exact_mut(VECTORS)) {
                for (value, sum) in values.iter().zip(sums) {
                    *sum = *value;
                }
            }
        }
    }
}
