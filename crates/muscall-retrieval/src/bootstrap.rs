//! Uncertainty of a mean over queries.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Where a number lies with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The 2.5th percentile.
    pub low: f64,
    /// The 97.5th percentile.
    pub high: f64,
}

/// Draws queries again and again, with replacement.
///
/// The seed of a resample is a function of its number, so that threads change nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootstrap {
    /// How often the queries are drawn anew.
    pub resamples: usize,
    /// Decides the draws.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 1000, seed: 0 }
    }
}

impl Bootstrap {
    /// The percentile intervals of several statistics of the same queries: `statistics` gets the
    /// numbers of the drawn queries.
    ///
    /// # Source
    /// Efron and Tibshirani 1993, chapter 13.
    pub fn intervals<const N: usize>(
        &self,
        queries: usize,
        statistics: impl Fn(&[usize]) -> [f64; N] + Sync,
    ) -> [Interval; N] {
        let draw = |resample: usize| {
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ (resample as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let drawn: Vec<usize> = (0..queries).map(|_| rng.random_range(0..queries)).collect();
            statistics(&drawn)
        };
        let drawn: Vec<[f64; N]> =
            if queries == 0 { Vec::new() } else { (0..self.resamples.max(1)).into_par_iter().map(draw).collect() };
        std::array::from_fn(|i| {
            let mut values: Vec<f64> = drawn.iter().map(|row| row[i]).collect();
            values.sort_unstable_by(f64::total_cmp);
            Interval { low: percentile(&values, 0.025), high: percentile(&values, 0.975) }
        })
    }

    /// The interval of a mean.
    pub fn mean(&self, values: &[f64]) -> Interval {
        let mean = |drawn: &[usize]| [drawn.iter().map(|&i| values[i]).sum::<f64>() / drawn.len() as f64];
        let [interval] = self.intervals(values.len(), mean);
        interval
    }
}

/// Of sorted values, interpolated linearly.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = share * last as f64;
    let (low, fraction) = (place as usize, place.fract());
    sorted[low] + (sorted[(low + 1).min(last)] - sorted[low]) * fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_cover_a_known_recall() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for recall in [0.25, 0.5] {
            let covered = (0..1000)
                .filter(|repetition| {
                    let found: Vec<f64> = (0..300).map(|_| f64::from(u8::from(rng.random::<f64>() < recall))).collect();
                    let Interval { low, high } = Bootstrap { resamples: 500, seed: *repetition }.mean(&found);
                    (low..=high).contains(&recall)
                })
                .count();
            assert!((930..=970).contains(&covered), "{recall}: {covered} of 1000");
        }
    }

    #[test]
    fn percentiles_are_those_of_numpy() {
        let values: Vec<f64> = (0..41).map(f64::from).collect();
        assert!((percentile(&values, 0.025) - 1.0).abs() < 1e-12);
        assert!((percentile(&values[..3], 0.975) - 1.95).abs() < 1e-12);
    }
}
