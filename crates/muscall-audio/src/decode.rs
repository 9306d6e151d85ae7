//! Audio files to waveforms.

mod flac;
mod foreign;
mod length;
mod npy;
mod packets;
#[cfg(test)]
mod panicking;
mod scrub;
mod sink;
mod source;
mod stream;
mod tags;
mod timeline;

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

pub use tags::file_tags;

use self::foreign::Readers;
use crate::{AudioError, Repair, Waveform};

/// A part of a file, in frames of the file's own rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First frame.
    pub start: u64,
    /// Number of frames.
    pub frames: u64,
}

/// What to decode and how careful to be.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodeOptions {
    /// A part, or the whole file.
    pub span: Option<Span>,
    /// Whether a file that has to be repaired is an error.
    pub strict: bool,
    /// The rate of `.npy` files, which do not name theirs.
    pub npy_sample_rate: u32,
    /// Longest audio that is held in memory, in seconds.
    pub max_s: f64,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self { span: None, strict: false, npy_sample_rate: 16_000, max_s: 3.0 * 3600.0 }
    }
}

impl DecodeOptions {
    /// Decodes only a part.
    #[must_use]
    pub fn with_span(mut self, start: u64, frames: u64) -> Self {
        self.span = Some(Span { start, frames });
        self
    }

    /// Refuses files that have to be repaired.
    #[must_use]
    pub fn with_strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Replaces the rate of `.npy` files.
    #[must_use]
    pub fn with_npy_sample_rate(mut self, sample_rate: u32) -> Self {
        self.npy_sample_rate = sample_rate;
        self
    }

    /// Most frames to hold at a rate.
    fn max_frames(&self, sample_rate: u32) -> u64 {
        // Half a billion frames are 2 GiB, whatever the rate.
        ((self.max_s * f64::from(sample_rate)) as u64).min(1 << 29)
    }
}

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

/// Decodes a file, or a part of it, to the mean of its channels.
///
/// A part is found by an accurate seek and is equal to that part of the whole. The content decides
/// what format it is, not the extension. Samples are always finite, and within ±8.
///
/// # Errors
/// [`AudioError`] with the path, what was found and what to do.
pub fn decode(path: &Path, options: &DecodeOptions) -> Result<Decoded, AudioError> {
    decode_with(path, options, Readers::SYMPHONIA)
}

fn decode_with(path: &Path, options: &DecodeOptions, readers: Readers) -> Result<Decoded, AudioError> {
    let file = open(path)?;
    let mut decoded =
        if is_npy(&file)? { npy::decode(path, file.file, options)? } else { stream::decode(file, options, readers)? };
    let is_span = options.span.is_some();
    if decoded.waveform.is_empty() && !is_span {
        let (path, codec) = (path.to_owned(), decoded.info.codec);
        return Err(AudioError::NoAudio { path, codec });
    }
    scrub::scrub(path, &mut decoded)?;
    if options.strict && !decoded.repairs.is_empty() {
        let (path, repairs) = (path.to_owned(), decoded.repairs);
        return Err(AudioError::Strict { path, repairs });
    }
    Ok(decoded)
}

/// Reads the header alone.
///
/// # Errors
/// As [`decode`], as far as the header shows.
pub fn probe(path: &Path, options: &DecodeOptions) -> Result<AudioInfo, AudioError> {
    probe_with(path, options, Readers::SYMPHONIA)
}

fn probe_with(path: &Path, options: &DecodeOptions, readers: Readers) -> Result<AudioInfo, AudioError> {
    let file = open(path)?;
    if is_npy(&file)? { npy::probe(path, file.file, options) } else { stream::probe(file, readers) }
}

/// The number of frames: declared where that can be relied on, else by going through the packets
/// without decoding them.
///
/// # Errors
/// As [`probe`].
pub fn count_frames(path: &Path, options: &DecodeOptions) -> Result<u64, AudioError> {
    count_with(path, options, Readers::SYMPHONIA)
}

fn count_with(path: &Path, options: &DecodeOptions, readers: Readers) -> Result<u64, AudioError> {
    match probe_with(path, options, readers)?.declared_frames {
        Some(frames) => Ok(frames),
        None => stream::count(open(path)?, readers),
    }
}

/// An open file with its length in bytes.
struct Opened<'a> {
    path: &'a Path,
    file: File,
    bytes: u64,
}

/// Opens a regular file; opening a pipe could wait for ever.
fn open(path: &Path) -> Result<Opened<'_>, AudioError> {
    let io = |source| AudioError::Io { path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(io)?;
    let kind = metadata.file_type();
    if !kind.is_file() {
        let found = if kind.is_dir() { "directory" } else { "pipe, socket or device" };
        return Err(AudioError::NotAFile { path: path.to_owned(), found });
    }
    if metadata.len() == 0 {
        return Err(AudioError::EmptyFile { path: path.to_owned() });
    }
    Ok(Opened { path, file: File::open(path).map_err(io)?, bytes: metadata.len() })
}

fn is_npy(opened: &Opened<'_>) -> Result<bool, AudioError> {
    let io = |source| AudioError::Io { path: opened.path.to_owned(), source };
    let mut magic = Vec::with_capacity(npy::MAGIC.len());
    let mut file = opened.file.try_clone().map_err(io)?;
    file.by_ref().take(npy::MAGIC.len() as u64).read_to_end(&mut magic).map_err(io)?;
    // The clone shares its position with the original.
    std::io::Seek::rewind(&mut file).map_err(io)?;
    Ok(magic == npy::MAGIC)
}

/// Widest range of rates that a file may have, in Hz.
const SAMPLE_RATES: std::ops::RangeInclusive<u32> = 1000..=768_000;
/// Most channels of a file.
const MAX_CHANNELS: usize = 64;

fn check_format(path: &Path, sample_rate: u32, channels: usize) -> Result<(), AudioError> {
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
