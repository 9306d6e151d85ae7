//! Compression: what is loud becomes quieter, as in broadcasts and on most records.

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::draw::{happens, log_uniform, require_probability, require_range, uniform};
use super::level::{bring_to, rms};
use crate::AudioError;

const SECTION: &str = "compression";
/// Measurements of the level per second.
const LEVELS_PER_S: u32 = 1000;

/// Lowers the clip where its level is above a threshold, which is relative to the level of the whole clip. That level
/// stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Compression {
    /// Probability that it is applied.
    pub probability: f64,
    /// Lowest threshold, dB over the clip's root mean square.
    pub min_threshold_db: f32,
    /// Highest threshold, dB over the clip's root mean square.
    pub max_threshold_db: f32,
    /// Lowest ratio of a level's distance to the threshold before and after.
    pub min_ratio: f32,
    /// Highest ratio.
    pub max_ratio: f32,
    /// Shortest attack, milliseconds.
    pub min_attack_ms: f32,
    /// Longest attack, milliseconds.
    pub max_attack_ms: f32,
    /// Shortest release, milliseconds.
    pub min_release_ms: f32,
    /// Longest release, milliseconds.
    pub max_release_ms: f32,
}

impl Default for Compression {
    fn default() -> Self {
        Self {
            probability: 0.4,
            min_threshold_db: -15.0,
            max_threshold_db: 3.0,
            min_ratio: 1.5,
            max_ratio: 8.0,
            min_attack_ms: 1.0,
            max_attack_ms: 30.0,
            min_release_ms: 50.0,
            max_release_ms: 500.0,
        }
    }
}

impl Compression {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`AudioError::InvalidSetting`] naming the first field that does not make sense and what would.
    pub fn validate(&self) -> Result<(), AudioError> {
        require_probability(self.probability, SECTION)?;
        let thresholds = [
            ("min_threshold_db", self.min_threshold_db, "-60 to 60 dB"),
            ("max_threshold_db", self.max_threshold_db, "min_threshold_db to 60 dB"),
        ];
        require_range(SECTION, thresholds, -60.0..=60.0)?;
        let ratios = [("min_ratio", self.min_ratio, "1 to 100"), ("max_ratio", self.max_ratio, "min_ratio to 100")];
        require_range(SECTION, ratios, 1.0..=100.0)?;
        let attacks = [
            ("min_attack_ms", self.min_attack_ms, "0.1 to 10000 ms"),
            ("max_attack_ms", self.max_attack_ms, "min_attack_ms to 10000 ms"),
        ];
        require_range(SECTION, attacks, 0.1..=10_000.0)?;
        let releases = [
            ("min_release_ms", self.min_release_ms, "0.1 to 10000 ms"),
            ("max_release_ms", self.max_release_ms, "min_release_ms to 10000 ms"),
        ];
        require_range(SECTION, releases, 0.1..=10_000.0)
    }

    /// The compressor of one clip; `None` when it stays as it is.
    pub fn draw(&self, rng: &mut impl Rng) -> Option<CompressionParams> {
        happens(self.probability, rng).then(|| CompressionParams {
            threshold_db: uniform(self.min_threshold_db, self.max_threshold_db, rng),
            ratio: log_uniform(self.min_ratio, self.max_ratio, rng),
            attack_ms: log_uniform(self.min_attack_ms, self.max_attack_ms, rng),
            release_ms: log_uniform(self.min_release_ms, self.max_release_ms, rng),
        })
    }
}

/// The compressor of one clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompressionParams {
    /// From where on levels are lowered, dB over the clip's root mean square.
    pub threshold_db: f32,
    /// A level that is so many dB over the threshold comes out one dB over it; 1 changes nothing.
    pub ratio: f32,
    /// Time after which 63 % of a reduction are there, milliseconds.
    pub attack_ms: f32,
    /// Time after which 63 % of a reduction are gone, milliseconds.
    pub release_ms: f32,
}

impl CompressionParams {
    /// Compresses the clip and restores its level. The level is measured once per millisecond, and the gain goes in a
    /// straight line from one measurement to the next.
    pub fn apply(&self, samples: &mut [f32], sample_rate: u32) {
        let level = rms(samples);
        let slope = 1.0 - 1.0 / f64::from(self.ratio.max(1.0));
        if level == 0.0 || slope == 0.0 {
            return;
        }
        let threshold_db = 20.0 * level.log10() + f64::from(self.threshold_db);
        let block = (sample_rate / LEVELS_PER_S).max(1) as usize;
        let steps_per_ms = f64::from(sample_rate.max(1)) / block as f64 / 1000.0;
        // The share that is left of a distance after one block.
        let left = |time_ms: f32| (-1.0 / (f64::from(time_ms.max(1e-3)) * steps_per_ms)).exp();
        let (attack, release) = (left(self.attack_ms), left(self.release_ms));

        let (mut gain_db, mut gain) = (0.0, 1f32);
        for block in samples.chunks_mut(block) {
            let over_db = (20.0 * rms(block).log10() - threshold_db).max(0.0);
            let wanted_db = -slope * over_db;
            let left = if wanted_db < gain_db { attack } else { release };
            gain_db = wanted_db + left * (gain_db - wanted_db);
            let next = 10f64.powf(gain_db / 20.0) as f32;
            let step = (next - gain) / block.len() as f32;
            for sample in block {
                gain += step;
                *sample *= gain;
            }
            gain = next;
        }
        bring_to(samples, level);
    }
}
