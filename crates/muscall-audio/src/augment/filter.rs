//! Low-pass and high-pass filters: the sound of small loudspeakers, telephones and walls.

use std::f64::consts::TAU;

use rand::Rng;
use rustfft::FftDirection;
use rustfft::num_complex::Complex32;
use serde::{Deserialize, Serialize};

use super::{fourier, happens, require_probability, uniform};
use crate::AudioError;
use crate::setting::require;

/// Zero crossings of the sinc under the window, both sides together.
const ZERO_CROSSINGS: f64 = 8.0;
/// Shortest Fourier transform of the convolution.
const SHORTEST_TRANSFORM: usize = 1024;

/// Takes away what is above a cut-off frequency, which is uniform on the mel scale.
///
/// # Source
/// `LowPassFilter` of torch-audiomentations, a sinc under a Hann window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LowPass {
    /// Probability that it is applied.
    pub probability: f64,
    /// Lowest cut-off frequency, Hz.
    pub min_cutoff_hz: f32,
    /// Highest cut-off frequency, Hz.
    pub max_cutoff_hz: f32,
}

/// Takes away what is below a cut-off frequency, which is uniform on the mel scale.
///
/// # Source
/// `HighPassFilter` of torch-audiomentations: the clip without its low-pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HighPass {
    /// Probability that it is applied.
    pub probability: f64,
    /// Lowest cut-off frequency, Hz.
    pub min_cutoff_hz: f32,
    /// Highest cut-off frequency, Hz.
    pub max_cutoff_hz: f32,
}

impl Default for LowPass {
    fn default() -> Self {
        Self { probability: 0.5, min_cutoff_hz: 150.0, max_cutoff_hz: 7500.0 }
    }
}

impl Default for HighPass {
    fn default() -> Self {
        Self { probability: 0.5, min_cutoff_hz: 20.0, max_cutoff_hz: 2400.0 }
    }
}

impl LowPass {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`AudioError::InvalidSetting`] naming the first field that does not make sense and what would.
    pub fn validate(&self) -> Result<(), AudioError> {
        require_probability(self.probability, "low_pass")?;
        require_cutoffs(self.min_cutoff_hz, self.max_cutoff_hz, "low_pass")
    }

    /// The filter of one clip; `None` when it stays as it is.
    pub fn draw(&self, rng: &mut impl Rng) -> Option<LowPassParams> {
        happens(self.probability, rng)
            .then(|| LowPassParams { cutoff_hz: uniform_in_mel(self.min_cutoff_hz, self.max_cutoff_hz, rng) })
    }
}

impl HighPass {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`AudioError::InvalidSetting`] naming the first field that does not make sense and what would.
    pub fn validate(&self) -> Result<(), AudioError> {
        require_probability(self.probability, "high_pass")?;
        require_cutoffs(self.min_cutoff_hz, self.max_cutoff_hz, "high_pass")
    }

    /// The filter of one clip; `None` when it stays as it is.
    pub fn draw(&self, rng: &mut impl Rng) -> Option<HighPassParams> {
        happens(self.probability, rng)
            .then(|| HighPassParams { cutoff_hz: uniform_in_mel(self.min_cutoff_hz, self.max_cutoff_hz, rng) })
    }
}

/// The low-pass filter of one clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LowPassParams {
    /// Cut-off frequency, Hz; taken between 1 Hz and the Nyquist frequency.
    pub cutoff_hz: f32,
}

/// The high-pass filter of one clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HighPassParams {
    /// Cut-off frequency, Hz; taken between 1 Hz and the Nyquist frequency.
    pub cutoff_hz: f32,
}

impl LowPassParams {
    /// Filters the clip.
    pub fn apply(&self, samples: &mut Vec<f32>, sample_rate: u32) {
        *samples = convolve(samples, &low_pass_taps(self.cutoff_hz, sample_rate));
    }
}

