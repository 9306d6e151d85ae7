//! Random changes of a waveform that leave its description true.
//!
//! Each augmentation is a configuration that can be written in a recipe. `draw` decides whether it is applied and with
//! what; the parameters that come out are plain data, and applying them is a pure function.

mod band_limit;
mod biquad;
mod codec;
mod compression;
mod convolution;
mod draw;
mod equaliser;
mod filter;
mod fir;
mod gain;
mod level;
mod noise;
mod open;
mod pitch_shift;
mod polarity;
mod reverb;
mod soft_clip;
mod stretch;

use std::cell::RefCell;
use std::sync::Arc;

use rand::Rng;
use rustfft::{Fft, FftDirection, FftPlanner};
use serde::{Deserialize, Serialize};

use crate::AudioError;

pub use band_limit::{BandLimit, BandLimitParams};
pub use codec::{CodecLoss, CodecLossParams};
pub use compression::{Compression, CompressionParams};
pub use equaliser::{BandShape, Equaliser, EqualiserBand, EqualiserParams};
pub use filter::{HighPass, HighPassParams, LowPass, LowPassParams};
pub use gain::{Gain, GainParams};
pub use noise::{ColouredNoise, ColouredNoiseParams};
pub use open::{Augmentation, OtherAugmentation, OtherParams};
pub use pitch_shift::{PitchShift, PitchShiftParams};
pub use polarity::{Polarity, PolarityParams};
pub use reverb::{ImpulseResponses, MadeRoom, Reverb, ReverbParams, Room};
pub use soft_clip::{SoftClip, SoftClipParams};

/// Which augmentations there are, applied in the order of the fields. Each has its own probability for each clip.
///
/// # Source
/// Section 4.2 of the paper; the behaviour of each follows torch-audiomentations, which the released implementation
/// uses.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentConfig {
    /// Reverberation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reverb: Option<Reverb>,
    /// An equaliser.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equaliser: Option<Equaliser>,
    /// Compression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,
    /// Soft clipping.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soft_clip: Option<SoftClip>,
    /// A limited band.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub band_limit: Option<BandLimit>,
    /// The loss of a small file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec: Option<CodecLoss>,
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

    /// What lies between an instrument and a listener: a room, an equaliser, a compressor, an amplifier that is driven
    /// too far, a narrow band, a small file, noise and any loudness. Music that was rendered and music that was
    /// recorded and produced become more alike, so that a model that learns from both cannot tell them by these.
    ///
    /// Each is applied to some clips, and one clip in thirty stays as it is.
    pub fn signal_chain() -> Self {
        Self {
            reverb: Some(Reverb::default()),
            equaliser: Some(Equaliser::default()),
            compression: Some(Compression::default()),
            soft_clip: Some(SoftClip::default()),
            band_limit: Some(BandLimit::default()),
            codec: Some(CodecLoss::default()),
            noise: Some(ColouredNoise {
                probability: 0.2,
                min_snr_db: 15.0,
                max_snr_db: 45.0,
                min_decay: 0.0,
                max_decay: 1.0,
            }),
            gain: Some(Gain { probability: 0.5, min_db: -20.0, max_db: 6.0 }),
            ..Self::default()
        }
    }

    /// Checks every augmentation that is set.
    ///
    /// # Errors
    /// [`AudioError::InvalidSetting`] naming the first field that does not make sense and what would.
    pub fn validate(&self) -> Result<(), AudioError> {
        self.reverb.iter().try_for_each(Reverb::validate)?;
        self.equaliser.iter().try_for_each(Equaliser::validate)?;
        self.compression.iter().try_for_each(Compression::validate)?;
        self.soft_clip.iter().try_for_each(SoftClip::validate)?;
        self.band_limit.iter().try_for_each(BandLimit::validate)?;
        self.codec.iter().try_for_each(CodecLoss::validate)?;
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
            reverb: self.reverb.as_ref().and_then(|a| a.draw(rng)),
            equaliser: self.equaliser.as_ref().and_then(|a| a.draw(rng)),
            compression: self.compression.as_ref().and_then(|a| a.draw(rng)),
            soft_clip: self.soft_clip.as_ref().and_then(|a| a.draw(rng)),
            band_limit: self.band_limit.as_ref().and_then(|a| a.draw(rng)),
            codec: self.codec.as_ref().and_then(|a| a.draw(rng)),
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
    /// Reverberation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reverb: Option<ReverbParams>,
    /// An equaliser.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equaliser: Option<EqualiserParams>,
    /// Compression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression: Option<CompressionParams>,
    /// Soft clipping.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soft_clip: Option<SoftClipParams>,
    /// A limited band.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub band_limit: Option<BandLimitParams>,
    /// The loss of a small file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec: Option<CodecLossParams>,
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
        if let Some(reverb) = &self.reverb {
            reverb.apply(samples, sample_rate);
        }
        if let Some(equaliser) = &self.equaliser {
            equaliser.apply(samples, sample_rate);
        }
        if let Some(compression) = &self.compression {
            compression.apply(samples, sample_rate);
        }
        if let Some(soft_clip) = &self.soft_clip {
            soft_clip.apply(samples, sample_rate);
        }
        if let Some(band_limit) = &self.band_limit {
            band_limit.apply(samples, sample_rate);
        }
        if let Some(codec) = &self.codec {
            codec.apply(samples, sample_rate);
        }
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

/// A Fourier transform, planned once per thread and length.
fn fourier(length: usize, direction: FftDirection) -> Arc<dyn Fft<f32>> {
    thread_local! {
        static PLANNER: RefCell<FftPlanner<f32>> = RefCell::new(FftPlanner::new());
    }
    PLANNER.with_borrow_mut(|planner| planner.plan_fft(length, direction))
}
