//! Coloured noise: from violet over blue, white, pink and brown to what falls twice as steeply.

use std::f64::consts::TAU;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustfft::FftDirection;
use rustfft::num_complex::Complex32;
use serde::{Deserialize, Serialize};

use super::draw::{happens, require_probability, uniform};
use super::fourier;
use crate::AudioError;
use crate::setting::require;

const SECTION: &str = "noise";
/// Longest stretch of noise that is made before it repeats, samples.
const LONGEST: usize = 768_000;

/// Adds noise whose spectrum falls or rises evenly, at a random signal-to-noise ratio.
///
/// # Source
/// `AddColoredNoise` of torch-audiomentations: one second of white noise, its amplitude spectrum weighted, repeated to
/// the length of the clip. Its decays are of the amplitude, so that what it calls pink, with 1, is brown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ColouredNoise {
    /// Probability that it is applied.
    pub probability: f64,
    /// Lowest signal-to-noise ratio, dB.
    pub min_snr_db: f32,
    /// Highest signal-to-noise ratio, dB.
    pub max_snr_db: f32,
    /// Lowest spectral decay: −1 is violet noise, −0.5 blue.
    pub min_decay: f32,
    /// Highest spectral decay: 0.5 is pink noise, 1 brown.
    pub max_decay: f32,
}

impl Default for ColouredNoise {
    fn default() -> Self {
        Self { probability: 0.3, min_snr_db: 3.0, max_snr_db: 30.0, min_decay: -2.0, max_decay: 2.0 }
    }
}

impl ColouredNoise {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`AudioError::InvalidSetting`] naming the first field that does not make sense and what would.
    pub fn validate(&self) -> Result<(), AudioError> {
        require_probability(self.probability, SECTION)?;
        require((-120.0..=120.0).contains(&self.min_snr_db), SECTION, "min_snr_db", self.min_snr_db, "-120 to 120 dB")?;
        require(
            (self.min_snr_db..=120.0).contains(&self.max_snr_db),
            SECTION,
            "max_snr_db",
            self.max_snr_db,
            "min_snr_db to 120 dB",
        )?;
        require((-4.0..=4.0).contains(&self.min_decay), SECTION, "min_decay", self.min_decay, "-4 to 4")?;
        require(
            (self.min_decay..=4.0).contains(&self.max_decay),
            SECTION,
            "max_decay",
            self.max_decay,
            "min_decay to 4",
        )
    }

    /// The noise of one clip; `None` when it stays as it is.
    pub fn draw(&self, rng: &mut impl Rng) -> Option<ColouredNoiseParams> {
        happens(self.probability, rng).then(|| ColouredNoiseParams {
            snr_db: uniform(self.min_snr_db, self.max_snr_db, rng),
            decay: uniform(self.min_decay, self.max_decay, rng),
            seed: rng.random(),
        })
    }
}

/// The noise of one clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColouredNoiseParams {
    /// Signal-to-noise ratio, dB.
    pub snr_db: f32,
    /// Spectral decay of the amplitude: 0 is white noise, 1 falls by about 6 dB, 2 by about 12 dB per octave, but for the
    /// lowest hundreds of hertz, where it is flatter.
    pub decay: f32,
    /// Seed of the white noise.
    pub seed: u64,
}

impl ColouredNoiseParams {
    /// Adds the noise. Its level follows that of the whole clip, so a silent clip stays silent. Nothing is clipped.
    pub fn apply(&self, samples: &mut [f32], sample_rate: u32) {
        let level = rms(samples) / 10f64.powf(f64::from(self.snr_db) / 20.0);
        if level == 0.0 {
            return;
        }
        let mut noise = white(self.seed, (sample_rate as usize).clamp(2, LONGEST));
        colour(&mut noise, self.decay);
        // The small number is torch-audiomentations' guard against silence.
        let factor = (level / (rms(&noise) + 1e-8)) as f32;
        for (sample, noise) in samples.iter_mut().zip(noise.iter().cycle()) {
            *sample += factor * noise;
        }
    }
}

/// Normally distributed samples, by the method of Box and Muller.
fn white(seed: u64, length: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut noise = Vec::with_capacity(length + 1);
    while noise.len() < length {
        // 1 − random is in (0, 1]: its logarithm exists.
        let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
        let (sin, cos) = (TAU * rng.random::<f64>()).sin_cos();
        noise.extend([(radius * cos) as f32, (radius * sin) as f32]);
    }
    noise.truncate(length);
    noise
}

/// Divides the amplitude of bin k by `f(k)^decay`, where f goes evenly from 1 at 0 Hz to the square root of the Nyquist
/// frequency in Hz. `noise` is one second, at least two samples.
fn colour(noise: &mut [f32], decay: f32) {
    let length = noise.len();
    let highest = length / 2;
    let step = ((length as f64 / 2.0).sqrt() - 1.0) / highest as f64;
    let mut spectrum: Vec<_> = noise.iter().map(|&s| Complex32::new(s, 0.0)).collect();
    fourier(length, FftDirection::Forward).process(&mut spectrum);
    for bin in 0..=highest {
        let weight = (1.0 + step * bin as f64).powf(-f64::from(decay)) / length as f64;
        spectrum[bin] *= weight as f32;
        let mirrored = length - bin;
        if mirrored != bin && mirrored != length {
            spectrum[mirrored] *= weight as f32;
        }
    }
    fourier(length, FftDirection::Inverse).process(&mut spectrum);
    for (sample, value) in noise.iter_mut().zip(&spectrum) {
        *sample = value.re;
    }
}

/// Root mean square; 0 without samples. One sum from the first sample to the last: in another order the last bit may
/// differ, and what was trained with this noise would not be resumed to the bit.
fn rms(x: &[f32]) -> f64 {
    if x.is_empty() {
        return 0.0;
    }
    let energy: f64 = x.iter().map(|&s| f64::from(s) * f64::from(s)).sum();
    (energy / x.len() as f64).sqrt()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use safetensors::SafeTensors;

    #[test]
    fn colour_equals_torch_audiomentations() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/audio/noise.safetensors");
        let bytes = std::fs::read(path).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let golden = |name: &str| -> Vec<f32> {
            let data = tensors.tensor(name).unwrap().data();
            data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
        };
        for decay in ["-2", "-0.5", "0", "1", "2"] {
            let mut noise = golden("white");
            colour(&mut noise, decay.parse().unwrap());
            let level = rms(&noise) as f32;
            for (ours, theirs) in noise.iter().zip(golden(&format!("decay.{decay}"))) {
                assert!((ours / level - theirs).abs() < 1e-5, "decay {decay}");
            }
        }
    }

    #[test]
    fn white_noise_is_normal() {
        let noise = white(1, 100_001);
        let mean = noise.iter().sum::<f32>() / 100_001.0;
        let within = |limit: f32| noise.iter().filter(|s| s.abs() < limit).count() as f64 / 1e5;
        assert!(mean.abs() < 0.02 && (rms(&noise) - 1.0).abs() < 0.02);
        assert!((within(1.0) - 0.683).abs() < 0.01 && (within(2.0) - 0.954).abs() < 0.01);
    }
}
