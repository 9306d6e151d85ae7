//! What comes of a file.

use std::path::Path;

use crate::{AudioError, Repair, Waveform};

/// What a file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioInfo {
    /// `mp3`, `flac`, `vorbis`, `aac`, `pcm_s16le` and so on.
    pub codec: String,
    /// In Hz.
    pub sample_rate: u32,
    /// Before they are mixed to one.
    pub channels: u16,
    /// Length in the header, if it has one that can be relied on.
    pub declared_frames: Option<u64>,
}

/// A waveform and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// Mono, at the file's rate; for a span, as much of it as there is.
    pub waveform: Waveform,
    /// Of the file.
    pub info: AudioInfo,
    /// What was mended, empty for a sound file.
    pub repairs: Vec<Repair>,
}

/// Widest range of rates that a file may have, in Hz.
const SAMPLE_RATES: std::ops::RangeInclusive<u32> = 1000..=768_000;
/// Most channels of a file.
const MAX_CHANNELS: usize = 64;

pub(super) fn check_format(path: &Path, sample_rate: u32, channels: usize) -> Result<(), AudioError> {
    let path = || path.to_owned();
    if !SAMPLE_RATES.contains(&sample_rate) {
        let (min, max) = (*SAMPLE_RATES.start(), *SAMPLE_RATES.end());
        return Err(AudioError::FileSampleRate { path: path(), found: sample_rate, min, max });
    }
    if !(1..=MAX_CHANNELS).contains(&channels) {
        return Err(AudioError::Channels { path: path(), found: channels, max: MAX_CHANNELS });
    }
    Ok(())
}
