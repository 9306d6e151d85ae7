//! What is to be indexed.

use std::path::{Path, PathBuf};

use muscall_audio::{FileState, Part};

use crate::place::real_file;
use crate::{Origin, Unreadable};

/// An audio file or a part of one, and by what its changes are noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its name in the index.
    pub path: String,
    /// Where its bytes are.
    pub origin: Origin,
    /// The part of the file that is meant, or all of it.
    pub part: Option<Part>,
    /// Size, times and inode. Of an object in a bucket, the hash of its ETag takes the place of the probe.
    pub state: FileState,
    /// What else is known, such as `genre=jazz`; if it is empty, what the file itself says of title, artist,
    /// album, composer, genre, mood, year and track number.
    pub tags: Vec<String>,
}

impl Item {
    /// A file on a disk; its name in the index is its absolute path, in which links to folders, `.` and `..` are
    /// resolved: however it is spelled, it is the same track.
    ///
    /// # Errors
    /// Why it cannot be indexed.
    pub fn file(path: &Path) -> Result<Self, Unreadable> {
        let error = |error: std::io::Error| Unreadable::new(path.display().to_string(), error.to_string());
        Self::named(real_file(path).map_err(error)?)
    }

    /// A part of the file, which has a name of its own in the index, such as `/music/mix.wav#t=10,20`. Its segments and
    /// its end are times of the file.
    #[must_use]
    pub fn with_part(mut self, part: Part) -> Self {
        self.path += &part.to_string();
        self.part = Some(part);
        self
    }

    /// A file whose path is its name.
    pub(crate) fn named(file: PathBuf) -> Result<Self, Unreadable> {
        let refused = |reason: String| Unreadable::new(file.display().to_string(), reason);
        let path = file.to_str().ok_or_else(|| refused("its name is not UTF-8; rename it".into()))?.to_owned();
        let state = FileState::stamps(&file).map_err(|error| refused(error.to_string()))?;
        Ok(Self { path, origin: Origin::File(file), part: None, state, tags: Vec::new() })
    }
}
