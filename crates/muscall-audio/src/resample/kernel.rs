//! The low-pass kernels: a sinc under a window, evaluated where the input samples lie.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// The low-pass kernel that a change of sample rate uses.
///
/// A model hears the top of the spectrum through the kernel that made its training data: another one moves the top mel
/// bands by 5–60 dB. So the kernel is part of a frontend's configuration and fingerprint.
#[derive(Serialize, Deserialize, PartialEq, Eq, Clone, Copy, Debug, Default)]
#[serde(rename_all = "snake_case")]
pub enum Resampling {
    /// A sinc of six zero crossings under a squared-cosine window, cut off at 0.99 of the lower Nyquist frequency:
    /// short, and with images and aliases only 20 to 60 dB down near that frequency.
    ///
    /// # Source
    /// The defaults of `torchaudio.functional.resample`, with its rounding of the phase to float32.
    #[default]
    Torchaudio,
    /// A sinc of 90 zero crossings under a Kaiser window: flat to 0.913 of the lower Nyquist frequency, 120 dB down
    /// from that frequency on. Features that were made with soxr or librosa need this one.
    ///
    /// # Source
    /// The documented pass band and stop band of soxr's quality `HQ`. Vectors agree to the figures of
    /// docs/PERFORMANCE.md.
    HighQuality,
}

/// Where soxr passes half of the amplitude, in the middle of its 0.913 and 1.
const HIGH_QUALITY_CUTOFF: f64 = 0.9569;
/// By Kaiser's formula, what a transition band of 0.087 with 120 dB takes.
const HIGH_QUALITY_CROSSINGS: f64 = 90.0;
/// `0.1102 · (120 − 8.7)`, Kaiser's formula for 120 dB.
const HIGH_QUALITY_BETA: f64 = 12.27;
/// The Bessel function of that, by which the window is 1 at its peak.
const HIGH_QUALITY_PEAK: f64 = 24_541.629_414_069_18;

impl Resampling {
    /// Zero crossings of the sinc on each side of its peak.
    fn crossings(self) -> f64 {
        match self {
            Self::Torchaudio => 6.0,
            Self::HighQuality => HIGH_QUALITY_CROSSINGS,
        }
    }

    /// Cut-off as a part of the lower rate's Nyquist frequency.
    fn cutoff(self) -> f64 {
        match self {
            Self::Torchaudio => 0.99,
            Self::HighQuality => HIGH_QUALITY_CUTOFF,
        }
    }

    /// The window, `t` zero crossings of the sinc away from its peak.
    fn window(self, t: f64) -> f64 {
        match self {
            Self::Torchaudio => (t * PI / self.crossings() / 2.0).cos().powi(2),
            Self::HighQuality => {
                let inside = 1.0 - (t / self.crossings()).powi(2);
                bessel_i0(HIGH_QUALITY_BETA * inside.max(0.0).sqrt()) / HIGH_QUALITY_PEAK
            }
        }
    }

    /// Running sums of the product of samples and a filter, a power of two. Few of them for few taps, which are padded to
    /// a multiple.
    pub(super) fn lanes(self) -> usize {
        match self {
            Self::Torchaudio => 8,
            Self::HighQuality => 32,
        }
    }
}

/// The kernel between two rates.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernel {
    pub(super) resampling: Resampling,
    from: usize,
    to: usize,
    /// In half-periods of the reduced rates: that many zero crossings lie in `from` input frames.
    cutoff: f64,
    /// Input frames that it reaches to each side.
    pub(super) margin: usize,
}

impl Kernel {
    /// `from` input frames become `to` output frames; the two have no common divisor and differ.
    pub(super) fn new(resampling: Resampling, from: usize, to: usize) -> Self {
        let cutoff = from.min(to) as f64 * resampling.cutoff();
        let margin = (resampling.crossings() * from as f64 / cutoff).ceil() as usize;
        Self { resampling, from, to, cutoff, margin }
    }

    /// First input frame (relative to the block of `from` frames) and taps of one output phase.
    pub(super) fn filter(&self, phase: usize) -> (isize, Vec<f32>) {
        let phase = match self.resampling {
            // PyTorch forms the phase in float32 and goes on in float64.
            Resampling::Torchaudio => f64::from(phase as f32 / self.to as f32),
            Resampling::HighQuality => phase as f64 / self.to as f64,
        };
        let position = |frame: isize| (frame as f64 / self.from as f64 - phase) * self.cutoff;
        // Frames at the window's zeros weigh 1e-33 in PyTorch's dense kernel; they are left out. The range is one too
        // wide on each side, the comparison decides.
        let centre = (phase * self.from as f64) as isize;
        let reach = self.margin as isize + 1;
        let crossings = self.resampling.crossings();
        let mut frames =
            (centre - reach..=centre + reach).filter(|&frame| position(frame).abs() < crossings).peekable();
        let first = frames.peek().copied().unwrap_or(0);
        let taps = frames.map(|frame| {
            let t = position(frame);
            let sinc = if t == 0.0 { 1.0 } else { (t * PI).sin() / (t * PI) };
            (sinc * (self.resampling.window(t) * self.cutoff / self.from as f64)) as f32
        });
        (first, taps.collect())
    }

    /// Taps of the longest filter, with zeros that fill the last lanes.
    pub(super) fn taps(&self) -> usize {
        (2 * self.margin + 1).next_multiple_of(self.resampling.lanes())
    }
}

/// The modified Bessel function of the first kind and order 0, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut sum, mut term, mut k) = (1.0, 1.0, 1.0);
    while term > sum * 1e-17 {
        term *= quarter / (k * k);
        sum += term;
        k += 1.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bessel_function_of_tables() {
        // Abramowitz and Stegun, table 9.8: exp(−x)·I0(x).
        for (x, expected) in [(0.0, 1.0), (1.0, 0.465_759_607_6), (5.0, 0.183_540_812_6), (10.0, 0.127_833_337_2)] {
            let found = bessel_i0(x) * f64::exp(-x);
            assert!((found - expected).abs() < 1e-9, "{x}: {found}");
        }
    }

    #[test]
    fn the_window_is_one_at_its_peak() {
        assert!((Resampling::HighQuality.window(0.0) - 1.0).abs() < 1e-15);
        assert_eq!(Resampling::Torchaudio.window(0.0), 1.0);
    }

    #[test]
    fn all_phases_pass_a_constant_unchanged() {
        for (from, to) in [(147, 320), (147, 160), (2, 1), (441, 160), (1, 6)] {
            let kernel = Kernel::new(Resampling::HighQuality, from, to);
            for phase in 0..to {
                let (_, taps) = kernel.filter(phase);
                assert!(taps.len() <= kernel.taps());
                let sum: f64 = taps.iter().map(|&tap| f64::from(tap)).sum();
                assert!((sum - 1.0).abs() < 1e-6, "{from} to {to}, phase {phase}: {sum}");
            }
        }
    }
}
