//! What can go wrong between a file and a spectrogram.

use std::path::PathBuf;

use muscall_files::FileError;

use crate::Repair;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AudioError {
    /// A file cannot be opened or read.
    #[error(transparent)]
    Io(#[from] FileError),
    /// A path is a directory, a pipe or a device.
    #[error("{path}: this is a {found}, not a file; give an audio file")]
    NotAFile {
        /// The path that was given.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// A file has no bytes.
    #[error("{path}: the file is empty; copy it again")]
    EmptyFile {
        /// The audio file.
        path: PathBuf,
    },
    /// A member of an archive ends behind the end of the archive.
    #[error(
        "{path}: {archive} has {length} bytes, and this member was {bytes} bytes at {at}; the archive was changed or cut since its list was read: copy it again, and start anew"
    )]
    BeyondArchive {
        /// The member.
        path: PathBuf,
        /// The archive.
        archive: PathBuf,
        /// Where it begins.
        at: u64,
        /// How long it is.
        bytes: u64,
        /// How long the archive is.
        length: u64,
    },
    /// An archive is another one than that whose members are known.
    #[error(
        "{path}: {archive} was replaced since its list was read, so that nobody knows where this member lies; start anew"
    )]
    ArchiveReplaced {
        /// The member.
        path: PathBuf,
        /// The archive.
        archive: PathBuf,
    },
    /// A file is of no format that is known here.
    #[error(
        "{path}: the audio format is not supported ({reason}); convert the file to mp3, FLAC, Ogg Vorbis, Opus, WAV, AIFF, m4a/AAC, WebM or .npy"
    )]
    UnknownFormat {
        /// The audio file.
        path: PathBuf,
        /// What the last reader said.
        reason: String,
    },
    /// A part of a file is missing without which nothing of it can be read.
    #[error(
        "{path}: the download is incomplete, or the recording was not finished: {lacks} is missing{}; copy or download the file again",
        missing.map_or(String::new(), |bytes| format!(", and at least {bytes} bytes before it"))
    )]
    Incomplete {
        /// The audio file.
        path: PathBuf,
        /// What is missing.
        lacks: &'static str,
        /// Bytes that are known to be missing, too.
        missing: Option<u64>,
    },
    /// The codec, or this use of it, cannot be decoded.
    #[error("{path}: {what} cannot be decoded; convert the file to 24-bit FLAC or WAV")]
    UnsupportedCodec {
        /// The audio file.
        path: PathBuf,
        /// The codec and what is special about it.
        what: String,
    },
    /// A library that reads such files panicked on this one; see [`guarded`](crate::guarded).
    #[error(
        "{path}: the reader panicked while {doing} ({reason}); the file is damaged or unusual: copy it again, or export it again from another program"
    )]
    ReaderPanicked {
        /// The audio file.
        path: PathBuf,
        /// What it was at, such as "decoding".
        doing: &'static str,
        /// What the panic said, and where it happened.
        reason: String,
    },
    /// The header names a sample rate that no audio has.
    #[error(
        "{path}: the header gives a sample rate of {found} Hz; rates from {min} to {max} Hz are supported: the header is damaged, or needs to be corrected"
    )]
    FileSampleRate {
        /// The audio file.
        path: PathBuf,
        /// In the header.
        found: u32,
        /// Lowest that is read.
        min: u32,
        /// Highest that is read.
        max: u32,
    },
    /// The header names no channels, or more than any recording has.
    #[error("{path}: the file has {found} channels; 1 to {max} are supported: mix it down first")]
    Channels {
        /// The audio file.
        path: PathBuf,
        /// In the header.
        found: usize,
        /// Most that are read.
        max: usize,
    },
    /// Nothing could be decoded.
    #[error(
        "{path}: no audio could be decoded ({codec}); the file is only a header, or damaged throughout: copy it again"
    )]
    NoAudio {
        /// The audio file.
        path: PathBuf,
        /// Of the file.
        codec: String,
    },
    /// The samples are far outside ±1.
    #[error(
        "{path}: {share:.0} % of its samples are beyond ±{limit}, up to {peak:.3e}; if they are integers stored as floating point, divide them by 32768 (16 bit) or 8388608 (24 bit); else the file is damaged"
    )]
    OutOfScale {
        /// The audio file.
        path: PathBuf,
        /// Percent of samples.
        share: f64,
        /// What is taken for a sample.
        limit: f32,
        /// Largest absolute sample.
        peak: f32,
    },
    /// Most samples are NaN or infinite.
    #[error(
        "{path}: {share:.0} % of its samples are not numbers; the program that wrote the file failed: export it again"
    )]
    NotNumbers {
        /// The audio file.
        path: PathBuf,
        /// Percent of samples.
        share: f64,
    },
    /// A part of a file that the file does not have.
    #[error("{path}: there is no part from {start_s} to {}: the file is {length_s} s long; {remedy}", end_s.map_or("its end".to_owned(), |end_s| format!("{end_s} s")))]
    PartBeyondFile {
        /// The audio file.
        path: PathBuf,
        /// Where the part starts.
        start_s: f64,
        /// Where it ends, if not with the file.
        end_s: Option<f64>,
        /// Of the file.
        length_s: f64,
        /// What to do, as far as the numbers tell.
        remedy: &'static str,
    },
    /// A whole file would not fit the memory that is allowed for it.
    #[error("{path}: the audio is longer than {max_s} s; decode a part of it, or raise the limit")]
    TooLong {
        /// The audio file.
        path: PathBuf,
        /// Allowed.
        max_s: f64,
    },
    /// A file had to be repaired, and strict decoding was asked for.
    #[error("{path}: {}; allow repairs to read it", repairs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Strict {
        /// The audio file.
        path: PathBuf,
        /// What was wrong.
        repairs: Vec<Repair>,
    },
    /// An array file is not one of samples.
    #[error("{path}: {what}; expected float32, float64 or int16 of shape [n] or [2, n]: save it with numpy.save")]
    Npy {
        /// The audio file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A sample rate that cannot be resampled.
    #[error("a sample rate of {sample_rate} Hz is not supported; rates from 1 to {max} Hz are")]
    UnsupportedSampleRate {
        /// The rate.
        sample_rate: u32,
        /// The highest one taken.
        max: u32,
    },
    /// A folder of impulse responses holds none.
    #[error("{path}: no audio files in this folder of impulse responses; give a folder that has some, as WAV or FLAC")]
    NoImpulseResponses {
        /// The folder.
        path: PathBuf,
    },
    /// An impulse response is silent.
    #[error("{path}: this impulse response is silent; remove the file from the folder")]
    SilentResponse {
        /// The audio file.
        path: PathBuf,
    },
    /// A setting of a configuration does not make sense.
    #[error("{section}: `{field}` is {found}; expected {expected}")]
    InvalidSetting {
        /// Which configuration.
        section: &'static str,
        /// Which of its fields.
        field: &'static str,
        /// The value that was given.
        found: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// A clip without samples.
    #[error("the clip has no samples; a spectrogram needs at least one")]
    EmptyClip,
    /// NaN or an infinity among the samples.
    #[error("sample {index} is {value}; samples must be finite, as decoding makes them")]
    NonFiniteSample {
        /// Position in the clip.
        index: usize,
        /// The sample.
        value: f32,
    },
    /// Samples so large that their power is beyond float32.
    #[error("the clip's peak is {peak:e}, so its power exceeds the range of float32; scale the samples to about ±1")]
    ClipTooLoud {
        /// Largest absolute sample.
        peak: f32,
    },
}
