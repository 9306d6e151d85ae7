//! Low-pass and high-pass filters: the sound of small loudspeakers, telephones and walls.

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::draw::{happens, require_probability, uniform};
use super::fir::{filter, low_pass_taps};
use crate::AudioError;
use crate::setting::require;

/// Zero crossings of the sinc under the window, both sides together.
const ZERO_CROSSINGS: f64 = 8.0;

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
        *samples = filter(samples, &low_pass_taps(self.cutoff_hz, sample_rate, ZERO_CROSSINGS));
    }
}

impl HighPassParams {
    /// Filters the clip.
    pub fn apply(&self, samples: &mut [f32], sample_rate: u32) {
        let low = filter(samples, &low_pass_taps(self.cutoff_hz, sample_rate, ZERO_CROSSINGS));
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
