//! Cropping a track to the length a model takes: a place for the window, and right zero-padding.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// First sample of the window of `wanted` samples in the middle of `total`; 0 when nothing is left over.
///
/// # Source
/// The evaluation crop of section 4.2 of the paper.
pub fn central_start(total: usize, wanted: usize) -> usize {
    total.saturating_sub(wanted) / 2
}

/// First sample of a window of `wanted` samples, uniform over all places where it fits into `total`;
/// 0 when it does not fit.
///
/// One number is drawn in every case, so that short and long tracks leave `rng` in the same state.
pub fn random_start(total: usize, wanted: usize, rng: &mut impl Rng) -> usize {
    let last = total.saturating_sub(wanted);
    let place: f64 = rng.random();
    // `place` is below 1, but the product may round up to `last + 1`.
    ((place * (last as f64 + 1.0)) as usize).min(last)
}

/// What stands behind the end of audio that is shorter than a clip.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// Zeros.
    #[default]
    Zeros,
    /// The audio again, as often as it fits as a whole, and then zeros: what LAION-CLAP was trained with.
    Repeat,
}

impl Padding {
    /// Exactly `wanted` samples: the first ones of `x`, or all of them and the padding.
    ///
    /// # Shapes
    /// - x: `[samples]`; returns `[wanted]`.
    pub fn fit(self, x: &[f32], wanted: usize) -> Vec<f32> {
        if self == Self::Zeros || x.is_empty() || x.len() >= wanted {
            return crop_or_pad(x, 0, wanted);
        }
        let mut clip = x.repeat(wanted / x.len());
        clip.resize(wanted, 0.0);
        clip
    }
}

/// `wanted` samples of `x` from `start` on, with zeros after the end of `x`.
///
/// # Shapes
/// - x: `[samples]`; returns exactly `[wanted]`. A `start` past the end gives zeros.
pub fn crop_or_pad(x: &[f32], start: usize, wanted: usize) -> Vec<f32> {
    let rest = x.get(start..).unwrap_or_default();
    let mut clip = Vec::with_capacity(wanted);
    clip.extend_from_slice(&rest[..rest.len().min(wanted)]);
    clip.resize(wanted, 0.0);
    clip
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn what_repeats_does_so_as_a_whole() {
        let x = [1.0, 2.0, 3.0];
        assert_eq!(Padding::Repeat.fit(&x, 7), [1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 0.0]);
        assert_eq!(Padding::Repeat.fit(&x, 5), [1.0, 2.0, 3.0, 0.0, 0.0]);
        assert_eq!(Padding::Repeat.fit(&x, 2), [1.0, 2.0]);
        assert_eq!(Padding::Zeros.fit(&x, 4), [1.0, 2.0, 3.0, 0.0]);
        assert_eq!(Padding::Repeat.fit(&[], 2), [0.0, 0.0]);
    }

    #[test]
    fn central_window_leaves_the_same_on_both_sides() {
        assert_eq!(central_start(10, 4), 3);
        assert_eq!(central_start(11, 4), 3);
        assert_eq!(central_start(4, 4), 0);
        assert_eq!(central_start(3, 4), 0);
    }

    #[test]
    fn random_windows_reach_every_place_and_no_other() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut seen = [0usize; 7];
        for _ in 0..7000 {
            seen[random_start(10, 4, &mut rng)] += 1;
        }
        assert!(seen.iter().all(|&n| (850..1150).contains(&n)), "{seen:?}");
        assert_eq!(random_start(3, 4, &mut rng), 0);
        assert_eq!(random_start(0, 0, &mut rng), 0);
    }

    #[test]
    fn crops_and_pads_to_the_exact_length() {
        let x = [1.0, 2.0, 3.0];
        assert_eq!(crop_or_pad(&x, 1, 2), [2.0, 3.0]);
        assert_eq!(crop_or_pad(&x, 2, 3), [3.0, 0.0, 0.0]);
        assert_eq!(crop_or_pad(&x, 9, 2), [0.0, 0.0]);
        assert!(crop_or_pad(&x, 0, 0).is_empty());
    }
}
