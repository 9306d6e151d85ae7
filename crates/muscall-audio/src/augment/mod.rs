//! Random changes of a waveform that leave its description true.
//!
//! Each augmentation is a configuration that can be written in a recipe. `draw` decides whether it is applied and with
//! what; the parameters that come out are plain data, and applying them is a pure function.

mod filter;
mod gain;
mod noise;
mod open;
mod pitch_shift;
mod polarity;
mod stretch;

use std::cell::RefCell;
use std::sync::Arc;

use rand::{Rng, RngExt};
use rustfft::{Fft, FftDirection, FftPlanner};
use serde::{Deserialize, Serialize};

use crate::AudioError;
use crate::setting::require;

pub use filter::{HighPass, HighPassParams, LowPass, LowPassParams};
pub use gain::{Gain, GainParams};
pub use noise::{ColouredNoise, ColouredNoiseParams};
pub use open::{Augmentation, OtherAugmentation, OtherParams};
pub use pitch_shift::{PitchShift, PitchShiftParams};
pub use polarity::{Polarity, PolarityParams};

/// Which augmentations there are, applied in the order of the fields. Each has its own probability for each clip.
///
/// # Source
/// Section 4.2 of the paper; the behaviour of each follows torch-audiomentations, which the released implementation
/// uses.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentConfig {
    /// Coloured noise.
    pub noise: Option<ColouredNoise>,
    /// Pitch shift.
    pub pitch_shift: Option<PitchShift>,
    /// Inversion of the polarity.
    pub polarity: Option<Polarity>,
    /// Gain.
    pub gain: Option<Gain>,
    /// Low-pass filter.
    pub low_pass: Option<LowPass>,
    /// High-pass filter.
    pub high_pass: Option<HighPass>,
    /// Any others, one after the other: see [`Augmentation`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other: Vec<OtherAugmentation>,
}

impl AugmentConfig {
    /// No augmentation; what evaluation uses.
    pub fn none() -> Self {
        Self::default()
    }

    /// The augmentations of the paper's main model: noise with probability 0.3, pitch shift with 0.4.
    pub fn muscall() -> Self {
        Self { noise: Some(ColouredNoise::default()), pitch_shift: Some(PitchShift::default()), ..Self::default() }
    }

    /// The augmentations of the self-supervised branch: those of [`muscall`](Self::muscall), polarity with probability
    /// 0.8 and gain with 0.2.
    pub fn ssl() -> Self {
        Self { polarity: Some(Polarity::default()), gain: Some(Gain::default()), ..Self::muscall() }
    }

    /// Checks every augmentation that is set.
    ///
    /// # Errors
    /// [`AudioError::InvalidSetting`] naming the first field that does not make sense and what would.
    pub fn validate(&self) -> Result<(), AudioError> {
        self.noise.iter().try_for_each(ColouredNoise::validate)?;
        self.pitch_shift.iter().try_for_each(PitchShift::validate)?;
        self.polarity.iter().try_for_each(Polarity::validate)?;
        self.gain.iter().try_for_each(Gain::validate)?;
        self.low_pass.iter().try_for_each(LowPass::validate)?;
        self.high_pass.iter().try_for_each(HighPass::validate)?;
        self.other.iter().try_for_each(|other| other.validate())
    }

    /// Draws what is done to one clip.
    pub fn draw(&self, rng: &mut impl Rng) -> AugmentParams {
        AugmentParams {
            noise: self.noise.as_ref().and_then(|a| a.draw(rng)),
            pitch_shift: self.pitch_shift.as_ref().and_then(|a| a.draw(rng)),
            polarity: self.polarity.as_ref().and_then(|a| a.draw(rng)),
            gain: self.gain.as_ref().and_then(|a| a.draw(rng)),
            low_pass: self.low_pass.as_ref().and_then(|a| a.draw(rng)),
            high_pass: self.high_pass.as_ref().and_then(|a| a.draw(rng)),
            other: self.other.iter().map(|a| a.draw(rng)).collect(),
        }
    }
}

/// What is done to one clip, as drawn by [`AugmentConfig::draw`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentParams {
    /// Coloured noise.
    pub noise: Option<ColouredNoiseParams>,
    /// Pitch shift.
    pub pitch_shift: Option<PitchShiftParams>,
    /// Inversion of the polarity.
    pub polarity: Option<PolarityParams>,
    /// Gain.
    pub gain: Option<GainParams>,
    /// Low-pass filter.
    pub low_pass: Option<LowPassParams>,
    /// High-pass filter.
    pub high_pass: Option<HighPassParams>,
    /// Those of the program that uses this library.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other: Vec<OtherParams>,
}

impl AugmentParams {
    /// Changes the clip. The length stays; nothing is clipped.
    pub fn apply(&self, samples: &mut Vec<f32>, sample_rate: u32) {
        if let Some(noise) = &self.noise {
            noise.apply(samples, sample_rate);
        }
        if let Some(pitch_shift) = &self.pitch_shift {
            pitch_shift.apply(samples, sample_rate);
        }
        if let Some(polarity) = &self.polarity {
            polarity.apply(samples, sample_rate);
        }
        if let Some(gain) = &self.gain {
            gain.apply(samples, sample_rate);
        }
        if let Some(low_pass) = &self.low_pass {
            low_pass.apply(samples, sample_rate);
        }
        if let Some(high_pass) = &self.high_pass {
            high_pass.apply(samples, sample_rate);
        }
        self.other.iter().for_each(|other| other.apply(samples, sample_rate));
    }
}

/// True with the given probability.
fn happens(probability: f64, rng: &mut impl Rng) -> bool {
    // `random` is below 1 and reaches 0: probability 0 is never, 1 is always.
    rng.random::<f64>() < probability
}

/// Uniform between two numbers.
fn uniform(low: f32, high: f32, rng: &mut impl Rng) -> f32 {
    let place: f64 = rng.random();
    (f64::from(low) + (f64::from(high) - f64::from(low)) * place) as f32
}

fn require_probability(probability: f64, section: &'static str) -> Result<(), AudioError> {
    let valid = (0.0..=1.0).contains(&probability);
    require(valid, section, "probability", probability, "0 to 1")
}

/// A Fourier transform, planned once per thread and length.
fn fourier(length: usize, direction: FftDirection) -> Arc<dyn Fft<f32>> {
    thread_local! {
        static PLANNER: RefCell<FftPlanner<f32>> = RefCell::new(FftPlanner::new());
    }
    PLANNER.with_borrow_mut(|planner| planner.plan_fft(length, direction))
}
