//! Symmetric filters: a sinc under a Hann window.

use std::f64::consts::TAU;

use super::convolution::convolve;

/// A low-pass filter of odd length whose taps sum to 1: half of the amplitude is left at the cut-off frequency, taken
/// between 1 Hz and the Nyquist frequency.
///
/// `zero_crossings` of the sinc are under the window, both sides together; the filter falls within `2 / zero_crossings`
/// of the cut-off frequency on both sides of it.
pub(super) fn low_pass_taps(cutoff_hz: f32, sample_rate: u32, zero_crossings: f64) -> Vec<f32> {
    let rate = f64::from(sample_rate.max(2));
    // As a part of the sample rate: a signal holds nothing above one half.
    let cutoff = (f64::from(cutoff_hz) / rate).max(1.0 / rate).min(0.5);
    let half = (zero_crossings / cutoff / 2.0) as usize;
    let mut taps: Vec<f64> = (0..=2 * half)
        .map(|i| {
            let window = 0.5 - 0.5 * (TAU * i as f64 / (2 * half) as f64).cos();
            let t = TAU * cutoff * (i as f64 - half as f64);
            let sinc = if t == 0.0 { 1.0 } else { t.sin() / t };
            window * sinc
        })
        .collect();
    let sum: f64 = taps.iter().sum();
    taps.iter_mut().for_each(|tap| *tap /= sum);
    taps.into_iter().map(|tap| tap as f32).collect()
}

/// Convolution with a symmetric filter of odd length, the clip's ends continued by their last value; same length.
pub(super) fn filter(x: &[f32], taps: &[f32]) -> Vec<f32> {
    let (Some(&first), Some(&last)) = (x.first(), x.last()) else {
        return Vec::new();
    };
    let half = taps.len() / 2;
    let mut padded = Vec::with_capacity(x.len() + 2 * half);
    padded.resize(half, first);
    padded.extend_from_slice(x);
    padded.resize(x.len() + 2 * half, last);
    let mut out = convolve(&padded, taps);
    out.truncate(2 * half + x.len());
    out.split_off(2 * half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_are_continued() {
        let x: Vec<f32> = (0..5000).map(|i| ((i * i) as f32 * 0.01).sin()).collect();
        for length in [1, 2, 50, 1100, 5000] {
            for cutoff in [80.0, 700.0, 8000.0] {
                let x = &x[..length];
                let taps = low_pass_taps(cutoff, 16_000, 8.0);
                let half = (taps.len() / 2) as isize;
                let fast = filter(x, &taps);
                assert_eq!(fast.len(), length);
                for at in [0, length / 3, length - 1] {
                    let sum: f64 = taps
                        .iter()
                        .enumerate()
                        .map(|(j, &tap)| {
                            let i = at as isize + j as isize - half;
                            let i = i.clamp(0, length as isize - 1) as usize;
                            f64::from(tap) * f64::from(x[i])
                        })
                        .sum();
                    assert!((f64::from(fast[at]) - sum).abs() < 2e-6);
                }
            }
        }
    }
}
