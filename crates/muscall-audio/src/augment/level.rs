//! The level of a clip, for augmentations that follow it or that must not change it.

/// Root mean square; 0 without samples.
pub(super) fn rms(x: &[f32]) -> f64 {
    if x.is_empty() {
        return 0.0;
    }
    let energy: f64 = x.iter().map(|&s| f64::from(s) * f64::from(s)).sum();
    (energy / x.len() as f64).sqrt()
}

/// Brings a clip to a root mean square; silence stays as it is.
pub(super) fn bring_to(x: &mut [f32], wanted: f64) {
    let factor = wanted / rms(x);
    if factor.is_finite() {
        let factor = factor as f32;
        x.iter_mut().for_each(|sample| *sample *= factor);
    }
}
