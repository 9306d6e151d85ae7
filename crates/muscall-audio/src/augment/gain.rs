//! Another loudness.

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::draw::{happens, require_probability, uniform};
use crate::AudioError;
use crate::setting::require;

const SECTION: &str = "gain";

/// Multiplies the clip by a gain, uniform in dB.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gain {
    /// Probability that it is applied.
    pub probability: f64,
    /// Lowest gain, dB.
    pub min_db: f32,
    /// Highest gain, dB.
    pub max_db: f32,
}

impl Default for Gain {
    fn default() -> Self {
        Self { probability: 0.2, min_db: -18.0, max_db: 6.0 }
    }
}

impl Gain {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`AudioError::InvalidSetting`] naming the first field that does not make sense and what would.
    pub fn validate(&self) -> Result<(), AudioError> {
        require_probability(self.probability, SECTION)?;
        require((-120.0..=120.0).contains(&self.min_db), SECTION, "min_db", self.min_db, "-120 to 120 dB")?;
        require((self.min_db..=120.0).contains(&self.max_db), SECTION, "max_db", self.max_db, "min_db to 120 dB")
    }

    /// The gain of one clip; `None` when it stays as it is.
    pub fn draw(&self, rng: &mut impl Rng) -> Option<GainParams> {
        happens(self.probability, rng).then(|| GainParams { gain_db: uniform(self.min_db, self.max_db, rng) })
    }
}

/// The gain of one clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GainParams {
    /// Gain, dB.
    pub gain_db: f32,
}

impl GainParams {
    /// Multiplies the clip. Nothing is clipped.
    pub fn apply(&self, samples: &mut [f32], _sample_rate: u32) {
        let factor = 10f64.powf(f64::from(self.gain_db) / 20.0) as f32;
        for sample in samples {
            *sample *= factor;
        }
    }
}
