//! The mel filter bank.

use std::ops::Range;

use super::stft::{BLOCK, Powers};

/// What the weights of a mel bank follow from.
#[derive(Debug, Clone, Copy)]
pub(super) struct BankShape {
    pub(super) sample_rate: u32,
    /// Frequencies from 0 to half of the rate; at least two.
    pub(super) bins: usize,
    pub(super) n_mels: usize,
    pub(super) f_min: f32,
    pub(super) f_max: f32,
    /// Whether each triangle has the area of one instead of the height of one.
    pub(super) area_norm: bool,
}

/// Triangular filters, as sums over the bins that each of them covers.
#[derive(Debug, Clone)]
pub(super) struct MelBank {
    bins: usize,
    filters: Vec<Filter>,
    /// The non-zero weights of all filters, one after the other.
    weights: Vec<f32>,
}

#[derive(Debug, Clone)]
struct Filter {
    /// Frequency bins with a weight above zero; empty for a band beyond the Nyquist frequency.
    bins: Range<usize>,
    /// Where its weights begin.
    offset: usize,
}

impl MelBank {
    /// From the weights of each filter over all `bins`, which are the frequencies from 0 to half of the sample rate.
    pub(super) fn new(bins: usize, triangles: impl Iterator<Item = Vec<f32>>) -> Self {
        let mut filters = Vec::new();
        let mut weights = Vec::new();
        for triangle in triangles {
            let first = triangle.iter().position(|&w| w > 0.0).unwrap_or(0);
            let end = triangle.iter().rposition(|&w| w > 0.0).map_or(0, |i| i + 1);
            filters.push(Filter { bins: first..end, offset: weights.len() });
            weights.extend_from_slice(&triangle[first..end]);
        }
        Self { bins, filters, weights }
    }

    /// All weights, zeros included: `[bins, n_mels]`, row-major.
    pub(super) fn dense(&self) -> Vec<f32> {
        let n_mels = self.filters.len();
        let mut dense = vec![0.0; self.bins * n_mels];
        for (mel, filter) in self.filters.iter().enumerate() {
            for (bin, &weight) in filter.bins.clone().zip(&self.weights[filter.offset..]) {
                dense[bin * n_mels + mel] = weight;
            }
        }
        dense
    }

    /// Mel powers of a block of `count` frames, written to columns `first..first + count` of `out`, `[n_mels, frames]`.
    pub(super) fn apply(&self, powers: &[Powers], out: &mut [f32], frames: usize, first: usize, count: usize) {
        for (filter, row) in self.filters.iter().zip(out.chunks_exact_mut(frames)) {
            let powers = &powers[filter.bins.clone()];
            let mut sums = [0.0; BLOCK];
            for (power, &weight) in powers.iter().zip(&self.weights[filter.offset..]) {
                for (sum, p) in sums.iter_mut().zip(power) {
                    *sum += weight * p;
                }
            }
            row[first..first + count].copy_from_slice(&sums[..count]);
        }
    }
}
