//! Soft clipping: an overdriven amplifier, a tape, a loud master.

use muscall_kernels::Level;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::draw::{happens, require_probability, require_range, uniform};
use super::level::{bring_to, rms};
use crate::AudioError;

const SECTION: &str = "soft_clip";

/// Rounds off the peaks of the clip, whatever its level is. The level stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SoftClip {
    /// Probability that it is applied.
    pub probability: f64,
    /// Least drive, see [`SoftClipParams::drive`].
    pub min_drive: f32,
    /// Most drive.
    pub max_drive: f32,
}

impl Default for SoftClip {
    fn default() -> Self {
        Self { probability: 0.2, min_drive: 0.5, max_drive: 4.0 }
    }
}

impl SoftClip {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`AudioError::InvalidSetting`] naming the first field that does not make sense and what would.
    pub fn validate(&self) -> Result<(), AudioError> {
        require_probability(self.probability, SECTION)?;
        let drives = [("min_drive", self.min_drive, "0 to 100"), ("max_drive", self.max_drive, "min_drive to 100")];
        require_range(SECTION, drives, 0.0..=100.0)
    }

    /// The drive of one clip; `None` when it stays as it is.
    pub fn draw(&self, rng: &mut impl Rng) -> Option<SoftClipParams> {
        happens(self.probability, rng).then(|| SoftClipParams { drive: uniform(self.min_drive, self.max_drive, rng) })
    }
}

/// The soft clipping of one clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftClipParams {
    /// What the clip's peak is multiplied by before a curve that is even from 3 on. 0 changes nothing, 1 lowers the
    /// peak by 2.2 dB against what is quiet, 3 by 9.5 dB.
    pub drive: f32,
}

impl SoftClipParams {
    /// Sends every sample through the curve and restores the level. Overtones above the Nyquist frequency come back
    /// below it, as in any clipping at this rate.
    pub fn apply(&self, samples: &mut [f32], _sample_rate: u32) {
        let peak = samples.iter().fold(0f32, |peak, sample| peak.max(sample.abs()));
        let factor = self.drive / peak;
        if factor == 0.0 || !factor.is_finite() {
            return;
        }
        let level = rms(samples);
        Level::best().vectorise(
            #[inline(always)]
            || samples.iter_mut().for_each(|sample| *sample = rounded(factor * *sample)),
        );
        bring_to(samples, level);
    }
}

/// A curve of slope 1 at 0 that reaches ±1 at ±3, with slope 0: the fraction that begins as the hyperbolic tangent
/// does.
#[inline(always)]
fn rounded(x: f32) -> f32 {
    let x = x.clamp(-3.0, 3.0);
    let square = x * x;
    x * (27.0 + square) / (27.0 + 9.0 * square)
}
