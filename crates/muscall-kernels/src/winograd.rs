//! 3×3 convolutions with 16 multiplications for four outputs, where the direct way takes 36.

use std::mem::MaybeUninit;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::pack::PackedMatrix;
use crate::tile::{Grid, finish, products, store};
use crate::{FeatureView, Level};

/// Tiles that share the loads of weights.
const ROWS: usize = 6;
/// Vectors a panel; there are more columns than one vector.
const VECTORS: usize = crate::pack::VECTORS;
/// Bytes of transformed input that stay in the second-level cache.
const GROUP_BYTES: usize = 192 << 10;
/// Fewer tiles than that would fetch the weights too often.
const FEWEST_TILES: usize = 24;
/// Products of a tile.
pub(crate) const PRODUCTS: usize = 16;

/// F(2×2, 3×3): tiles of 4×4 inputs and the weights go through a transform in which the convolution
/// is a product of matrices for each of 16 places, and its results through another one back to 2×2
/// outputs. All factors are 0, ±½ and ±1, so that little is lost to rounding.
///
/// # Source
/// Lavin and Gray 2016, *Fast Algorithms for Convolutional Neural Networks*, section 4.1.
#[derive(Debug, Clone)]
pub(crate) struct Winograd {
    /// One matrix `[inputs, outputs]` a place.
    weights: Vec<PackedMatrix>,
}

impl Winograd {
    /// Whether the transforms cost less than what they save. Then there are whole vectors of channels.
    pub(crate) fn pays(inputs: usize, outputs: usize) -> bool {
        inputs.min(outputs) >= 32 && inputs.is_multiple_of(16) && outputs.is_multiple_of(16)
    }

    /// Of weights `[outputs, inputs, 3, 3]`; `turned` is for the way back from outputs to inputs.
    pub(crate) fn new(weight: &[f32], [outputs, inputs]: [usize; 2], turned: bool, level: Level) -> Self {
        let count = outputs * inputs;
        // [place, output, input]
        let mut transformed = vec![0.0; PRODUCTS * count];
        for (at, kernel) in weight.as_chunks::<9>().0.iter().enumerate() {
            let [a, b, c, d, e, f, g, h, i] = *kernel;
            let kernel = if turned { [i, h, g, f, e, d, c, b, a] } else { *kernel };
            for (place, value) in of_kernel2(kernel).iter().enumerate() {
                transformed[place * count + at] = *value;
            }
        }
        let pack = |values: &[f32]| match turned {
            true => PackedMatrix::new([outputs, inputs], level, values, |output| output * inputs, 1),
            false => PackedMatrix::new([inputs, outputs], level, values, |input| input, inputs),
        };
        Self { weights: transformed.par_chunks_exact(count.max(1)).map(pack).collect() }
    }

    /// As the weights of the direct way.
    pub(crate) fn matrix(&self) -> &PackedMatrix {
        &self.weights[0]
    }

    /// Of all places.
    pub(crate) fn bytes(&self) -> usize {
        self.weights.iter().map(PackedMatrix::bytes).sum()
    }
}

/// `G g`.
fn of_kernel([a, b, c]: [f32; 3]) -> [f32; 4] {
    [a, 0.5 * (a + b + c), 0.5 * (a - b + c), c]
}

/// `G g Gᵀ`, a value a place.
fn of_kernel2(g: [f32; 9]) -> [f32; PRODUCTS] {
    let mut columns = [[0.0; 4]; 3];
    for (x, column) in columns.iter_mut().enumerate() {
        *column = of_kernel([g[x], g[3 + x], g[6 + x]]);
    }
    let mut places = [0.0; PRODUCTS];
    for y in 0..4 {
        let row = of_kernel([columns[0][y], columns[1][y], columns[2][y]]);
        places[4 * y..4 * y + 4].copy_from_slice(&row);
    }
    places
}

/// `Gᵀ U G`.
pub(crate) fn of_kernel_transposed(u: [f32; PRODUCTS]) -> [f32; 9] {
    let line = |a: f32, b: f32, c: f32, d: f32| [a + 0.5 * (b + c), 0.5 * (b - c), 0.5 * (b + c) + d];
    let mut columns = [[0.0; 3]; 4];
    for (x, column) in columns.iter_mut().enumerate() {
        *column = line(u[x], u[4 + x], u[8 + x], u[12 + x]);
    }
    let mut kernel = [0.0; 9];
    for y in 0..3 {
        let row = line(columns[0][y], columns[1][y], columns[2][y], columns[3][y]);
        kernel[3 * y..3 * y + 3].copy_from_slice(&row);
    }
    kernel
}

/// `Bᵀ d`.
#[inline(always)]
fn of_inputs<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 4] {
    [simd.sub_f32s(a, c), simd.add_f32s(b, c), simd.sub_f32s(c, b), simd.sub_f32s(b, d)]
}

