//! The inner loop.

use pulp::Simd;

/// Inputs that share the loads of output gradients.
pub(super) const ROWS: usize = 6;
/// Vectors of output gradients.
pub(super) const VECTORS: usize = 2;

/// Adds the products of a row of pixels.
///
/// # Safety
/// For each of `width` pixels, `x` holds the inputs at `places` and `gradients` has V vectors,
/// `x_step` and `gradient_step` values after those of the pixel before it.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub(super) unsafe fn products<S: Simd, const V: usize>(
    simd: S,
    x: *const f32,
    places: [usize; ROWS],
    x_step: usize,
    gradients: *const f32,
    gradient_step: usize,
    width: usize,
    mut tile: [[S::f32s; V]; ROWS],
) -> [[S::f32s; V]; ROWS] {
    for pixel in 0..width {
        let mut vectors = [simd.splat_f32s(0.0); V];
        for (v, vector) in vectors.iter_mut().enumerate() {
            // SAFETY: pixel < width and v < V. A vector of S is an array of f32 that may lie at any of them.
            *vector = unsafe { gradients.add(pixel * gradient_step).cast::<S::f32s>().add(v).read_unaligned() };
        }
        for m in 0..ROWS {
            // SAFETY: pixel < width, and the place is one of its inputs.
            let value = simd.splat_f32s(unsafe { *x.add(pixel * x_step + places[m]) });
            for v in 0..V {
                tile[m][v] = simd.mul_add_e_f32s(value, vectors[v], tile[m][v]);
            }
        }
    }
    tile
}