impl HighPassParams {
    /// Filters the clip.
    pub fn apply(&self, samples: &mut [f32], sample_rate: u32) {
        let low = convolve(samples, &low_pass_taps(self.cutoff_hz, sample_rate));
        for (sample, low) in samples.iter_mut().zip(low) {
            *sample -= low;
        }
    }
}

fn require_cutoffs(min: f32, max: f32, section: &'static str) -> Result<(), AudioError> {
    require((1.0..=384_000.0).contains(&min), section, "min_cutoff_hz", min, "1 to 384000 Hz")?;
    require((min..=384_000.0).contains(&max), section, "max_cutoff_hz", max, "min_cutoff_hz to 384000 Hz")
}

fn uniform_in_mel(min_hz: f32, max_hz: f32, rng: &mut impl Rng) -> f32 {
    let mel = |hz: f32| 2595.0 * (1.0 + hz / 700.0).log10();
    let mel = uniform(mel(min_hz), mel(max_hz), rng);
    (700.0 * (10f32.powf(mel / 2595.0) - 1.0)).clamp(min_hz, max_hz)
}

/// A symmetric filter of odd length whose taps sum to 1.
fn low_pass_taps(cutoff_hz: f32, sample_rate: u32) -> Vec<f32> {
    let rate = f64::from(sample_rate.max(2));
    // As a part of the sample rate: a signal holds nothing above one half.
    let cutoff = (f64::from(cutoff_hz) / rate).max(1.0 / rate).min(0.5);
    let half = (ZERO_CROSSINGS / cutoff / 2.0) as usize;
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
fn convolve(x: &[f32], taps: &[f32]) -> Vec<f32> {
    let Some(last) = x.len().checked_sub(1) else {
        return Vec::new();
    };
    let half = taps.len() / 2;
    let whole = (x.len() + 2 * half).next_power_of_two();
    let size = (4 * taps.len()).next_power_of_two().max(SHORTEST_TRANSFORM).min(whole);
    let forward = fourier(size, FftDirection::Forward);
    let inverse = fourier(size, FftDirection::Inverse);

    let scale = 1.0 / size as f32;
    let mut response = vec![Complex32::default(); size];
    for (value, tap) in response.iter_mut().zip(taps) {
        *value = Complex32::new(tap * scale, 0.0);
    }
    forward.process(&mut response);

    // Overlap-save: a cyclic convolution is right from its sample 2·half on. The filter is real, so that two stretches
    // go through one transform as its real and imaginary parts without meeting.
    let step = size - 2 * half;
    let padded = |i: usize| x[i.saturating_sub(half).min(last)];
    let mut out = vec![0.0; x.len()];
    let mut buffer = vec![Complex32::default(); size];
    for (pair, stretch) in out.chunks_mut(2 * step).enumerate() {
        let start = 2 * pair * step;
        for (i, value) in buffer.iter_mut().enumerate() {
            *value = Complex32::new(padded(start + i), padded(start + step + i));
        }
        forward.process(&mut buffer);
        for (value, weight) in buffer.iter_mut().zip(&response) {
            *value *= weight;
        }
        inverse.process(&mut buffer);
        let (first, second) = stretch.split_at_mut(step.min(stretch.len()));
        for (sample, value) in first.iter_mut().zip(&buffer[2 * half..]) {
            *sample = value.re;
        }
        for (sample, value) in second.iter_mut().zip(&buffer[2 * half..]) {
            *sample = value.im;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn convolution_by_transform_equals_the_sum() {
        let x: Vec<f32> = (0..5000).map(|i| ((i * i) as f32 * 0.01).sin()).collect();
        for length in [1, 2, 50, 1100, 5000] {
            for cutoff in [80.0, 700.0, 8000.0] {
                let x = &x[..length];
                let taps = low_pass_taps(cutoff, 16_000);
                let half = (taps.len() / 2) as isize;
                let fast = convolve(x, &taps);
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
