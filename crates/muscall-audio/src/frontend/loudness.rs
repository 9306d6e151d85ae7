//! One loudness for all clips: a quieter copy of a clip has the same spectrogram.

use ebur128::{EbuR128, Mode};
use serde::{Deserialize, Serialize};

/// What is quieter is taken for silence and left alone, dBFS.
const SILENCE_DBFS: f64 = -70.0;
/// Largest gain and largest attenuation, dB.
const MOST_DB: f64 = 40.0;
/// The root mean square that loudness is measured at, dBFS: the gates of EBU R128, one of which is absolute, then close
/// at the same moments of a clip and of its quieter copy.
const MEASURED_AT_DBFS: f64 = -20.0;
/// Length of EBU R128's blocks, seconds; it knows no loudness of less.
const BLOCK_S: f64 = 0.4;

/// By which measure a clip is brought to the loudness [`loudness_db`](super::LogMelConfig::loudness_db) before its
/// spectrogram is made. The gain is at most 40 dB either way, and a clip below −70 dBFS is left alone.
#[derive(Serialize, Deserialize, PartialEq, Eq, Clone, Copy, Debug, Default)]
#[serde(rename_all = "snake_case")]
pub enum Loudness {
    /// None: clips keep the loudness that they have, as in the paper.
    #[default]
    None,
    /// Root mean square of all samples, dBFS.
    Rms,
    /// Integrated loudness after EBU R128, LUFS: highs count more and lows less, and pauses do not count.
    Ebur128,
}

impl Loudness {
    /// What samples are multiplied by to come to a loudness, dBFS or LUFS. 1 for [`None`](Self::None) and for silence.
    pub(super) fn gain(self, samples: &[f32], sample_rate: u32, wanted_db: f32) -> f32 {
        if self == Self::None {
            return 1.0;
        }
        let energy: f64 = samples.iter().map(|&sample| f64::from(sample).powi(2)).sum();
        let Some(rms_dbfs) = audible_dbfs(energy / samples.len().max(1) as f64) else {
            return 1.0;
        };
        let found_db = match self {
            Self::None | Self::Rms => rms_dbfs,
            Self::Ebur128 => integrated_lufs(samples, sample_rate, rms_dbfs).unwrap_or(rms_dbfs),
        };
        gain_from(found_db, wanted_db)
    }
}

/// What a stretch of this mean energy is multiplied by to come to a root mean square; 1 for silence.
pub(super) fn gain_of_energy(energy: f64, wanted_dbfs: f32) -> f32 {
    audible_dbfs(energy).map_or(1.0, |found_dbfs| gain_from(found_dbfs, wanted_dbfs))
}

/// The root mean square of a mean energy, unless it is silence.
fn audible_dbfs(energy: f64) -> Option<f64> {
    let rms_dbfs = 10.0 * energy.log10();
    (rms_dbfs >= SILENCE_DBFS).then_some(rms_dbfs)
}

fn gain_from(found_db: f64, wanted_db: f32) -> f32 {
    let gain_db = (f64::from(wanted_db) - found_db).clamp(-MOST_DB, MOST_DB);
    10f64.powf(gain_db / 20.0) as f32
}

/// Integrated loudness, LUFS, of samples whose level is known; `None` where nothing passes the gates, as in a clip
/// without anything above the lowest bass. A clip shorter than a block counts as one, with silence behind it.
fn integrated_lufs(samples: &[f32], sample_rate: u32, rms_dbfs: f64) -> Option<f64> {
    let shift_db = MEASURED_AT_DBFS - rms_dbfs;
    let factor = 10f64.powf(shift_db / 20.0) as f32;
    let mut shifted: Vec<f32> = samples.iter().map(|sample| sample * factor).collect();
    let shortest = (BLOCK_S * f64::from(sample_rate)).ceil() as usize + 1;
    shifted.resize(shifted.len().max(shortest), 0.0);
    let mut meter = EbuR128::new(1, sample_rate, Mode::I).ok()?;
    meter.add_frames_f32(&shifted).ok()?;
    let lufs = meter.loudness_global().ok()?;
    lufs.is_finite().then_some(lufs - shift_db)
}
