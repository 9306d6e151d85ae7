//! Another pitch at the same tempo.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::draw::{happens, require_probability};
use super::stretch::stretch;
use crate::setting::require;
use crate::{AudioError, Resampler, crop_or_pad};

const SECTION: &str = "pitch_shift";
/// Numerators and denominators divide this rate, so that resampling by them is cheap.
const RATE: u32 = 16_000;
/// Largest numerator and denominator.
const LARGEST: u32 = 1024;

/// Shifts the pitch by one of the ratios that are cheap at 16 kHz: within ±4 semitones 4/5, 125/128, 128/125 and 5/4,
/// each with the same probability.
///
/// # Source
/// `PitchShift` of torch-audiomentations; the ratios are those that it draws from at 16 kHz.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PitchShift {
    /// Probability that it is applied.
    pub probability: f64,
    /// Lowest shift, semitones.
    pub min_semitones: f32,
    /// Highest shift, semitones.
    pub max_semitones: f32,
}

impl Default for PitchShift {
    fn default() -> Self {
        Self { probability: 0.4, min_semitones: -4.0, max_semitones: 4.0 }
    }
}

impl PitchShift {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`AudioError::InvalidSetting`] naming the first field that does not make sense and what would.
    pub fn validate(&self) -> Result<(), AudioError> {
        require_probability(self.probability, SECTION)?;
        require(
            (-24.0..=24.0).contains(&self.min_semitones),
            SECTION,
            "min_semitones",
            self.min_semitones,
            "-24 to 24",
        )?;
        require(
            (self.min_semitones..=24.0).contains(&self.max_semitones),
            SECTION,
            "max_semitones",
            self.max_semitones,
            "min_semitones to 24",
        )?;
        require(
            !self.ratios().is_empty(),
            SECTION,
            "max_semitones",
            self.max_semitones,
            "a range that holds a ratio of divisors of 16000, the nearest of which are ±0.41 and ±3.86 semitones",
        )
    }

    /// The shift of one clip; `None` when its pitch stays.
    pub fn draw(&self, rng: &mut impl Rng) -> Option<PitchShiftParams> {
        if !happens(self.probability, rng) {
            return None;
        }
        let ratios = self.ratios();
        if ratios.is_empty() {
            return None;
        }
        Some(ratios[rng.random_range(0..ratios.len())].clone())
    }

    /// What is drawn from, lowest pitch first.
    pub fn ratios(&self) -> Vec<PitchShiftParams> {
        let divisors: Vec<u32> = (1..=LARGEST).filter(|d| RATE.is_multiple_of(*d)).collect();
        let semitones = |r: &PitchShiftParams| 12.0 * r.ratio().log2();
        let range = f64::from(self.min_semitones)..=f64::from(self.max_semitones);
        let mut ratios: Vec<_> = divisors
            .iter()
            .flat_map(|&numerator| {
                divisors.iter().filter_map(move |&denominator| PitchShiftParams::new(numerator, denominator).ok())
            })
            .filter(|r| r.numerator != r.denominator && range.contains(&semitones(r)))
            .collect();
        ratios.sort_by(|a, b| a.ratio().total_cmp(&b.ratio()));
        ratios.dedup();
        ratios
    }
}

/// The shift of one clip, as a ratio of frequencies between 1/4 and 4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Ratio")]
pub struct PitchShiftParams {
    numerator: u32,
    denominator: u32,
}

/// A ratio as it is written, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ratio {
    numerator: u32,
    denominator: u32,
}

impl TryFrom<Ratio> for PitchShiftParams {
    type Error = AudioError;

    fn try_from(ratio: Ratio) -> Result<Self, AudioError> {
        Self::new(ratio.numerator, ratio.denominator)
    }
}

impl PitchShiftParams {
    /// Frequencies are multiplied by `numerator / denominator`.
    ///
    /// # Errors
    /// [`AudioError::InvalidSetting`] for a number that is 0 or above 1024 and a ratio outside of 1/4 to 4.
    pub fn new(numerator: u32, denominator: u32) -> Result<Self, AudioError> {
        let numbers = 1..=LARGEST;
        require(numbers.contains(&numerator), SECTION, "numerator", numerator, "1 to 1024")?;
        require(
            numbers.contains(&denominator) && numerator <= 4 * denominator && denominator <= 4 * numerator,
            SECTION,
            "denominator",
            denominator,
            "1 to 1024, and a quarter of the numerator to four times the numerator",
        )?;
        let divisor = (1..=numerator.min(denominator))
            .rev()
            .find(|d| numerator.is_multiple_of(*d) && denominator.is_multiple_of(*d))
            .unwrap_or(1);
        Ok(Self { numerator: numerator / divisor, denominator: denominator / divisor })
    }

    /// What frequencies are multiplied by.
    pub fn ratio(&self) -> f64 {
        f64::from(self.numerator) / f64::from(self.denominator)
    }

    /// Shifts the pitch: the clip is made longer or shorter by a phase vocoder and resampled to its old length.
    pub fn apply(&self, samples: &mut Vec<f32>, sample_rate: u32) {
        if samples.is_empty() || self.numerator == self.denominator {
            return;
        }
        // Both numbers are small, so that the resampler exists.
        let Ok(resampler) = Resampler::new(self.numerator, self.denominator) else {
            return;
        };
        let length = samples.len();
        let n_fft = (sample_rate as usize / 64).max(2);
        let shortest = n_fft / 2 + 1;
        if length < shortest {
            samples.resize(shortest, 0.0);
        }
        let stretched = stretch(samples, 1.0 / self.ratio(), n_fft, (n_fft / 32).max(1));
        *samples = crop_or_pad(&resampler.resample(&stretched), 0, length);
    }
}
