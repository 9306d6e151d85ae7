//! Layer norm.

use pulp::{Simd, WithSimd};

use crate::Level;

/// Rows normalised to mean 0 and variance 1, times a gain, plus an offset.
#[derive(Debug, Clone, Copy)]
pub struct LayerNorm<'a> {
    /// One value per column.
    pub gain: &'a [f32],
    /// The same.
    pub offset: &'a [f32],
    /// Added to the variance.
    pub epsilon: f32,
    /// Which instructions are used.
    pub level: Level,
}

impl LayerNorm<'_> {
    /// # Shapes
    /// - x and out: `[rows, width]`.
    ///
    /// # Panics
    /// If these do not fit.
    pub fn run(&self, x: &[f32], out: &mut [f32]) {
        assert_eq!(x.len(), out.len(), "as many rows");
        self.level.run(Task { norm: *self, x, order: None, out });
    }

    /// Of some rows, in an order of one's own.
    ///
    /// # Shapes
    /// - x: `[any, width]`; order: `[rows]`, numbers of rows of `x`; out: `[rows, width]`.
    ///
    /// # Panics
    /// If these do not fit.
    pub fn run_ordered(&self, x: &[f32], order: &[usize], out: &mut [f32]) {
        assert_eq!(order.len() * self.gain.len(), out.len(), "a place for each row");
        self.level.run(Task { norm: *self, x, order: Some(order), out });
    }
}

struct Task<'a> {
    norm: LayerNorm<'a>,
    x: &'a [f32],
    order: Option<&'a [usize]>,
    out: &'a mut [f32],
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let LayerNorm { gain, offset, epsilon, .. } = self.norm;
        let width = gain.len();
        assert!(width > 0 && offset.len() == width && self.x.len().is_multiple_of(width), "whole rows");
        let ((gain, gain_rest), (offset, offset_rest)) = (S::as_simd_f32s(gain), S::as_simd_f32s(offset));
        for (i, out) in self.out.chunks_exact_mut(width).enumerate() {
            let row = self.order.map_or(i, |order| order[i]);
            let x = &self.x[row * width..][..width];
            let mean = sum(simd, x) / width as f32;
            let variance = squares(simd, x, mean) / width as f32;
            let scale = 1.0 / (variance + epsilon).sqrt();
            let ((x, x_rest), (out, out_rest)) = (S::as_simd_f32s(x), S::as_mut_simd_f32s(out));
            let (means, scales) = (simd.splat_f32s(mean), simd.splat_f32s(scale));
            for (((out, x), gain), offset) in out.iter_mut().zip(x).zip(gain).zip(offset) {
                let normed = simd.mul_f32s(simd.sub_f32s(*x, means), scales);
                *out = simd.mul_add_e_f32s(normed, *gain, *offset);
            }
            for (((out, x), gain), offset) in out_rest.iter_mut().zip(x_rest).zip(gain_rest).zip(offset_rest) {
                *out = (x - mean) * scale * gain + offset;
            }
        }
    }
}

#[inline(always)]
fn sum<S: Simd>(simd: S, x: &[f32]) -> f32 {
    let (vectors, rest) = S::as_simd_f32s(x);
    let mut sums = [simd.splat_f32s(0.0); 2];
    let (pairs, last) = pulp::as_arrays::<2, _>(vectors);
    for pair in pairs {
        sums = [simd.add_f32s(sums[0], pair[0]), simd.add_f32s(sums[1], pair[1])];
    }
    for &x in last {
        sums[0] = simd.add_f32s(sums[0], x);
    }
    simd.reduce_sum_f32s(simd.add_f32s(sums[0], sums[1])) + rest.iter().sum::<f32>()
}

/// Sum of squared deviations.
#[inline(always)]
fn squares<S: Simd>(simd: S, x: &[f32], mean: f32) -> f32 {
    let (vectors, rest) = S::as_simd_f32s(x);
    let means = simd.splat_f32s(mean);
    let mut sums = [simd.splat_f32s(0.0); 2];
    let add = |sum, x| {
        let d = simd.sub_f32s(x, means);
        simd.mul_add_e_f32s(d, d, sum)
    };
    let (pairs, last) = pulp::as_arrays::<2, _>(vectors);
    for pair in pairs {
        sums = [add(sums[0], pair[0]), add(sums[1], pair[1])];
    }
    for &x in last {
        sums[0] = add(sums[0], x);
    }
    simd.reduce_sum_f32s(simd.add_f32s(sums[0], sums[1])) + rest.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_normalised_row_has_mean_zero_and_variance_one() {
        for level in Level::available() {
            for width in [1, 7, 8, 64, 77] {
                let x: Vec<f32> = (0..3 * width).map(|i| ((i * 37) % 23 + i / width) as f32 + 100.0).collect();
                let mut y = vec![0.0; x.len()];
                let (gain, offset) = (vec![2.0; width], vec![1.0; width]);
                let norm = LayerNorm { gain: &gain, offset: &offset, epsilon: 1e-5, level };
                norm.run(&x, &mut y);
                let mut turned = y.clone();
                norm.run_ordered(&x, &[2, 0, 1], &mut turned);
                turned.rotate_left(width);
                assert_eq!(turned, y, "{level} {width}");
                for (x, y) in x.chunks(width).zip(y.chunks(width)) {
                    let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
                    let mean = x.iter().sum::<f64>() / width as f64;
                    let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64;
                    for (x, y) in x.iter().zip(y) {
                        let expected = 2.0 * (x - mean) / (variance + 1e-5).sqrt() + 1.0;
                        assert!((f64::from(*y) - expected).abs() < 2e-4, "{level} {width}: {y} {expected}");
                    }
                }
            }
        }
    }
}
