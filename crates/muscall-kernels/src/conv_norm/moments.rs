//! The statistics of a batch.

use super::channels::{folded, stretched};
use crate::Level;

/// Mean and squared deviations of some pixels, a channel each.
pub(super) struct Moments {
    pixels: usize,
    mean: Vec<f32>,
    squares: Vec<f32>,
}

impl Moments {
    /// In two passes: in one, the square of a large mean would take digits from the deviations.
    pub(super) fn of(values: &[f32], channels: usize, level: Level) -> Self {
        let pixels = values.len() / channels;
        // Around the first pixel, which is nearer to the mean than zero.
        let first = stretched(&values[..channels]);
        let stretch = first.len();
        let mut sums = vec![0.0_f32; stretch];
        level.vectorise(
            #[inline(always)]
            || {
                for values in values.chunks(stretch) {
                    for ((x, first), sum) in values.iter().zip(&first).zip(sums.iter_mut()) {
                        *sum += x - first;
                    }
                }
            },
        );
        let mut mean = folded(&sums, channels);
        mean.iter_mut().zip(&first).for_each(|(mean, first)| *mean = *mean / pixels as f32 + first);
        let means = stretched(&mean);
        sums.fill(0.0);
        level.vectorise(
            #[inline(always)]
            || {
                for values in values.chunks(stretch) {
                    for ((x, mean), sum) in values.iter().zip(&means).zip(sums.iter_mut()) {
                        *sum += (x - mean) * (x - mean);
                    }
                }
            },
        );
        let squares = folded(&sums, channels);
        Self { pixels, mean, squares }
    }

    /// Mean and biased variance of all pixels.
    ///
    /// # Source
    /// Chan, Golub and LeVeque 1979.
    pub(super) fn merge(parts: &[Self], channels: usize) -> (Vec<f32>, Vec<f32>) {
        let count: usize = parts.iter().map(|part| part.pixels).sum();
        let merged = |channel: usize| {
            let weighed = |part: &Self| part.pixels as f64 * f64::from(part.mean[channel]);
            let mean = parts.iter().map(weighed).sum::<f64>() / count as f64;
            let squares = |part: &Self| {
                let apart = f64::from(part.mean[channel]) - mean;
                f64::from(part.squares[channel]) + part.pixels as f64 * apart * apart
            };
            (mean as f32, (parts.iter().map(squares).sum::<f64>() / count as f64) as f32)
        };
        (0..channels).map(merged).unzip()
    }
}
