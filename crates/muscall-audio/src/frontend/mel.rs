//! The mel filter bank.

use std::ops::Range;

use super::stft::{BLOCK, Powers};

/// Triangular filters on the HTK mel scale without area normalisation.
///
/// # Source
/// `torchaudio.functional.melscale_fbanks`, whose roundings are followed step by step: the end points are converted in
/// float64, the rest is float32.
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
    /// `n_mels` filters between `f_min` and `f_max` over the `bins` frequencies from 0 to half of `sample_rate`.
    pub(super) fn new(sample_rate: u32, bins: usize, n_mels: usize, f_min: f32, f_max: f32) -> Self {
        let frequencies = linspace(0.0, (sample_rate / 2) as f32, bins);
        let corners: Vec<f32> =
            linspace(hz_to_mel(f_min), hz_to_mel(f_max), n_mels + 2).into_iter().map(mel_to_hz).collect();
        let mut filters = Vec::with_capacity(n_mels);
        let mut weights = Vec::new();
        for corner in corners.windows(3) {
            let triangle: Vec<f32> = frequencies
                .iter()
                .map(|&f| {
                    let rising = -(corner[0] - f) / (corner[1] - corner[0]);
                    let falling = (corner[2] - f) / (corner[2] - corner[1]);
                    rising.min(falling).max(0.0)
                })
                .collect();
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

fn hz_to_mel(hz: f32) -> f32 {
    (2595.0 * (1.0 + f64::from(hz) / 700.0).log10()) as f32
}

fn mel_to_hz(mel: f32) -> f32 {
    700.0 * (10f64.powf(f64::from(mel / 2595.0)) as f32 - 1.0)
}

/// `n` ≥ 2 evenly spaced values as PyTorch computes them: with fused multiply-adds, the second half from the end backwards.
fn linspace(start: f32, end: f32, n: usize) -> Vec<f32> {
    let step = (end - start) / (n - 1) as f32;
    (0..n)
        .map(|i| if i < n / 2 { step.mul_add(i as f32, start) } else { (-step).mul_add((n - 1 - i) as f32, end) })
        .collect()
}
