//! 3×3 convolutions with 16 multiplications for four outputs, where the direct way takes 36.

use pulp::{Simd, WithSimd};

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
const PRODUCTS: usize = 16;

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
    /// Whether the transforms cost less than what they save.
    pub(crate) fn pays(inputs: usize, outputs: usize) -> bool {
        inputs >= 32 && outputs >= 32 && inputs.is_multiple_of(16)
    }

    /// # Shapes
    /// - weight: `[outputs, inputs, 3, 3]`.
    pub(crate) fn new(weight: &[f32], [outputs, inputs]: [usize; 2], level: Level) -> Self {
        // [place, output, input]
        let mut transformed = vec![0.0; PRODUCTS * outputs * inputs];
        for (at, kernel) in weight.chunks_exact(9).enumerate() {
            let columns = [0, 1, 2].map(|x| of_kernel([kernel[x], kernel[3 + x], kernel[6 + x]]));
            for y in 0..4 {
                for (x, value) in of_kernel([columns[0][y], columns[1][y], columns[2][y]]).into_iter().enumerate() {
                    transformed[(y * 4 + x) * outputs * inputs + at] = value;
                }
            }
        }
        let place = |values: &[f32]| {
            PackedMatrix::new([inputs, outputs], level, |input, output| values[output * inputs + input])
        };
        Self { weights: transformed.chunks_exact((outputs * inputs).max(1)).map(place).collect() }
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

/// `Bᵀ d`.
#[inline(always)]
fn of_inputs<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 4] {
    [simd.sub_f32s(a, c), simd.add_f32s(b, c), simd.sub_f32s(c, b), simd.sub_f32s(b, d)]
}

/// `Aᵀ m`.
#[inline(always)]
fn to_outputs<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 2] {
    [simd.add_f32s(a, simd.add_f32s(b, c)), simd.sub_f32s(simd.sub_f32s(b, c), d)]
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
    pub(crate) out: &'a mut [f32],
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
            // With the border above and to the left, the first output's first input is at its own place.
            let (top, left) = (self.first_row + row + x.border - 1, column + x.border - 1);
            let mut patch: [[&[S::f32s]; 4]; 4] = [[S::as_simd_f32s(&zeros).0; 4]; 4];
            for (i, row) in patch.iter_mut().enumerate() {
                for (j, values) in row.iter_mut().enumerate() {
                    if top + i < x.height + 2 * x.border && left + j < x.width + 2 * x.border {
                        let at = self.image * x.image_len() + (top + i) * x.row_len() + (left + j) * channels;
                        *values = S::as_simd_f32s(&x.data[at..at + channels]).0;
                    }
                }
            }
            for channel in 0..vectors {
                let mut rows = [[simd.splat_f32s(0.0); 4]; 4];
                for (j, row) in rows.iter_mut().enumerate() {
                    *row = of_inputs(
                        simd,
                        [patch[0][j][channel], patch[1][j][channel], patch[2][j][channel], patch[3][j][channel]],
                    );
                }
                for i in 0..4 {
                    let values = of_inputs(simd, [rows[0][i], rows[1][i], rows[2][i], rows[3][i]]);
                    for (j, value) in values.into_iter().enumerate() {
                        transformed[((i * 4 + j) * count + tile) * vectors + channel] = value;
                    }
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
                    store(simd, values, &mut self.out[self.to.place(pixel) + column..][..columns]);
                }
            }
        }
    }
}
