//! Audio files to log-mel spectrograms for models of music.
//!
//! [`decode()`] reads a file or a span of it, [`load_clip`] gives a stretch at a model's rate and
//! length, [`AugmentConfig`] draws augmentations, [`LogMelConfig`] makes spectrograms.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod augment;
mod cache;
mod clip;
mod crop;
mod cue_sheet;
mod decode;
mod error;
mod file_state;
mod folder;
mod frontend;
mod guard;
mod open_kind;
mod part;
mod place;
mod recording;
mod repair;
mod resample;
mod setting;
mod stretch;
mod waveform;

pub use augment::*;
pub use cache::AudioCache;
pub use clip::{Clip, ClipConfig, CropPosition, load_clip, load_whole, stream_whole};
pub use crop::*;
pub use cue_sheet::{CueFile, CueSheet, CueTrack};
pub use decode::{
    AudioInfo, DecodeOptions, Decoded, Gains, Span, Streamed, count_frames, decode, decode_blocks, decode_reader,
    file_gains, file_tags, probe,
};
pub use error::AudioError;
pub use file_state::{FileComparison, FileState};
pub use folder::{AudioFolder, audio_files, has_audio_extension};
pub use frontend::*;
pub use guard::guarded;
pub use open_kind::OpenKind;
pub use part::{AudioSource, Member, NoPart, Part};
pub use place::{Place, RemoteFile};
pub use recording::{Likeness, Recording};
pub use repair::Repair;
pub use resample::*;
pub use waveform::Waveform;
