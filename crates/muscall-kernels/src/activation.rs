//! GELU and the exponential function of vectors.

use pulp::{Simd, WithSimd};

use crate::Level;

/// `erf(z) / z` as a polynomial in `s = z² · 2 / 3.92² − 1`, highest power first: within 2e-8 of erf for |z| ≤ 3.92. Beyond
/// that erf is 1 in this precision.
const ERF: [f32; 16] = [
    -7.753_939e-4,
    2.045_758_3e-3,
    -1.618_757_1e-3,
    2.087_147_4e-3,
    -7.371_859e-3,
    1.400_486_1e-2,
    -2.018_05e-2,
    2.982_085_4e-2,
    -4.337_466e-2,
    5.835_849e-2,
    -7.403_017_6e-2,
    9.060_231_6e-2,
    -0.109_178_5,
    0.134_084_27,
    -0.180_108_64,
    0.360_736_82,
];
/// The square of the largest |z| for which that holds.
const LARGEST_SQUARE: f32 = 3.92 * 3.92;

/// e^r with |r| ≤ ln 2 / 2, highest power first.
const EXP: [f32; 7] = [1.388_89e-3, 8.333_34e-3, 4.166_666_6e-2, 1.666_666_5e-1, 0.5, 1.0, 1.0];
/// 1.5·2²³: adding it rounds to a whole number, which the last bits of the sum hold.
const ROUNDING: f32 = 12_582_912.0;

/// GELU with the exact error function, in place.
pub fn gelu(x: &mut [f32], level: Level) {
    struct Gelu<'a>(&'a mut [f32]);
    impl WithSimd for Gelu<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let (vectors, rest) = S::as_mut_simd_f32s(self.0);
            let (groups, single) = pulp::as_arrays_mut::<4, _>(vectors);
            // Several side by side hide the latency of the polynomial.
            for group in groups {
                *group = gelu_vectors(simd, *group);
            }
            for x in single {
                [*x] = gelu_vectors(simd, [*x]);
            }
            let [last] = gelu_vectors(simd, [simd.partial_load_f32s(rest)]);
            simd.partial_store_f32s(rest, last);
        }
    }
    level.run(Gelu(x));
}

/// GELU of some vectors.
#[inline(always)]
pub(crate) fn gelu_vectors<S: Simd, const N: usize>(simd: S, x: [S::f32s; N]) -> [S::f32s; N] {
    let splat = |value| simd.splat_f32s(value);
    let mut z = x;
    let mut s = x;
    for i in 0..N {
        z[i] = simd.mul_f32s(x[i], splat(std::f32::consts::FRAC_1_SQRT_2));
        let square = simd.min_f32s(simd.mul_f32s(z[i], z[i]), splat(LARGEST_SQUARE));
        s[i] = simd.mul_add_e_f32s(square, splat(2.0 / LARGEST_SQUARE), splat(-1.0));
    }
    let mut erf = [splat(ERF[0]); N];
    for coefficient in &ERF[1..] {
        for i in 0..N {
            erf[i] = simd.mul_add_e_f32s(erf[i], s[i], splat(*coefficient));
        }
    }
    let mut out = x;
    for i in 0..N {
        let erf = simd.mul_f32s(erf[i], z[i]);
        let erf = simd.max_f32s(simd.min_f32s(erf, splat(1.0)), splat(-1.0));
        let half = simd.mul_f32s(x[i], splat(0.5));
        out[i] = simd.mul_add_e_f32s(half, erf, half);
    }
    out
}

/// e^x for x ≤ 0, within three units of the last place; what is smaller than the smallest normal number becomes that.
#[inline(always)]
pub(crate) fn exp_vectors<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let splat = |value| simd.splat_f32s(value);
    // 2^n · e^r. The operand that is not a number is what comes of a comparison's second.
    let x = simd.select_f32s(simd.less_than_f32s(x, splat(-87.0)), splat(-87.0), x);
    let shifted = simd.mul_add_e_f32s(x, splat(std::f32::consts::LOG2_E), splat(ROUNDING));
    let n = simd.sub_f32s(shifted, splat(ROUNDING));
    let r = simd.mul_add_e_f32s(n, splat(-0.693_359_4), x);
    let r = simd.mul_add_e_f32s(n, splat(2.121_944_4e-4), r);
    let mut p = splat(EXP[0]);
    for coefficient in &EXP[1..] {
        p = simd.mul_add_e_f32s(p, r, splat(*coefficient));
    }
    // The bits of 1.5·2²³ + n end with those of n: into the exponent.
    let bits = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23));
    let scale = simd.transmute_f32s_u32s(simd.add_u32s(bits, simd.splat_u32s(0x3f80_0000)));
    simd.mul_f32s(p, scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_that_of_the_library() {
        struct Exp<'a>(&'a mut [f32]);
        impl WithSimd for Exp<'_> {
            type Output = ();
            #[inline(always)]
            fn with_simd<S: Simd>(self, simd: S) {
                S::as_mut_simd_f32s(self.0).0.iter_mut().for_each(|x| *x = exp_vectors(simd, *x));
            }
        }
        let inputs: Vec<f32> = (0..40_000).map(|i| -(i as f32) * 2.1e-3).collect();
        for level in Level::available() {
            let mut found = inputs.clone();
            level.run(Exp(&mut found));
            for (x, y) in inputs.iter().zip(found) {
                let expected = f64::from(*x).exp();
                assert!((f64::from(y) - expected).abs() <= 4e-7 * expected, "{level}: {x}: {y} {expected}");
            }
            let mut special = [[f32::NEG_INFINITY, f32::NAN]; 16].as_flattened().to_vec();
            level.run(Exp(&mut special));
            assert!(special.chunks(2).all(|pair| pair[0] < 1e-37 && pair[1].is_nan()), "{level}: {special:?}");
        }
    }

    #[test]
    fn gelu_is_that_of_the_error_function() {
        // Φ by numerical integration in double precision.
        let phi = |x: f64| {
            let steps = 4000;
            let h = x / f64::from(steps);
            let f = |t: f64| (-0.5 * t * t).exp() / (2.0 * std::f64::consts::PI).sqrt();
            let sum: f64 = (0..steps)
                .map(|i| f(h * f64::from(i)) + 4.0 * f(h * (f64::from(i) + 0.5)) + f(h * f64::from(i + 1)))
                .sum();
            0.5 + sum * h / 6.0
        };
        for level in Level::available() {
            let inputs: Vec<f32> = (-60..=60).map(|i| i as f32 * 0.1).collect();
            let mut found = inputs.clone();
            gelu(&mut found, level);
            for (x, y) in inputs.iter().zip(found) {
                let expected = f64::from(*x) * phi(f64::from(*x));
                assert!((f64::from(y) - expected).abs() < 6e-7, "{level}: {x}: {y} {expected}");
            }
        }
    }

    #[test]
    fn gelu_of_what_is_far_out_or_no_number() {
        for level in Level::available() {
            let mut x = [-1e30, -100.0, -5.6, 5.6, 100.0, 1e30, f32::NAN];
            gelu(&mut x, level);
            assert_eq!(x[..6], [0.0, 0.0, 0.0, 5.6, 100.0, 1e30], "{level}");
            assert!(x[6].is_nan(), "{level}");
        }
    }
}
