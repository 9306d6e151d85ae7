//! Audio files to waveforms.

mod decoded;
mod flac;
mod foreign;
mod heard;
mod length;
mod npy;
mod opened;
mod options;
mod packets;
#[cfg(test)]
mod panicking;
mod scrub;
mod sink;
mod source;
mod stream;
mod tags;
mod timeline;

use std::path::Path;

pub use decoded::{AudioInfo, Decoded};
pub use options::{DecodeOptions, Span};
pub use tags::file_tags;

use self::foreign::Readers;
use self::opened::{is_npy, open};
use crate::AudioError;

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
