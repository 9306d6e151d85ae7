//! The same sound with the opposite sign.

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::draw::{happens, require_probability};
use crate::AudioError;

/// Inverts the polarity of the clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Polarity {
    /// Probability that it is applied.
    pub probability: f64,
}

impl Default for Polarity {
    fn default() -> Self {
        Self { probability: 0.8 }
    }
}

impl Polarity {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`AudioError::InvalidSetting`] when the probability is not one.
    pub fn validate(&self) -> Result<(), AudioError> {
        require_probability(self.probability, "polarity")
    }

    /// Whether one clip is inverted.
    pub fn draw(&self, rng: &mut impl Rng) -> Option<PolarityParams> {
        happens(self.probability, rng).then_some(PolarityParams {})
    }
}

/// One clip is inverted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
// Braces, so that it is written as `{}`: a unit struct becomes `null`, which reads back as "not applied".
pub struct PolarityParams {}

impl PolarityParams {
    /// Changes the sign of every sample.
    pub fn apply(&self, samples: &mut [f32], _sample_rate: u32) {
        for sample in samples {
            *sample = -*sample;
        }
    }
}
