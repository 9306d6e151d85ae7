//! A row of a manifest.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use muscall_audio::{AudioSource, Member, Part};

/// A track and its captions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Unique in its manifest; the audio path as written, if the manifest has no ids. Where an id or a path stands for
    /// several parts of a file, the part is behind it, as in `mix.wav#t=0,10`.
    pub id: String,
    /// The audio file. A member of a shard is called by both, as in `music-000.tar/0017.mp3`.
    pub audio: PathBuf,
    /// Where it lies, if it is a member of a shard.
    pub stored: Option<Stored>,
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

/// Where a member of a tar file lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The tar file.
    pub archive: Arc<Path>,
    /// The first byte of the member.
    pub at: u64,
    /// How many it has.
    pub bytes: u64,
}

impl Row {
    /// A whole file.
    pub fn new(id: impl Into<String>, audio: impl Into<PathBuf>, captions: Vec<String>) -> Self {
        let (id, audio) = (id.into(), audio.into());
        Self { id, audio, stored: None, part: None, length: None, captions, label: None, origin: None }
    }

    /// What is heard of the file.
    pub fn source(&self) -> AudioSource<'_> {
        let stored = self.stored.as_ref();
        let member = stored.map(|Stored { archive, at, bytes }| Member { archive, at: *at, bytes: *bytes });
        AudioSource { path: &self.audio, member, part: self.part }
    }

    /// The bytes of the audio as it is stored, and how many there are.
    ///
    /// # Errors
    /// If it is no regular file, or cannot be opened.
    pub fn bytes(&self) -> io::Result<(impl Read + use<>, u64)> {
        let metadata = self.file().metadata()?;
        // Opening a pipe could wait for ever.
        if !metadata.is_file() {
            return Err(ErrorKind::InvalidInput.into());
        }
        let mut file = File::open(self.file())?;
        let bytes = match &self.stored {
            None => metadata.len(),
            Some(stored) => {
                file.seek(SeekFrom::Start(stored.at))?;
                stored.bytes
            }
        };
        Ok((file.take(bytes), bytes))
    }

    /// The file on the disk that it is read from: the audio file, or the shard.
    pub fn file(&self) -> &Path {
        self.stored.as_ref().map_or(&self.audio, |stored| &stored.archive)
    }
}
