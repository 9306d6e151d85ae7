//! Audio files to waveforms.

mod aac;
mod bytes;
mod codec_name;
mod decoded;
mod flac;
mod foreign;
mod gains;
mod heard;
mod id3;
mod length;
mod letters;
mod mended;
mod mpeg;
mod named;
mod npy;
mod ogg;
mod opened;
mod options;
mod opus;
mod own;
mod packets;
#[cfg(test)]
mod panicking;
mod samples;
mod scrub;
mod sink;
mod source;
mod stream;
mod tags;
mod timeline;

use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;

pub use decoded::{AudioInfo, Decoded};
pub use gains::{Gains, file_gains};
pub(crate) use mpeg::frame as mpeg_frame;
pub(crate) use named::named_music;
pub use options::{DecodeOptions, Span};
pub use tags::file_tags;

use self::foreign::Readers;
pub(crate) use self::opened::{Opened, open};
use self::opened::{is_npy, spooled};
use self::scrub::Scrubber;
use crate::{AudioError, AudioSource, Repair, Waveform};

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

/// The same for what a reader gives, such as an upload, a member of an archive or bytes in memory (`&bytes[..]`). Errors
/// and repairs call it by `name`, whose extension is a hint for formats that say nothing about themselves.
///
/// Decoders go back and forth in a file, so that it is written to a temporary file without a name first, which goes with
/// the call.
///
/// ```
/// use std::path::Path;
/// use muscall_audio::{DecodeOptions, decode_reader};
///
/// # fn main() -> Result<(), muscall_audio::AudioError> {
/// let bytes = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/sound.ogg"));
/// let sound = decode_reader(Path::new("sound.ogg"), &bytes[..], &DecodeOptions::default())?;
/// assert!(sound.waveform.duration_s() > 0.5 && sound.repairs.is_empty());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`decode`]; [`AudioError::Io`] with the name if the reader fails or the temporary directory is full.
pub fn decode_reader(name: &Path, reader: impl Read, options: &DecodeOptions) -> Result<Decoded, AudioError> {
    decode_opened(spooled(name, reader)?, options, Readers::SYMPHONIA)
}

fn decode_with(path: &Path, options: &DecodeOptions, readers: Readers) -> Result<Decoded, AudioError> {
    decode_opened(open(path)?, options, readers)
}

fn decode_opened(file: Opened<'_>, options: &DecodeOptions, readers: Readers) -> Result<Decoded, AudioError> {
    let path = file.path;
    let Decoded { waveform, info, mut repairs } = if is_npy(&file)? {
        npy::decode(path, file.file, options)?
    } else {
        stream::decode(file, options, readers, None)?.0
    };
    if waveform.is_empty() && options.span.is_none() {
        return Err(AudioError::NoAudio { path: path.to_owned(), codec: info.codec });
    }
    let (sample_rate, mut samples) = (waveform.sample_rate(), waveform.into_samples());
    let mut scrubber = Scrubber::default();
    scrubber.scrub(&mut samples);
    repairs.extend(scrubber.finish(path)?);
    check_strict(path, options, &repairs)?;
    Ok(Decoded { waveform: Waveform::new(samples, sample_rate), info, repairs })
}

fn check_strict(path: &Path, options: &DecodeOptions, repairs: &[Repair]) -> Result<(), AudioError> {
    if options.strict && !repairs.is_empty() {
        return Err(AudioError::Strict { path: path.to_owned(), repairs: repairs.to_vec() });
    }
    Ok(())
}

/// Longer than any recording: what has no end, or says so, has one here.
const LONGEST_S: f64 = 7.0 * 24.0 * 3600.0;

/// A file that was decoded block by block.
#[derive(Debug, Clone, PartialEq)]
pub struct Streamed {
    /// Of the file.
    pub info: AudioInfo,
    /// How many there were.
    pub frames: u64,
    /// What was mended, empty for a sound file.
    pub repairs: Vec<Repair>,
}

