//! A limited band: old recordings, telephones, small files.

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::draw::{happens, log_uniform, require_probability, require_range};
use super::fir::{filter, low_pass_taps};
use crate::AudioError;

const SECTION: &str = "band_limit";
/// Zero crossings of the sinc of the upper end: it falls within a sixteenth of its frequency, as codecs' filters do.
const UPPER_CROSSINGS: f64 = 32.0;
/// Of the lower end, which is nowhere steep.
const LOWER_CROSSINGS: f64 = 8.0;

/// Takes away what is above one frequency, steeply, and what is below another one. Both are uniform in octaves.
///
/// [`LowPass`](super::LowPass) and [`HighPass`](super::HighPass) are those of torch-audiomentations, which fall slowly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BandLimit {
    /// Probability that it is applied.
    pub probability: f64,
    /// Lowest upper end of the band, Hz.
    pub min_upper_hz: f32,
    /// Highest upper end of the band, Hz.
    pub max_upper_hz: f32,
    /// Lowest lower end of the band, Hz.
    pub min_lower_hz: f32,
    /// Highest lower end of the band, Hz.
    pub max_lower_hz: f32,
}

impl Default for BandLimit {
    fn default() -> Self {
        Self { probability: 0.3, min_upper_hz: 3000.0, max_upper_hz: 7500.0, min_lower_hz: 30.0, max_lower_hz: 200.0 }
    }
}

impl BandLimit {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`AudioError::InvalidSetting`] naming the first field that does not make sense and what would.
    pub fn validate(&self) -> Result<(), AudioError> {
        require_probability(self.probability, SECTION)?;
        let upper = [
            ("min_upper_hz", self.min_upper_hz, "1 to 384000 Hz"),
            ("max_upper_hz", self.max_upper_hz, "min_upper_hz to 384000 Hz"),
        ];
        require_range(SECTION, upper, 1.0..=384_000.0)?;
        let lower = [
            ("min_lower_hz", self.min_lower_hz, "1 Hz to min_upper_hz"),
            ("max_lower_hz", self.max_lower_hz, "min_lower_hz to min_upper_hz"),
        ];
        require_range(SECTION, lower, 1.0..=self.min_upper_hz)
    }

    /// The band of one clip; `None` when it stays as it is.
    pub fn draw(&self, rng: &mut impl Rng) -> Option<BandLimitParams> {
        happens(self.probability, rng).then(|| BandLimitParams {
            upper_hz: Some(log_uniform(self.min_upper_hz, self.max_upper_hz, rng)),
            lower_hz: Some(log_uniform(self.min_lower_hz, self.max_lower_hz, rng)),
        })
    }
}

/// The band of one clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BandLimitParams {
    /// Upper end, Hz, where half of the amplitude is left; none, or one from the Nyquist frequency on, leaves it open.
    pub upper_hz: Option<f32>,
    /// Lower end, Hz; none leaves it open. Taken as 1 Hz at least.
    pub lower_hz: Option<f32>,
}

impl BandLimitParams {
    /// Filters the clip.
    pub fn apply(&self, samples: &mut Vec<f32>, sample_rate: u32) {
        let nyquist = sample_rate as f32 / 2.0;
        let upper = self.upper_hz.filter(|hz| *hz < nyquist);
        let upper = upper.map(|hz| low_pass_taps(hz, sample_rate, UPPER_CROSSINGS));
        let lower = self.lower_hz.map(|hz| low_pass_taps(hz, sample_rate, LOWER_CROSSINGS));
        if upper.is_none() && lower.is_none() {
            return;
        }
        // What is below the upper end, less what is below the lower one: one filter.
        let upper = upper.unwrap_or_else(|| vec![1.0]);
        let lower = lower.unwrap_or_else(|| vec![0.0]);
        let middle = upper.len().max(lower.len()) / 2;
        let mut taps = vec![0.0; 2 * middle + 1];
        for (part, sign) in [(upper, 1.0), (lower, -1.0)] {
            let start = middle - part.len() / 2;
            for (tap, value) in taps[start..].iter_mut().zip(part) {
                *tap += sign * value;
            }
        }
        *samples = filter(samples, &taps);
    }
}
