//! The level of a clip, for augmentations that follow it or that must not change it.

/// Sums that are added up side by side.
const LANES: usize = 8;

/// Root mean square; 0 without samples.
pub(super) fn rms(x: &[f32]) -> f64 {
    if x.is_empty() {
        return 0.0;
    }
    let (groups, rest) = x.as_chunks::<LANES>();
    let mut sums = [0f64; LANES];
    for group in groups {
        for (sum, &sample) in sums.iter_mut().zip(group) {
            *sum += f64::from(sample) * f64::from(sample);
        }
    }
    let rest: f64 = rest.iter().map(|&sample| f64::from(sample) * f64::from(sample)).sum();
    ((sums.iter().sum::<f64>() + rest) / x.len() as f64).sqrt()
}

/// Brings a clip to a root mean square; silence stays as it is.
pub(super) fn bring_to(x: &mut [f32], wanted: f64) {
    let factor = wanted / rms(x);
    if factor.is_finite() {
        let factor = factor as f32;
        x.iter_mut().for_each(|sample| *sample *= factor);
    }
}
