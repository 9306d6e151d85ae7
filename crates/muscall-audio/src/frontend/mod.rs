//! Waveform to log-mel spectrogram, the input of the audio encoders.

mod decibel;
mod mel;
mod stft;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::AudioError;
use crate::setting::require;
use mel::MelBank;
use stft::{BLOCK, Stft};

const SECTION: &str = "log-mel";
/// Part of every fingerprint; to be raised when the same configuration starts to give other values.
const ALGORITHM_VERSION: u32 = 1;

/// What a log-mel spectrogram is made with.
///
/// # Source
/// Section 3.1 of the paper; the default upper frequency is 8000 Hz, the Nyquist frequency, where the released
/// implementation has 11025 Hz (see [`LogMelConfig::released`]).
#[derive(Serialize, Deserialize, PartialEq, Clone, Debug)]
#[serde(deny_unknown_fields, default)]
pub struct LogMelConfig {
    /// Rate of the waveforms, Hz.
    pub sample_rate: u32,
    /// Length of the window and of the transform; even.
    pub n_fft: usize,
    /// Samples between the centres of two frames; at most `n_fft`.
    pub hop: usize,
    /// Number of mel bands.
    pub n_mels: usize,
    /// Lower end of the lowest band, Hz.
    pub f_min: f32,
    /// Upper end of the highest band, Hz. Bands above the Nyquist frequency stay empty.
    pub f_max: f32,
    /// The floor lies this far under the clip's own maximum, dB.
    pub top_db: f32,
    /// How powers become loudness.
    pub scale: PowerScale,
}

/// How the power of a mel band becomes loudness.
#[derive(Serialize, Deserialize, PartialEq, Eq, Clone, Copy, Debug, Default)]
#[serde(rename_all = "snake_case")]
pub enum PowerScale {
    /// `10·log10(max(x, 1e-10))`, with a floor under the clip's own maximum.
    #[default]
    Decibel,
    /// `ln(x + 2.2e-16)`, without a floor: the baseline of DCASE 2022, task 6b.
    NaturalLog,
}

impl Default for LogMelConfig {
    fn default() -> Self {
        Self {
            sample_rate: 16_000,
            n_fft: 1024,
            hop: 512,
            n_mels: 128,
            f_min: 0.0,
            f_max: 8000.0,
            top_db: 100.0,
            scale: PowerScale::Decibel,
        }
    }
}

impl LogMelConfig {
    /// The defaults with another number of bands.
    pub fn new(n_mels: usize) -> Self {
        Self { n_mels, ..Self::default() }
    }

    /// The frontend of the released implementation: `f_max` of 11025 Hz at 16 kHz, so that 12 of the 128 bands are
    /// empty for ever.
    pub fn released() -> Self {
        Self::default().with_f_max(11_025.0)
    }

    /// The frontend of the DCASE 2022 baseline: 64 bands from 12 to 8000 Hz, windows of 40 ms every 20 ms, natural
    /// logarithm.
    pub fn dcase() -> Self {
        let default = Self { n_fft: 640, hop: 320, f_min: 12.0, ..Self::new(64) };
        Self { scale: PowerScale::NaturalLog, ..default }
    }

    /// Sets [`sample_rate`](Self::sample_rate).
    pub fn with_sample_rate(mut self, sample_rate: u32) -> Self {
        self.sample_rate = sample_rate;
        self
    }

    /// Sets [`n_fft`](Self::n_fft).
    pub fn with_n_fft(mut self, n_fft: usize) -> Self {
        self.n_fft = n_fft;
        self
    }

    /// Sets [`hop`](Self::hop).
    pub fn with_hop(mut self, hop: usize) -> Self {
        self.hop = hop;
        self
    }

    /// Sets [`f_min`](Self::f_min).
    pub fn with_f_min(mut self, f_min: f32) -> Self {
        self.f_min = f_min;
        self
    }

    /// Sets [`f_max`](Self::f_max).
    pub fn with_f_max(mut self, f_max: f32) -> Self {
        self.f_max = f_max;
        self
    }

