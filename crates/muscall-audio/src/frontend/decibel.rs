//! Power to decibel, with a floor under the clip's own maximum.

/// Values handled side by side.
const LANES: usize = 16;

/// Replaces powers by `10·log10(max(power, amin))`, nowhere lower than `top_db` (which may be infinite) under the
/// loudest of them. Returns that loudest value, `-inf` for an empty slice.
pub(super) fn power_to_db(values: &mut [f32], amin: f32, top_db: f32) -> f32 {
    // One running maximum a lane, with plain comparisons: both are what lets the compiler use vectors.
    let mut loudest = [f32::NEG_INFINITY; LANES];
    let mut chunks = values.chunks_exact_mut(LANES);
    for chunk in &mut chunks {
        for (value, max) in chunk.iter_mut().zip(&mut loudest) {
            *value = decibel(*value, amin);
            *max = if *value > *max { *value } else { *max };
        }
    }
    for (value, max) in chunks.into_remainder().iter_mut().zip(&mut loudest) {
        *value = decibel(*value, amin);
        *max = max.max(*value);
    }
    let loudest = loudest.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let floor = loudest - top_db;
    for value in values {
        *value = if *value > floor { *value } else { floor };
    }
    loudest
}

/// Replaces powers by `ln(power + 2.2e-16)`.
pub(super) fn power_to_natural_log(values: &mut [f32]) {
    for value in values {
        *value = natural_log(*value);
    }
}

/// `ln(power + 2.2e-16)`.
pub(super) fn natural_log(power: f32) -> f32 {
    (power + f64::EPSILON as f32).ln()
}

/// `10·log10(max(power, amin))` within 2e-5 dB, without a branch or a call, so that loops over it vectorise.
/// The power is finite, and `amin` a normal number above zero.
#[inline(always)]
pub(super) fn decibel(power: f32, amin: f32) -> f32 {
    const SQRT_HALF_BITS: u32 = 0x3f35_04f3;
    const MANTISSA: u32 = 0x007f_ffff;
    const DB_PER_OCTAVE: f32 = 10.0 * std::f32::consts::LOG10_2;
    const DB_PER_NEPER: f32 = 10.0 * std::f32::consts::LOG10_E;

    let power = if power > amin { power } else { amin };
    // power = 2^exponent · (1 + m) with 1 + m in [sqrt(1/2), sqrt(2)).
    let bits = power.to_bits().wrapping_sub(SQRT_HALF_BITS);
    let exponent = ((bits as i32) >> 23) as f32;
    let m = f32::from_bits((bits & MANTISSA) + SQRT_HALF_BITS) - 1.0;
    // ln(1 + m) = m − m²/2 + m³·p(m), p being the minimax polynomial of the Cephes library's logf.
    let mut p = 7.037_683_6e-2;
    p = p * m - 1.151_461e-1;
    p = p * m + 1.167_699_9e-1;
    p = p * m - 1.242_014_1e-1;
    p = p * m + 1.424_932_3e-1;
    p = p * m - 1.666_805_8e-1;
    p = p * m + 2.000_071_5e-1;
    p = p * m - 2.499_999_4e-1;
    p = p * m + 3.333_333e-1;
    let square = m * m;
    let ln = m + (p * m * square - 0.5 * square);
    exponent * DB_PER_OCTAVE + ln * DB_PER_NEPER
}

#[cfg(test)]
mod tests {
    use super::*;

    const AMIN: f32 = 1e-10;

    #[test]
    fn agrees_with_the_logarithm_of_the_standard_library() {
        let mut worst = 0f64;
        for i in 0..400_000u32 {
            // From 1e-12 to 1e12, all mantissas.
            let power = 10f64.powf(-12.0 + f64::from(i) * 6e-5) as f32;
            let expected = 10.0 * f64::from(power.max(AMIN)).log10();
            worst = worst.max((f64::from(decibel(power, AMIN)) - expected).abs());
        }
        assert!(worst < 2e-5, "{worst}");
    }

    #[test]
    fn silence_is_minus_100_db_and_the_floor_follows_the_maximum() {
        let mut silence = [0.0; 37];
        assert!((power_to_db(&mut silence, AMIN, 100.0) + 100.0).abs() < 1e-5);
        assert!(silence.iter().all(|&db| (db + 100.0).abs() < 1e-5));

        let mut clip = [1e-9, 1e-6, 1.0];
        power_to_db(&mut clip, AMIN, 80.0);
        assert!((clip[0] + 80.0).abs() < 1e-4 && (clip[1] + 60.0).abs() < 1e-4);
        assert_eq!(power_to_db(&mut [], AMIN, 80.0), f32::NEG_INFINITY);
    }
    #[test]
    fn an_infinite_floor_is_none_and_amin_bounds_the_powers() {
        let mut clip = [0.0, 1e-15, 1e-6, 1e6];
        power_to_db(&mut clip, 1e-12, f32::INFINITY);
        for (found, expected) in clip.iter().zip([-120.0, -120.0, -60.0, 60.0]) {
            assert!((found - expected).abs() < 1e-4, "{found} for {expected}");
        }
    }
}
