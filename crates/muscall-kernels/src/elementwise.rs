//! Functions of single values and of rows.

use pulp::{Simd, WithSimd};

use crate::Level;

/// e^x for x ≤ 0, within three units of the last place.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // 2^n · e^r with |r| ≤ ln 2 / 2; what is smaller than the smallest normal number becomes that, and what is
    // not a number stays that.
    let x = if x < -87.0 { -87.0 } else { x };
    let n = (x * std::f32::consts::LOG2_E + 12_582_912.0) - 12_582_912.0;
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let p =
        1.0 + r * (1.0 + r * (0.5 + r * (1.666_666_5e-1 + r * (4.166_666_6e-2 + r * (8.333_34e-3 + r * 1.388_89e-3)))));
    // The bits of 1.5·2²³ + n end with those of n.
    let bits = (n + 12_582_912.0).to_bits() << 23;
    p * f32::from_bits(bits.wrapping_add(0x3f80_0000))
}

/// Rows normalised to mean 0 and variance 1, times a gain, plus an offset.
///
/// # Shapes
/// - x and out: `[rows, width]`; gain and offset: `[width]`.
///
/// # Panics
/// If these do not fit.
pub fn layer_norm(x: &[f32], gain: &[f32], offset: &[f32], epsilon: f32, out: &mut [f32], level: Level) {
    struct Norm<'a> {
        x: &'a [f32],
        gain: &'a [f32],
        offset: &'a [f32],
        epsilon: f32,
        out: &'a mut [f32],
    }
    impl WithSimd for Norm<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let width = self.gain.len();
            for (x, out) in self.x.chunks_exact(width).zip(self.out.chunks_exact_mut(width)) {
                let mean = sum(simd, x) / width as f32;
                let variance = squares(simd, x, mean) / width as f32;
                let scale = 1.0 / (variance + self.epsilon).sqrt();
                for (((out, x), gain), offset) in out.iter_mut().zip(x).zip(self.gain).zip(self.offset) {
                    *out = (x - mean) * scale * gain + offset;
                }
            }
        }
    }
    assert!(x.len() == out.len() && gain.len() == offset.len() && x.len().is_multiple_of(gain.len()), "whole rows");
    level.run(Norm { x, gain, offset, epsilon, out });
}

#[inline(always)]
fn sum<S: Simd>(simd: S, x: &[f32]) -> f32 {
    let (vectors, rest) = S::as_simd_f32s(x);
    let mut sum = simd.splat_f32s(0.0);
    for &x in vectors {
        sum = simd.add_f32s(sum, x);
    }
    simd.reduce_sum_f32s(sum) + rest.iter().sum::<f32>()
}

/// Sum of squared deviations.
#[inline(always)]
fn squares<S: Simd>(simd: S, x: &[f32], mean: f32) -> f32 {
    let (vectors, rest) = S::as_simd_f32s(x);
    let means = simd.splat_f32s(mean);
    let mut sum = simd.splat_f32s(0.0);
    for &x in vectors {
        let d = simd.sub_f32s(x, means);
        sum = simd.mul_add_e_f32s(d, d, sum);
    }
    simd.reduce_sum_f32s(sum) + rest.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>()
}

/// Inner product.
#[inline(always)]
pub(crate) fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (S::as_simd_f32s(a), S::as_simd_f32s(b));
    let mut sum = simd.splat_f32s(0.0);
    for (&a, &b) in a.iter().zip(b) {
        sum = simd.mul_add_e_f32s(a, b, sum);
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    simd.reduce_sum_f32s(sum) + rest
}

/// `y += a x`.
#[inline(always)]
pub(crate) fn add_scaled<S: Simd>(simd: S, a: f32, x: &[f32], y: &mut [f32]) {
    let ((x, x_rest), (y, y_rest)) = (S::as_simd_f32s(x), S::as_mut_simd_f32s(y));
    let factor = simd.splat_f32s(a);
    for (&x, y) in x.iter().zip(y) {
        *y = simd.mul_add_e_f32s(factor, x, *y);
    }
    for (x, y) in x_rest.iter().zip(y_rest) {
        *y += a * x;
    }
}

/// Values to weights that sum to one.
#[inline(always)]
pub(crate) fn softmax(x: &mut [f32]) {
    let top = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for x in x.iter_mut() {
        *x = exp(*x - top);
        sum += *x;
    }
    x.iter_mut().for_each(|x| *x /= sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_that_of_the_library() {
        for i in 0..40_000 {
            let x = -(i as f32) * 2.1e-3;
            let (found, expected) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((found - expected).abs() <= 4e-7 * expected, "{x}: {found} {expected}");
        }
        assert!(exp(f32::NEG_INFINITY) < 1e-37 && exp(f32::NAN).is_nan());
    }

    #[test]
    fn a_normalised_row_has_mean_zero_and_variance_one() {
        for level in Level::available() {
            for width in [1, 7, 8, 64, 77] {
                let x: Vec<f32> = (0..3 * width).map(|i| ((i * 37) % 23) as f32 + 100.0).collect();
                let mut y = vec![0.0; x.len()];
                layer_norm(&x, &vec![2.0; width], &vec![1.0; width], 1e-5, &mut y, level);
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
