//! With few channels: straight from the feature maps.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::products::{ROWS, VECTORS, products};
use crate::{FeatureMap, FeatureView, Level};

/// Bytes of pixels that all tiles go over before the next ones: they stay in the cache.
const BLOCK_BYTES: usize = 96 << 10;
/// Parts of the pixels that are summed apart; a fixed number, so that threads do not matter.
const PARTS: usize = 8;
/// Above so many weights threads share the weights, not the pixels.
const MANY: usize = 1 << 16;

/// See [`super::weight_gradient`].
pub(super) fn weight_gradient(
    x: FeatureView<'_>,
    gradient: &FeatureMap,
    kernel: usize,
    stride: usize,
    level: Level,
) -> Vec<f32> {
    let outputs = gradient.channels;
    // One vector, where that is all there is.
    let width = if outputs <= level.lanes() { 1 } else { VECTORS } * level.lanes();
    let padded = outputs.next_multiple_of(width);
    let filled;
    let gradient = if padded == outputs {
        gradient
    } else {
        filled = with_channels(gradient, padded);
        &filled
    };
    let depth = kernel * x.channels;
    let shape = Shape { x, gradient, kernel, stride, outputs: padded };
    // [kernel row, kernel column and input, output]
    let mut sums = vec![0.0; kernel * depth * padded];
    let rows: Vec<(usize, usize)> =
        (0..x.images).flat_map(|image| (0..gradient.height).map(move |y| (image, y))).collect();
    if sums.len() >= MANY {
        let tiles: Vec<(usize, usize)> =
            (0..kernel).flat_map(|ky| (0..depth).step_by(ROWS).map(move |first| (ky, first))).collect();
        // A kernel row is a whole number of slices, the last of which may be short.
        let mut slices = Vec::with_capacity(tiles.len());
        for row in sums.chunks_mut(depth * padded) {
            slices.extend(row.chunks_mut(ROWS * padded));
        }
        slices.into_par_iter().zip(tiles).for_each(|(sums, (ky, first))| {
            level.run(Tiles { shape, rows: &rows, ky: ky..ky + 1, inputs: first..(first + ROWS).min(depth), sums });
        });
    } else {
        let part = rows.len().div_ceil(PARTS).max(1);
        let parts: Vec<Vec<f32>> = rows
            .par_chunks(part)
            .map(|rows| {
                let mut sums = vec![0.0; kernel * depth * padded];
                level.run(Tiles { shape, rows, ky: 0..kernel, inputs: 0..depth, sums: &mut sums });
                sums
            })
            .collect();
        for part in parts {
            sums.iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
        }
    }
    let mut weight = vec![0.0; outputs * x.channels * kernel * kernel];
    for (row, sums) in sums.chunks_exact(padded).enumerate() {
        let (ky, rest) = (row / depth, row % depth);
        let (kx, input) = (rest / x.channels, rest % x.channels);
        for (output, sum) in sums[..outputs].iter().enumerate() {
            weight[((output * x.channels + input) * kernel + ky) * kernel + kx] = *sum;
        }
    }
    weight
}

/// The map with more channels, which are zero.
fn with_channels(map: &FeatureMap, channels: usize) -> FeatureMap {
    let mut values = Vec::with_capacity(map.data.len() / map.channels * channels);
    for pixel in map.to_vec().chunks_exact(map.channels) {
        values.extend_from_slice(pixel);
        values.resize(values.len() + channels - map.channels, 0.0);
    }
    FeatureMap::new(&values, [map.images, map.height, map.width, channels], 0)
}

#[derive(Clone, Copy)]
struct Shape<'a> {
    x: FeatureView<'a>,
    gradient: &'a FeatureMap,
    kernel: usize,
    stride: usize,
    outputs: usize,
}

/// Some rows of pixels times some of the weights.
struct Tiles<'a> {
    shape: Shape<'a>,
    /// Image and row of the output.
    rows: &'a [(usize, usize)],
    ky: std::ops::Range<usize>,
    inputs: std::ops::Range<usize>,
    /// `[ky, inputs, outputs]`.
    sums: &'a mut [f32],
}

impl WithSimd for Tiles<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if self.shape.outputs == S::F32_LANES { self.run::<S, 1>(simd) } else { self.run::<S, VECTORS>(simd) }
    }
}

impl Tiles<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let Shape { x, gradient, stride, outputs, .. } = self.shape;
        let width = gradient.width;
        assert!(self.shape.kernel / 2 <= x.border && outputs == gradient.channels, "a border and whole vectors");
        let pixel_bytes = (stride * stride * x.channels + outputs) * size_of::<f32>();
        let block = (BLOCK_BYTES / (pixel_bytes * width).max(1)).max(1);
        for rows in self.rows.chunks(block) {
            for (slot, ky) in self.ky.clone().enumerate() {
                for first in self.inputs.clone().step_by(ROWS) {
                    let count = ROWS.min(self.inputs.end - first);
                    // Beyond the last input it is computed again, and not stored.
                    let mut places = [0; ROWS];
                    for (m, place) in places.iter_mut().enumerate() {
                        *place = m.min(count - 1);
                    }
                    let at = (slot * self.inputs.len() + first - self.inputs.start) * outputs;
                    for column in (0..outputs).step_by(V * S::F32_LANES) {
                        let mut tile = [[simd.splat_f32s(0.0); V]; ROWS];
                        for &(image, y) in rows {
                            let reach = self.shape.kernel / 2;
                            let corner = x.offset(image, y * stride, 0) - reach * (x.row_len() + x.channels);
                            let from = corner + ky * x.row_len() + first;
                            let run = &x.data[from..from + (width - 1) * stride * x.channels + count];
                            let start = gradient.offset(image, y, 0) + column;
                            let gradients = &gradient.data[start..start + (width - 1) * outputs + V * S::F32_LANES];
                            // SAFETY: `run` holds `count` inputs of each of `width` pixels, and `gradients` the
                            // vectors of each; both were cut above to exactly what the last pixel reads.
                            tile = unsafe {
                                products::<S, V>(
                                    simd,
                                    run.as_ptr(),
                                    places,
                                    stride * x.channels,
                                    gradients.as_ptr(),
                                    outputs,
                                    width,
                                    tile,
                                )
                            };
                        }
                        for (m, tile) in tile.iter().enumerate().take(count) {
                            let place = at + m * outputs + column;
                            let (sums, _) = S::as_mut_simd_f32s(&mut self.sums[place..place + V * S::F32_LANES]);
                            for v in 0..V {
                                sums[v] = simd.add_f32s(sums[v], tile[v]);
                            }
                        }
                    }
                }
            }
        }
    }
}
