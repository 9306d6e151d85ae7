//! How augmentations are drawn, and how the ranges that they are drawn from are checked.

use std::ops::RangeInclusive;

use rand::{Rng, RngExt};

use crate::AudioError;
use crate::setting::require;

/// True with the given probability.
pub(super) fn happens(probability: f64, rng: &mut impl Rng) -> bool {
    // `random` is below 1 and reaches 0: probability 0 is never, 1 is always.
    rng.random::<f64>() < probability
}

/// Uniform between two numbers.
pub(super) fn uniform(low: f32, high: f32, rng: &mut impl Rng) -> f32 {
    let place: f64 = rng.random();
    (f64::from(low) + (f64::from(high) - f64::from(low)) * place) as f32
}

/// Uniform between the logarithms of two numbers above 0: each octave is as likely as any other.
pub(super) fn log_uniform(low: f32, high: f32, rng: &mut impl Rng) -> f32 {
    uniform(low.ln(), high.ln(), rng).exp().clamp(low, high)
}

pub(super) fn require_probability(probability: f64, section: &'static str) -> Result<(), AudioError> {
    let valid = (0.0..=1.0).contains(&probability);
    require(valid, section, "probability", probability, "0 to 1")
}

/// One end of a range that is drawn from: the field, its value, and what it may be.
pub(super) type End = (&'static str, f32, &'static str);

/// Both ends are within bounds, and the lower one comes first.
pub(super) fn require_range(
    section: &'static str,
    [low, high]: [End; 2],
    bounds: RangeInclusive<f32>,
) -> Result<(), AudioError> {
    require(bounds.contains(&low.1), section, low.0, low.1, low.2)?;
    require((low.1..=*bounds.end()).contains(&high.1), section, high.0, high.1, high.2)
}
