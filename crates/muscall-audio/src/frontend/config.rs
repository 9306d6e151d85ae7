//! What a log-mel spectrogram is made with.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::{loudness::Loudness, mel_scale::MelScale, top_db};
use crate::setting::require;
use crate::{AudioError, Resampling};

const SECTION: &str = "log-mel";
/// Part of every fingerprint; to be raised when the same configuration starts to give other values.
const ALGORITHM_VERSION: u32 = 1;
/// −100 dB.
const AMIN: f32 = 1e-10;
/// Between the loudness of records and that of broadcasts.
const LOUDNESS_DB: f32 = -20.0;
/// Below it the filters of EBU R128 have no room.
const LEAST_EBUR128_HZ: u32 = 8000;

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
    /// Upper end of the highest band, Hz. Bands above the Nyquist frequency stay empty; only the HTK scale without
    /// [`area_norm`](Self::area_norm) may have them.
    pub f_max: f32,
    /// The floor lies this far under the clip's own maximum, dB; `None`, in files `"none"`, for no floor.
    #[serde(with = "top_db")]
    pub top_db: Option<f32>,
    /// How powers become loudness.
    pub scale: PowerScale,
    /// The scale on which bands are evenly spaced.
    #[serde(skip_serializing_if = "is_default")]
    pub mel_scale: MelScale,
    /// Whether each triangle of the bank is scaled to the area of one, by `2 / (f_right − f_left)`; else its height
    /// is one.
    #[serde(skip_serializing_if = "is_default")]
    pub area_norm: bool,
    /// Whether powers are divided by the window's energy, `sum(window²)`.
    #[serde(skip_serializing_if = "is_true")]
    pub window_norm: bool,
    /// Powers below this count as this; [`PowerScale::Decibel`] alone looks at it.
    #[serde(skip_serializing_if = "is_default_amin")]
    pub amin: f32,
    /// How audio of other rates comes to `sample_rate`. What was written before there was a choice has
    /// [`Resampling::Torchaudio`].
    #[serde(skip_serializing_if = "is_default")]
    pub resampling: Resampling,
    /// By which measure clips are brought to one loudness.
    #[serde(skip_serializing_if = "is_default")]
    pub loudness: Loudness,
    /// The loudness that they are brought to: dBFS for [`Loudness::Rms`], LUFS for [`Loudness::Ebur128`].
    #[serde(skip_serializing_if = "is_default_loudness")]
    pub loudness_db: f32,
}