/// Decodes a whole file and gives its frames to `take` in blocks, mono and at the file's rate: those that [`decode`]
/// gives as one, in memory that does not grow with the file, which may be a week long. Only arrays of NumPy are read as
/// a whole.
///
/// It ends where `take` breaks; then the result is that of the frames up to there. A file may turn out to be unusable
/// when some of its frames have been given away.
///
/// # Errors
/// As [`decode`].
pub fn decode_blocks(
    path: &Path,
    options: &DecodeOptions,
    take: &mut dyn FnMut(&[f32]) -> ControlFlow<()>,
) -> Result<Streamed, AudioError> {
    let file = open(path)?;
    if is_npy(&file)? {
        let Decoded { waveform, info, repairs } = decode(path, options)?;
        let _ = take(waveform.samples());
        return Ok(Streamed { info, frames: waveform.len() as u64, repairs });
    }
    let options = &DecodeOptions { max_s: LONGEST_S, ..options.clone() };
    let mut scrubber = Scrubber::default();
    let mut scrubbed = |frames: &mut [f32]| {
        scrubber.scrub(frames);
        take(frames)
    };
    let (Decoded { info, mut repairs, .. }, frames) =
        stream::decode(file, options, Readers::SYMPHONIA, Some(&mut scrubbed))?;
    if frames == 0 && options.span.is_none() {
        return Err(AudioError::NoAudio { path: path.to_owned(), codec: info.codec });
    }
    repairs.extend(scrubber.finish(path)?);
    check_strict(path, options, &repairs)?;
    Ok(Streamed { info, frames, repairs })
}

/// Reads the header alone.
///
/// # Errors
/// As [`decode`], as far as the header shows.
pub fn probe(path: &Path, options: &DecodeOptions) -> Result<AudioInfo, AudioError> {
    probe_with(path, options, Readers::SYMPHONIA)
}

fn probe_with(path: &Path, options: &DecodeOptions, readers: Readers) -> Result<AudioInfo, AudioError> {
    probe_opened(open(path)?, options, readers)
}

fn probe_opened(file: Opened<'_>, options: &DecodeOptions, readers: Readers) -> Result<AudioInfo, AudioError> {
    if is_npy(&file)? { npy::probe(file.path, file.file, options) } else { stream::probe(file, readers) }
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
    count_opened(&open(path)?, options, readers)
}

fn count_opened(file: &Opened<'_>, options: &DecodeOptions, readers: Readers) -> Result<u64, AudioError> {
    match probe_opened(file.clone(), options, readers)?.declared_frames {
        Some(frames) => Ok(frames),
        None => stream::count(file.clone(), readers),
    }
}

/// What a data set asks of a file, whatever the part that is meant.
impl AudioSource<'_> {
    /// As [`decode`], of a file or a member of an archive.
    ///
    /// # Errors
    /// As [`decode`].
    pub fn decode(&self, options: &DecodeOptions) -> Result<Decoded, AudioError> {
        open(*self)?.decode(options)
    }

    /// The rate in Hz, and the number of frames as [`count_frames`] has it.
    ///
    /// # Errors
    /// As [`probe`].
    pub fn rate_and_frames(&self, options: &DecodeOptions) -> Result<(u32, u64), AudioError> {
        open(*self)?.rate_and_frames(options)
    }
}

/// What is done with a file that is open.
impl Opened<'_> {
    /// As [`decode`].
    pub(crate) fn decode(&self, options: &DecodeOptions) -> Result<Decoded, AudioError> {
        decode_opened(self.clone(), options, Readers::SYMPHONIA)
    }

    /// Rate and length, in frames of the file: as [`probe`], and where that tells no length as [`count_frames`].
    pub(crate) fn rate_and_frames(&self, options: &DecodeOptions) -> Result<(u32, u64), AudioError> {
        let info = probe_opened(self.clone(), options, Readers::SYMPHONIA)?;
        let frames = match info.declared_frames {
            Some(frames) => frames,
            None => stream::count(self.clone(), Readers::SYMPHONIA)?,
        };
        Ok((info.sample_rate, frames))
    }
}