/// `Bᵀ d B`, a value a place.
#[inline(always)]
pub(crate) fn of_inputs2<S: Simd>(simd: S, d: [[S::f32s; 4]; 4]) -> [S::f32s; PRODUCTS] {
    let mut columns = [[simd.splat_f32s(0.0); 4]; 4];
    for (x, column) in columns.iter_mut().enumerate() {
        *column = of_inputs(simd, [d[0][x], d[1][x], d[2][x], d[3][x]]);
    }
    let mut places = [simd.splat_f32s(0.0); PRODUCTS];
    for y in 0..4 {
        let row = of_inputs(simd, [columns[0][y], columns[1][y], columns[2][y], columns[3][y]]);
        for (x, value) in row.into_iter().enumerate() {
            places[y * 4 + x] = value;
        }
    }
    places
}

/// `Aᵀ m`.
#[inline(always)]
fn to_outputs<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 2] {
    [simd.add_f32s(a, simd.add_f32s(b, c)), simd.sub_f32s(simd.sub_f32s(b, c), d)]
}

/// `A g`.
#[inline(always)]
fn of_outputs<S: Simd>(simd: S, [a, b]: [S::f32s; 2]) -> [S::f32s; 4] {
    [a, simd.add_f32s(a, b), simd.sub_f32s(a, b), simd.neg_f32s(b)]
}

/// `A g Aᵀ`, a value a place.
#[inline(always)]
pub(crate) fn of_outputs2<S: Simd>(simd: S, g: [[S::f32s; 2]; 2]) -> [S::f32s; PRODUCTS] {
    let (left, right) = (of_outputs(simd, [g[0][0], g[1][0]]), of_outputs(simd, [g[0][1], g[1][1]]));
    let mut places = [simd.splat_f32s(0.0); PRODUCTS];
    for y in 0..4 {
        for (x, value) in of_outputs(simd, [left[y], right[y]]).into_iter().enumerate() {
            places[y * 4 + x] = value;
        }
    }
    places
}

/// The channels of N×N pixels from a row and a column on; `zeros` where there are none.
#[inline(always)]
pub(crate) fn patch<'a, S: Simd, const N: usize>(
    x: FeatureView<'a>,
    zeros: &'a [f32],
    image: usize,
    [top, left]: [isize; 2],
) -> [[&'a [S::f32s]; N]; N] {
    let mut patch = [[S::as_simd_f32s(&zeros[..x.channels]).0; N]; N];
    for (i, row) in patch.iter_mut().enumerate() {
        for (j, values) in row.iter_mut().enumerate() {
            // What lies before the first pixel becomes a very large number.
            let (y, column) = ((top + i as isize) as usize, (left + j as isize) as usize);
            if y < x.height && column < x.width {
                let at = x.offset(image, y, column);
                *values = S::as_simd_f32s(&x.data[at..at + x.channels]).0;
            }
        }
    }
    patch
}

/// Some rows of the output, of which the first is even.
pub(crate) struct WinogradTask<'a> {
    pub(crate) x: FeatureView<'a>,
    pub(crate) image: usize,
    pub(crate) first_row: usize,
    pub(crate) rows: usize,
    pub(crate) weights: &'a Winograd,
    /// One value a column of every panel.
    pub(crate) bias: &'a [f32],
    pub(crate) relu: bool,
    pub(crate) residual: Option<(&'a [f32], Grid)>,
    pub(crate) to: Grid,
    pub(crate) out: &'a mut [MaybeUninit<f32>],
}

impl WithSimd for WinogradTask<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let channels = self.x.channels;
        let tiles = self.rows.div_ceil(2) * self.x.width.div_ceil(2);
        let group = (GROUP_BYTES / (PRODUCTS * channels * size_of::<f32>())).max(FEWEST_TILES).min(tiles);
        let mut transformed = vec![0.0; PRODUCTS * group * channels];
        let mut results = vec![[simd.splat_f32s(0.0); VECTORS]; PRODUCTS * group];
        for first in (0..tiles).step_by(group.max(1)) {
            let count = group.min(tiles - first);
            self.transform(simd, first, count, &mut transformed[..PRODUCTS * count * channels]);
            for panel in 0..self.weights.matrix().panels().count() {
                self.multiply(
                    simd,
                    panel,
                    &transformed[..PRODUCTS * count * channels],
                    &mut results[..PRODUCTS * count],
                );
                self.transform_back(simd, panel, first, &results[..PRODUCTS * count]);
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
        let count = results.len() / PRODUCTS;
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
        let (bias, _) = S::as_simd_f32s(&self.bias[column..column + matrix.width()]);
        let count = results.len() / PRODUCTS;
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
                for (x, mut values) in pair.into_iter().enumerate().take(self.x.width - left) {
                    let pixel = [row + y, left + x];
                    let residual = self.residual.map(
                        #[inline(always)]
                        |(values, grid)| &values[grid.place(pixel) + column..][..columns],
                    );
                    finish(simd, &mut values, residual, self.relu);
                    store::<S, VECTORS>(values, &mut self.out[self.to.place(pixel) + column..][..columns]);
                }
            }
        }
    }
}