    /// Sets [`top_db`](Self::top_db).
    pub fn with_top_db(mut self, top_db: f32) -> Self {
        self.top_db = top_db;
        self
    }

    /// Checks that a frontend can be built.
    ///
    /// # Errors
    /// [`AudioError::InvalidSetting`] naming the first field that does not make sense and what would.
    pub fn validate(&self) -> Result<(), AudioError> {
        let nyquist = self.sample_rate as f32 / 2.0;
        require((2..=768_000).contains(&self.sample_rate), SECTION, "sample_rate", self.sample_rate, "2 to 768000 Hz")?;
        require(
            (2..=1 << 20).contains(&self.n_fft) && self.n_fft.is_multiple_of(2),
            SECTION,
            "n_fft",
            self.n_fft as f64,
            "an even number from 2 to 1048576",
        )?;
        require((1..=self.n_fft).contains(&self.hop), SECTION, "hop", self.hop as f64, "1 to n_fft")?;
        require((1..=4096).contains(&self.n_mels), SECTION, "n_mels", self.n_mels as f64, "1 to 4096")?;
        require(
            (0.0..nyquist).contains(&self.f_min),
            SECTION,
            "f_min",
            self.f_min,
            "at least 0 and below sample_rate / 2",
        )?;
        require(
            self.f_max.is_finite() && self.f_max > self.f_min,
            SECTION,
            "f_max",
            self.f_max,
            "a finite number above f_min",
        )?;
        require(self.top_db.is_finite() && self.top_db > 0.0, SECTION, "top_db", self.top_db, "a finite number above 0")
    }

    /// Plans the transform and builds window and filters.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn init(&self) -> Result<LogMelExtractor, AudioError> {
        self.validate()?;
        Ok(LogMelExtractor {
            config: self.clone(),
            stft: Stft::new(self.n_fft, self.hop),
            bank: MelBank::new(self.sample_rate, self.n_fft / 2 + 1, self.n_mels, self.f_min, self.f_max),
        })
    }

    /// Sixteen hexadecimal digits that are equal exactly for frontends that give the same values. Stored beside weights
    /// and cached embeddings, so that those of another frontend are refused.
    pub fn fingerprint(&self) -> String {
        // Every field by name: one that is added cannot be forgotten here.
        let Self { sample_rate, n_fft, hop, n_mels, f_min, f_max, top_db, scale } = self;
        let scale = match scale {
            PowerScale::Decibel => "",
            PowerScale::NaturalLog => " natural-log",
        };
        let text = format!(
            "log-mel v{ALGORITHM_VERSION} sample_rate={sample_rate} n_fft={n_fft} hop={hop} n_mels={n_mels} \
             f_min={f_min} f_max={f_max} top_db={top_db}{scale}"
        );
        format!("{:016x}", xxh3_64(text.as_bytes()))
    }

    /// Frames of a clip: `1 + samples / hop`, where a clip shorter than [`shortest`](Self::shortest) counts as that
    /// long. 0 for an empty clip, which [`LogMelExtractor::extract`] refuses.
    pub fn frames(&self, samples: usize) -> usize {
        if samples == 0 {
            return 0;
        }
        1 + samples.max(self.shortest()) / self.hop
    }

    /// The fewest samples whose ends can be mirrored, `n_fft / 2 + 1`. Shorter clips are padded to it with zeros.
    pub fn shortest(&self) -> usize {
        self.n_fft / 2 + 1
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

    /// The log-mel spectrogram of one clip at the configured rate.
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
        let shortest = self.config.shortest();
        if samples.len() < shortest {
            return self.extract_checked(&crate::crop_or_pad(samples, 0, shortest));
        }
        self.extract_checked(samples)
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
                decibel::power_to_db(&mut values, self.config.top_db);
            }
            PowerScale::NaturalLog => decibel::power_to_natural_log(&mut values),
        }
        Ok(LogMel { n_mels: self.config.n_mels, frames, values })
    }

    /// The filter bank as the released implementation stores it (`mel_scale.fb`).
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
