//! An equaliser: some frequencies louder, others quieter, as another instrument, room or mixing engineer would have it.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::biquad::{self, Response, Shape};
use super::draw::{happens, log_uniform, require_probability, require_range, uniform};
use crate::AudioError;
use crate::setting::require;

const SECTION: &str = "equaliser";
/// Most bands; more are no longer the sound of something.
const MOST_BANDS: usize = 16;

/// Raises and lowers the clip by some bands, each a peak or a shelf. One in four is a shelf from its frequency down,
/// one in four a shelf from its frequency up. Frequencies are uniform in octaves, gains in dB.
///
/// # Source
/// Filters of R. Bristow-Johnson's "Cookbook formulae for audio equalizer biquad filter coefficients".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Equaliser {
    /// Probability that it is applied.
    pub probability: f64,
    /// Fewest bands.
    pub min_bands: usize,
    /// Most bands.
    pub max_bands: usize,
    /// Gains are from minus this to this, dB.
    pub max_gain_db: f32,
    /// Lowest frequency of a band, Hz.
    pub min_hz: f32,
    /// Highest frequency of a band, Hz.
    pub max_hz: f32,
    /// Lowest quality of a peak: 0.5 is wider than two octaves.
    pub min_q: f32,
    /// Highest quality of a peak: 4 is a third of an octave.
    pub max_q: f32,
}

impl Default for Equaliser {
    fn default() -> Self {
        Self {
            probability: 0.5,
            min_bands: 1,
            max_bands: 4,
            max_gain_db: 9.0,
            min_hz: 60.0,
            max_hz: 7000.0,
            min_q: 0.5,
            max_q: 2.0,
        }
    }
}

impl Equaliser {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`AudioError::InvalidSetting`] naming the first field that does not make sense and what would.
    pub fn validate(&self) -> Result<(), AudioError> {
        require_probability(self.probability, SECTION)?;
        let (min, max) = (self.min_bands, self.max_bands);
        require((1..=MOST_BANDS).contains(&min), SECTION, "min_bands", min as f64, "1 to 16")?;
        require((min..=MOST_BANDS).contains(&max), SECTION, "max_bands", max as f64, "min_bands to 16")?;
        let gain = (0.0..=40.0).contains(&self.max_gain_db);
        require(gain, SECTION, "max_gain_db", self.max_gain_db, "0 to 40 dB")?;
        let frequencies = [("min_hz", self.min_hz, "1 to 384000 Hz"), ("max_hz", self.max_hz, "min_hz to 384000 Hz")];
        require_range(SECTION, frequencies, 1.0..=384_000.0)?;
        let qualities = [("min_q", self.min_q, "0.1 to 30"), ("max_q", self.max_q, "min_q to 30")];
        require_range(SECTION, qualities, 0.1..=30.0)
    }

    /// The bands of one clip; `None` when it stays as it is.
    pub fn draw(&self, rng: &mut impl Rng) -> Option<EqualiserParams> {
        if !happens(self.probability, rng) {
            return None;
        }
        let count = rng.random_range(self.min_bands..=self.max_bands.max(self.min_bands));
        Some(EqualiserParams { bands: (0..count).map(|_| self.draw_band(rng)).collect() })
    }

    fn draw_band(&self, rng: &mut impl Rng) -> EqualiserBand {
        let shape = match rng.random_range(0..4) {
            0 => BandShape::LowShelf,
            1 => BandShape::HighShelf,
            _ => BandShape::Peak,
        };
        EqualiserBand {
            shape,
            hz: log_uniform(self.min_hz, self.max_hz, rng),
            gain_db: uniform(-self.max_gain_db, self.max_gain_db, rng),
            q: log_uniform(self.min_q, self.max_q, rng),
        }
    }
}

/// The equaliser of one clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EqualiserParams {
    /// One behind the other.
    pub bands: Vec<EqualiserBand>,
}

/// One band.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EqualiserBand {
    /// What it does beside its frequency.
    pub shape: BandShape,
    /// Centre of a peak; where a shelf has half of its gain. Hz; taken below 0.49 of the sample rate.
    pub hz: f32,
    /// Gain, dB; 0 changes nothing.
    pub gain_db: f32,
    /// How narrow a peak is; above 0. Shelves have the steepest slope that does not overshoot, whatever this is.
    pub q: f32,
}

/// What a band does to the frequencies beside its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BandShape {
    /// It leaves them.
    Peak,
    /// Those below have its gain.
    LowShelf,
    /// Those above have its gain.
    HighShelf,
}

impl EqualiserParams {
    /// Filters the clip. The level follows the bands; nothing is clipped.
    pub fn apply(&self, samples: &mut [f32], sample_rate: u32) {
        let responses = self.bands.iter().map(|band| Response {
            shape: match band.shape {
                BandShape::Peak => Shape::Peak { q: band.q.max(1e-3).into() },
                BandShape::LowShelf => Shape::LowShelf,
                BandShape::HighShelf => Shape::HighShelf,
            },
            hz: band.hz.into(),
            gain_db: band.gain_db.into(),
        });
        biquad::filter(samples, &responses.map(|response| response.at(sample_rate)).collect::<Vec<_>>());
    }
}
