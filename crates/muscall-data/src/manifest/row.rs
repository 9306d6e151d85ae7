//! A row of a manifest.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use muscall_audio::{AudioSource, Member, Part, Place};

use crate::shards::ReadAhead;

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
    /// The tar file, on a disk or in a bucket.
    pub archive: Place,
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

    /// How many bytes the audio has as it is stored. Nothing is opened or asked for.
    ///
    /// # Errors
    /// If it is no regular file, or not there.
    pub fn size(&self) -> io::Result<u64> {
        if let Some(Stored { archive: Place::Remote(_), bytes, .. }) = &self.stored {
            return Ok(*bytes);
        }
        let metadata = fs::metadata(self.file())?;
        match &self.stored {
            _ if !metadata.is_file() => Err(ErrorKind::InvalidInput.into()),
            Some(stored) => Ok(stored.bytes),
            None => Ok(metadata.len()),
        }
    }

    /// The bytes of the audio as it is stored.
    ///
    /// # Errors
    /// If it is no regular file, or cannot be opened.
    pub fn bytes(&self) -> io::Result<Box<dyn Read + Send>> {
        // Opening a pipe could wait for ever.
        let bytes = self.size()?;
        let at = match &self.stored {
            None => 0,
            Some(Stored { archive: Place::Remote(file), at, .. }) => {
                return Ok(Box::new(ReadAhead::new(file.clone(), *at..at.saturating_add(bytes))));
            }
            Some(stored) => stored.at,
        };
        let mut file = File::open(self.file())?;
        file.seek(SeekFrom::Start(at))?;
        Ok(Box::new(file.take(bytes)))
    }

    /// The first bytes of the audio as it is stored, at most so many.
    pub(super) fn first_bytes(&self, most: u64) -> io::Result<Vec<u8>> {
        if let Some(Stored { archive: Place::Remote(file), at, bytes }) = &self.stored {
            return file.read(*at..at.saturating_add(most.min(*bytes)));
        }
        let mut first = Vec::new();
        self.bytes()?.take(most).read_to_end(&mut first)?;
        Ok(first)
    }

    /// The file that it is read from: the audio file, or the shard by its path or address.
    pub fn file(&self) -> &Path {
        self.stored.as_ref().map_or(&self.audio, |stored| stored.archive.path())
    }

    /// Where that file lies.
    pub(crate) fn place(&self) -> Place {
        self.stored.as_ref().map_or_else(|| self.audio.as_path().into(), |stored| stored.archive.clone())
    }

    /// Whether it is read from a bucket.
    pub(crate) fn is_remote(&self) -> bool {
        self.stored.as_ref().is_some_and(|stored| matches!(stored.archive, Place::Remote(_)))
    }

    /// The name of the audio file without its folders; of a member of a shard, with that of the shard in front, as in
    /// `music-000.tar/clips/0017.mp3`.
    pub fn name(&self) -> String {
        let folder = self.file().parent().unwrap_or(Path::new(""));
        self.audio.strip_prefix(folder).unwrap_or(&self.audio).display().to_string()
    }
}
