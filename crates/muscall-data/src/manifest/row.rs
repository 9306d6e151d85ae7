//! A row of a manifest.

use std::path::PathBuf;
use std::time::Duration;

use muscall_audio::{AudioSource, Part};

/// A track and its captions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Unique in its manifest; the audio path as written, if the manifest has no ids. Where an id or a path stands for
    /// several parts of a file, the part is behind it, as in `mix.wav#t=0,10`.
    pub id: String,
    /// The audio file.
    pub audio: PathBuf,
    /// The part of the file that the captions describe; all of it, if there is none.
    pub part: Option<Part>,
    /// How long the manifest says the file is.
    pub length: Option<Duration>,
    /// At least one; trimmed, not empty.
    pub captions: Vec<String>,
    /// A class such as a genre, for reports; training does not look at it.
    pub label: Option<String>,
    /// The collection that it is from, `source` in manifests; a recipe may say how much of each an epoch has.
    pub origin: Option<String>,
}

impl Row {
    /// A whole file.
    pub fn new(id: impl Into<String>, audio: impl Into<PathBuf>, captions: Vec<String>) -> Self {
        let (id, audio) = (id.into(), audio.into());
        Self { id, audio, part: None, length: None, captions, label: None, origin: None }
    }

    /// What is heard of the file.
    pub fn source(&self) -> AudioSource<'_> {
        AudioSource { path: &self.audio, part: self.part }
    }
}
