//! Files that begin with silence.

use std::path::{Path, PathBuf};

use muscall_audio::{AudioError, ClipConfig, CropPosition, load_clip};

use super::Diagnosis;
use crate::manifest::Row;

/// What is looked at of a file, in seconds.
const LOOK_S: f64 = 5.0;
/// Shorter silence is that between tracks.
const SILENCE_S: f64 = 2.0;
/// Below this a sample is silence: -80 dB.
const SILENCE: f32 = 1e-4;

/// Silence at the start of a row's audio, in seconds.
pub(super) fn silence_s(row: &Row, config: &ClipConfig) -> Result<f64, AudioError> {
    let samples = (LOOK_S * f64::from(config.sample_rate)) as usize;
    let position = CropPosition::At { start_s: 0.0 };
    let start = load_clip(row.source(), position, &ClipConfig { samples, ..*config })?;
    let audio = &start.samples[..start.valid.min(start.samples.len())];
    let silent = audio.iter().take_while(|x| x.abs() < SILENCE).count();
    Ok(silent as f64 / f64::from(config.sample_rate))
}

/// Counts such files.
#[derive(Debug, Default)]
pub(super) struct Silences {
    files: usize,
    silent: usize,
    first: Option<(PathBuf, f64)>,
}

impl Silences {
    /// One that `is_silent` as a whole is told of elsewhere.
    pub(super) fn add(&mut self, audio: &Path, silence_s: f64, is_silent: bool) {
        self.files += 1;
        if silence_s >= SILENCE_S && !is_silent {
            self.silent += 1;
            self.first.get_or_insert_with(|| (audio.to_owned(), silence_s));
        }
    }

    pub(super) fn diagnosis(self) -> Option<Diagnosis> {
        let (example, silence_s) = self.first?;
        Some(Diagnosis::SilentStart { count: self.silent, files: self.files, example, silence_s })
    }
}
