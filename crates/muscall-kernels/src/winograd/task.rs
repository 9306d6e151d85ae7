//! A part of a convolution.

use pulp::{Simd, WithSimd};

use super::Winograd;
use super::transform::{PLACES, of_inputs2, patch, to_outputs};
use crate::FeatureView;
use crate::output::Output;
use crate::pack::VECTORS;
use crate::tile::products;

/// Tiles that share the loads of weights.
const ROWS: usize = 6;
/// Bytes of transformed input that stay in the second-level cache.
const GROUP_BYTES: usize = 192 << 10;
/// Fewer tiles than that would fetch the weights too often.
const FEWEST_TILES: usize = 24;

/// Some rows of the output, of which the first is even.
pub(crate) struct WinogradTask<'a> {
    pub(crate) x: FeatureView<'a>,
    pub(crate) image: usize,
    pub(crate) first_row: usize,
    pub(crate) rows: usize,
    pub(crate) weights: &'a Winograd,
    pub(crate) output: Output<'a>,
}

impl WithSimd for WinogradTask<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let channels = self.x.channels;
        let tiles = self.rows.div_ceil(2) * self.x.width.div_ceil(2);
        let group = (GROUP_BYTES / (PLACES * channels * size_of::<f32>())).max(FEWEST_TILES).min(tiles);
        let mut transformed = vec![0.0; PLACES * group * channels];
        let mut results = vec![[simd.splat_f32s(0.0); VECTORS]; PLACES * group];
        for first in (0..tiles).step_by(group.max(1)) {
            let count = group.min(tiles - first);
            self.transform(simd, first, count, &mut transformed[..PLACES * count * channels]);
            for panel in 0..self.weights.matrix().panels().count() {
                self.multiply(simd, panel, &transformed[..PLACES * count * channels], &mut results[..PLACES * count]);
                self.transform_back(simd, panel, first, &results[..PLACES * count]);
            }
        }
    }
}

impl WinogradTask<'_> {
    /// Row and column of the first output of a tile, within the task.
    #[inline(always)]
    fn corner(&self, tile: usize) -> [usize; 2] {
        let across = self.x.width.div_ceil(2);
        [tile / across * 2, tile % across * 2]
    }

    /// Inputs of some tiles to `[place, tile, channel]`.
    #[inline(always)]
    fn transform<S: Simd>(&self, simd: S, first: usize, count: usize, transformed: &mut [f32]) {
        let (x, channels) = (self.x, self.x.channels);
        let zeros = vec![0.0; channels];
        let (transformed, _) = S::as_mut_simd_f32s(transformed);
        let vectors = channels / S::F32_LANES;
        for tile in 0..count {
            let [row, column] = self.corner(first + tile);
            let corner = [self.first_row + row, column].map(|at| at as isize - 1);
            let patch = patch::<S, 4>(x, &zeros, self.image, corner);
            for channel in 0..vectors {
                let mut values = [[simd.splat_f32s(0.0); 4]; 4];
                for (values, row) in values.iter_mut().zip(&patch) {
                    *values = [row[0][channel], row[1][channel], row[2][channel], row[3][channel]];
                }
                for (place, value) in of_inputs2(simd, values).into_iter().enumerate() {
                    transformed[(place * count + tile) * vectors + channel] = value;
                }
            }
        }
    }

    /// All tiles times one panel, to `[place, tile]`.
    #[inline(always)]
    fn multiply<S: Simd>(&self, simd: S, panel: usize, transformed: &[f32], results: &mut [[S::f32s; VECTORS]]) {
        let channels = self.x.channels;
        let count = results.len() / PLACES;
        let places = transformed.chunks_exact(count * channels).zip(results.chunks_exact_mut(count));
        for ((inputs, results), weights) in places.zip(&self.weights.weights) {
            let (panel, _) = S::as_simd_f32s(weights.panel(panel));
            assert_eq!(panel.len(), channels * VECTORS, "a vector for each weight");
            for (tile, results) in results.chunks_mut(ROWS).enumerate() {
                // Beyond the last tile it is computed again, and not stored.
                let mut rows = [inputs.as_ptr(); ROWS];
                for (m, row) in rows.iter_mut().enumerate() {
                    let tile = tile * ROWS + m.min(results.len() - 1);
                    *row = inputs[tile * channels..][..channels].as_ptr();
                }
                let none = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
                // SAFETY: each row was cut to `channels` values, and the panel has as many times VECTORS vectors.
                let sums = unsafe { products::<S, ROWS, VECTORS>(simd, rows, panel.as_ptr(), channels, none) };
                for (result, sums) in results.iter_mut().zip(sums) {
                    *result = sums;
                }
            }
        }
    }

    /// Results of one panel to the output.
    #[inline(always)]
    fn transform_back<S: Simd>(&mut self, simd: S, panel: usize, first: usize, results: &[[S::f32s; VECTORS]]) {
        let matrix = self.weights.matrix();
        let column = panel * matrix.width();
        let columns = matrix.width().min(matrix.columns - column);
        let (bias, _) = S::as_simd_f32s(&self.output.bias[column..column + matrix.width()]);
        let count = results.len() / PLACES;
        for tile in 0..count {
            let [row, left] = self.corner(first + tile);
            let mut outputs = [[[simd.splat_f32s(0.0); VECTORS]; 2]; 2];
            for v in 0..VECTORS {
                let mut rows = [[simd.splat_f32s(0.0); 2]; 4];
                for (j, row) in rows.iter_mut().enumerate() {
                    let at = j * count + tile;
                    let down = 4 * count;
                    let column =
                        [results[at][v], results[at + down][v], results[at + 2 * down][v], results[at + 3 * down][v]];
                    *row = to_outputs(simd, column);
                }
                for y in 0..2 {
                    let pair = to_outputs(simd, [rows[0][y], rows[1][y], rows[2][y], rows[3][y]]);
                    for x in 0..2 {
                        outputs[y][x][v] = simd.add_f32s(pair[x], bias[v]);
                    }
                }
            }
            for (y, pair) in outputs.into_iter().enumerate().take(self.rows - row) {
                for (x, values) in pair.into_iter().enumerate().take(self.x.width - left) {
                    let place = self.output.place([row + y, left + x]);
                    self.output.put::<S, VECTORS>(simd, values, place, [column, columns]);
                }
            }
        }
    }
}
