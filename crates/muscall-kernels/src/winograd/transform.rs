//! The transforms: all factors are 0, ±½ and ±1.

use pulp::Simd;

use crate::FeatureView;

/// Products of a tile.
pub(crate) const PLACES: usize = 16;

/// `G g`.
fn of_kernel([a, b, c]: [f32; 3]) -> [f32; 4] {
    [a, 0.5 * (a + b + c), 0.5 * (a - b + c), c]
}

/// `G g Gᵀ`, one value per place.
pub(super) fn of_kernel2(g: [f32; 9]) -> [f32; PLACES] {
    let mut columns = [[0.0; 4]; 3];
    for (x, column) in columns.iter_mut().enumerate() {
        *column = of_kernel([g[x], g[3 + x], g[6 + x]]);
    }
    let mut places = [0.0; PLACES];
    for y in 0..4 {
        let row = of_kernel([columns[0][y], columns[1][y], columns[2][y]]);
        places[4 * y..4 * y + 4].copy_from_slice(&row);
    }
    places
}

/// `Gᵀ U G`.
pub(crate) fn of_kernel_transposed(u: [f32; PLACES]) -> [f32; 9] {
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
pub(crate) fn of_inputs2<S: Simd>(simd: S, d: [[S::f32s; 4]; 4]) -> [S::f32s; PLACES] {
    let mut columns = [[simd.splat_f32s(0.0); 4]; 4];
    for (x, column) in columns.iter_mut().enumerate() {
        *column = of_inputs(simd, [d[0][x], d[1][x], d[2][x], d[3][x]]);
    }
    let mut places = [simd.splat_f32s(0.0); PLACES];
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
pub(super) fn to_outputs<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 2] {
    [simd.add_f32s(a, simd.add_f32s(b, c)), simd.sub_f32s(simd.sub_f32s(b, c), d)]
}

/// `A g`.
#[inline(always)]
fn of_outputs<S: Simd>(simd: S, [a, b]: [S::f32s; 2]) -> [S::f32s; 4] {
    [a, simd.add_f32s(a, b), simd.sub_f32s(a, b), simd.neg_f32s(b)]
}

/// `A g Aᵀ`, one value per place.
#[inline(always)]
pub(crate) fn of_outputs2<S: Simd>(simd: S, g: [[S::f32s; 2]; 2]) -> [S::f32s; PLACES] {
    let (left, right) = (of_outputs(simd, [g[0][0], g[1][0]]), of_outputs(simd, [g[0][1], g[1][1]]));
    let mut places = [simd.splat_f32s(0.0); PLACES];
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
            let y = (top + x.above as isize + i as isize) as usize;
            let column = (left + j as isize) as usize;
            if y < x.above + x.height + x.below && column < x.width {
                let at = x.offset(image, y, column) - x.above * x.row_len();
                *values = S::as_simd_f32s(&x.data[at..at + x.channels]).0;
            }
        }
    }
    patch
}
