//! Waveform to log-mel spectrogram, the input of the audio encoders.

mod config;
mod decibel;
mod energy;
mod htk;
mod loudness;
mod mel;
mod mel_scale;
mod slaney;
mod stft;
mod stream;
mod top_db;

pub use config::{LogMelConfig, PowerScale};
pub use loudness::Loudness;
pub use mel_scale::MelScale;
pub use stream::LogMelStream;

use std::borrow::Cow;

use crate::AudioError;
use mel::{BankShape, MelBank};
use stft::{BLOCK, Stft};

impl LogMelConfig {
    /// Plans the transform and builds window and filters.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn init(&self) -> Result<LogMelExtractor, AudioError> {
        self.validate()?;
        let shape = BankShape {
            sample_rate: self.sample_rate,
            bins: self.n_fft / 2 + 1,
            n_mels: self.n_mels,
            f_min: self.f_min,
            f_max: self.f_max,
            area_norm: self.area_norm,
        };
        let bank = match self.mel_scale {
            MelScale::Htk => MelBank::new(shape.bins, htk::triangles(shape)),
            MelScale::Slaney => MelBank::new(shape.bins, slaney::triangles(shape)),
        };
        Ok(LogMelExtractor { config: self.clone(), stft: Stft::new(self.n_fft, self.hop, self.window_norm), bank })
    }
}

impl LogMelConfig {
    /// What the samples of a stretch at [`sample_rate`](Self::sample_rate) are multiplied by to come to
    /// [`loudness_db`](Self::loudness_db); 1 without a [`loudness`](Self::loudness), and for silence.
    pub fn gain(&self, samples: &[f32]) -> f32 {
        self.loudness.gain(samples, self.sample_rate, self.loudness_db)
    }
}

/// Turns waveforms into log-mel spectrograms. Can be shared between threads; the same samples give the same bits on
/// all of them.
#[derive(Clone)]
pub struct LogMelExtractor {
    config: LogMelConfig,
    stft: Stft,
    bank: MelBank,
}

impl std::fmt::Debug for LogMelExtractor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogMelExtractor").field("config", &self.config).finish_non_exhaustive()
    }
}

impl LogMelExtractor {
    /// What it was built from.
    pub fn config(&self) -> &LogMelConfig {
        &self.config
    }

    /// The log-mel spectrogram of one clip at the configured rate, and at the configured loudness if there is one.
    ///
    /// # Shapes
    /// - samples: `[n]`; returns `[n_mels, config.frames(n)]`, dB.
    ///
    /// # Errors
    /// [`AudioError::EmptyClip`] without samples, [`AudioError::NonFiniteSample`] for NaN and infinities,
    /// [`AudioError::ClipTooLoud`] when the power of a finite sample leaves the range of float32.
    pub fn extract(&self, samples: &[f32]) -> Result<LogMel, AudioError> {
        if samples.is_empty() {
            return Err(AudioError::EmptyClip);
        }
        if let Some(index) = first_non_finite(samples) {
            return Err(AudioError::NonFiniteSample { index, value: samples[index] });
        }
        let samples = match self.config.gain(samples) {
            1.0 => Cow::Borrowed(samples),
            gain => samples.iter().map(|sample| sample * gain).collect(),
        };
        let shortest = self.config.shortest();
        if samples.len() < shortest {
            return self.extract_checked(&crate::crop_or_pad(&samples, 0, shortest));
        }
        self.extract_checked(&samples)
    }

    /// `samples` are finite and at least `shortest` of them.
    fn extract_checked(&self, samples: &[f32]) -> Result<LogMel, AudioError> {
        let frames = self.config.frames(samples.len());
        let mut values = vec![0.0; self.config.n_mels * frames];
        let mut scratch = self.stft.scratch();
        for first in (0..frames).step_by(BLOCK) {
            let count = BLOCK.min(frames - first);
            self.stft.block_powers(samples, first, count, &mut scratch);
            self.bank.apply(&scratch.powers, &mut values, frames, first, count);
        }
        if first_non_finite(&values).is_some() {
            let peak = samples.iter().fold(0f32, |peak, s| peak.max(s.abs()));
            return Err(AudioError::ClipTooLoud { peak });
        }
        match self.config.scale {
            PowerScale::Decibel => {
                let top_db = self.config.top_db.unwrap_or(f32::INFINITY);
                decibel::power_to_db(&mut values, self.config.amin, top_db);
            }
            PowerScale::NaturalLog => decibel::power_to_natural_log(&mut values),
        }
        Ok(LogMel { n_mels: self.config.n_mels, frames, values })
    }

    /// The filter bank as the released implementation (`mel_scale.fb`) and LAION-CLAP (`melW`) store it.
    ///
    /// # Shapes
    /// - returns `[n_fft / 2 + 1, n_mels]`, row-major.
    pub fn mel_bank(&self) -> Vec<f32> {
        self.bank.dense()
    }

    /// The periodic Hann window, `[n_fft]`.
    pub fn window(&self) -> &[f32] {
        self.stft.window()
    }
}

/// A log-mel spectrogram, dB (or whatever the [`PowerScale`] gives).
#[derive(Debug, Clone, PartialEq)]
pub struct LogMel {
    n_mels: usize,
    frames: usize,
    values: Vec<f32>,
}

impl LogMel {
    /// Number of mel bands.
    pub fn n_mels(&self) -> usize {
        self.n_mels
    }

    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// `[n_mels, frames]`, row-major.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// `[n_mels, frames]`, row-major, without a copy.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }
}

/// Index of the first NaN or infinity.
fn first_non_finite(x: &[f32]) -> Option<usize> {
    // A finite number times zero is zero, anything else is NaN and stays so in the sum: a check that vectorises, a
    // block at a time to stop early.
    const BLOCK: usize = 4096;
    let spoilt = x.chunks(BLOCK).position(|block| {
        let mut sums = [0f32; 8];
        let mut chunks = block.chunks_exact(8);
        for chunk in &mut chunks {
            for (sum, value) in sums.iter_mut().zip(chunk) {
                *sum += value * 0.0;
            }
        }
        let rest: f32 = chunks.remainder().iter().map(|value| value * 0.0).sum();
        (sums.iter().sum::<f32>() + rest).is_nan()
    })?;
    let start = spoilt * BLOCK;
    x[start..].iter().position(|value| !value.is_finite()).map(|i| start + i)
}