/// How the power of a mel band becomes loudness.
#[derive(Serialize, Deserialize, PartialEq, Eq, Clone, Copy, Debug, Default)]
#[serde(rename_all = "snake_case")]
pub enum PowerScale {
    /// `10·log10(max(x, amin))`, with a floor under the clip's own maximum if there is a `top_db`.
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
            top_db: Some(100.0),
            scale: PowerScale::Decibel,
            mel_scale: MelScale::Htk,
            area_norm: false,
            window_norm: true,
            amin: AMIN,
            resampling: Resampling::Torchaudio,
            loudness: Loudness::None,
            loudness_db: LOUDNESS_DB,
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn is_true(value: &bool) -> bool {
    *value
}

fn is_default_amin(amin: &f32) -> bool {
    *amin == AMIN
}

fn is_default_loudness(loudness_db: &f32) -> bool {
    *loudness_db == LOUDNESS_DB
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

    /// The frontend of LAION-CLAP: 64 bands of equal area on Slaney's scale from 50 to 14,000 Hz, a frame every 10 ms
    /// at 48 kHz, no division by the window's energy and no floor under the maximum. Other rates are resampled as
    /// those who use these models do, with a long kernel.
    ///
    /// # Source
    /// `ClapFeatureExtractor` of transformers for unfused models. Repeating clips shorter than 10 s is not part of it.
    pub fn clap() -> Self {
        Self {
            sample_rate: 48_000,
            hop: 480,
            f_min: 50.0,
            f_max: 14_000.0,
            top_db: None,
            mel_scale: MelScale::Slaney,
            area_norm: true,
            window_norm: false,
            resampling: Resampling::HighQuality,
            ..Self::new(64)
        }
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

    /// Sets [`top_db`](Self::top_db); `None` for no floor.
    pub fn with_top_db(mut self, top_db: impl Into<Option<f32>>) -> Self {
        self.top_db = top_db.into();
        self
    }

    /// Sets [`scale`](Self::scale).
    pub fn with_scale(mut self, scale: PowerScale) -> Self {
        self.scale = scale;
        self
    }

    /// Sets [`mel_scale`](Self::mel_scale).
    pub fn with_mel_scale(mut self, mel_scale: MelScale) -> Self {
        self.mel_scale = mel_scale;
        self
    }

    /// Sets [`area_norm`](Self::area_norm).
    pub fn with_area_norm(mut self, area_norm: bool) -> Self {
        self.area_norm = area_norm;
        self
    }

    /// Sets [`window_norm`](Self::window_norm).
    pub fn with_window_norm(mut self, window_norm: bool) -> Self {
        self.window_norm = window_norm;
        self
    }

    /// Sets [`amin`](Self::amin).
    pub fn with_amin(mut self, amin: f32) -> Self {
        self.amin = amin;
        self
    }

    /// Sets [`resampling`](Self::resampling).
    pub fn with_resampling(mut self, resampling: Resampling) -> Self {
        self.resampling = resampling;
        self
    }

    /// Sets [`loudness`](Self::loudness).
    pub fn with_loudness(mut self, loudness: Loudness) -> Self {
        self.loudness = loudness;
        self
    }

    /// Sets [`loudness_db`](Self::loudness_db).
    pub fn with_loudness_db(mut self, loudness_db: f32) -> Self {
        self.loudness_db = loudness_db;
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
        // The released implementation has an `f_max` above the Nyquist frequency, and weights that were trained with it.
        let released_bank = self.mel_scale == MelScale::Htk && !self.area_norm;
        require(
            released_bank || self.f_max <= nyquist,
            SECTION,
            "f_max",
            self.f_max,
            "at most sample_rate / 2, unless the mel scale is HTK without area_norm",
        )?;
        // Without a floor there is nothing to check.
        let top_db = self.top_db.unwrap_or(1.0);
        require(top_db.is_finite() && top_db > 0.0, SECTION, "top_db", top_db, "a finite number above 0, or \"none\"")?;
        let amin = self.amin.is_normal() && self.amin > 0.0 && self.amin <= 1.0;
        require(amin, SECTION, "amin", self.amin, "1.2e-38 to 1")?;
        let loudness_db = (-70.0..=0.0).contains(&self.loudness_db);
        require(loudness_db, SECTION, "loudness_db", self.loudness_db, "-70 to 0 dB")?;
        require(
            self.loudness != Loudness::Ebur128 || self.sample_rate >= LEAST_EBUR128_HZ,
            SECTION,
            "sample_rate",
            self.sample_rate,
            "at least 8000 Hz where loudness is ebur128",
        )
    }

    /// Sixteen hexadecimal digits that are equal exactly for frontends that give the same values. Stored beside weights
    /// and cached embeddings, so that those of another frontend are refused.
    pub fn fingerprint(&self) -> String {
        // Every field by name: one that is added cannot be forgotten here.
        let Self {
            sample_rate,
            n_fft,
            hop,
            n_mels,
            f_min,
            f_max,
            top_db,
            scale,
            mel_scale,
            area_norm,
            window_norm,
            amin,
            resampling,
            loudness,
            loudness_db,
        } = self;
        let top_db = top_db.map_or_else(|| "none".to_owned(), |top_db| top_db.to_string());
        let mut text = format!(
            "log-mel v{ALGORITHM_VERSION} sample_rate={sample_rate} n_fft={n_fft} hop={hop} n_mels={n_mels} \
             f_min={f_min} f_max={f_max} top_db={top_db}"
        );
        // What came later writes nothing where it has the value that all frontends had before.
        text += match scale {
            PowerScale::Decibel => "",
            PowerScale::NaturalLog => " natural-log",
        };
        text += match mel_scale {
            MelScale::Htk => "",
            MelScale::Slaney => " mel_scale=slaney",
        };
        text += if *area_norm { " area_norm" } else { "" };
        text += if *window_norm { "" } else { " no-window_norm" };
        if *amin != AMIN {
            text += &format!(" amin={amin}");
        }
        text += match resampling {
            Resampling::Torchaudio => "",
            Resampling::HighQuality => " resampling=high_quality",
        };
        match loudness {
            Loudness::None => {}
            Loudness::Rms => text += &format!(" loudness=rms:{loudness_db}"),
            Loudness::Ebur128 => text += &format!(" loudness=ebur128:{loudness_db}"),
        }
        format!("{:016x}", xxh3_64(text.as_bytes()))
    }

    /// Frames of a clip: `1 + samples / hop`, where a clip shorter than [`shortest`](Self::shortest) counts as that
    /// long. 0 for an empty clip, which [`LogMelExtractor::extract`](super::LogMelExtractor::extract) refuses.
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
