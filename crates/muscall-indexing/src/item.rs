//! What is to be indexed.

use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use muscall_audio::AudioFolder;

use crate::{IndexingError, Origin, Unreadable};

/// An audio file, and by what its changes are noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its name in the index.
    pub path: String,
    /// Where its bytes are.
    pub origin: Origin,
    /// How many.
    pub bytes: u64,
    /// When they were changed, since 1970.
    pub modified_ns: u64,
    /// What else is known, such as `genre=jazz`; if it is empty, what the file itself says of title, artist,
    /// album, composer, genre, mood and year.
    pub tags: Vec<String>,
}

impl Item {
    /// A file on a disk; its name in the index is its absolute path.
    ///
    /// # Errors
    /// Why it cannot be indexed.
    pub fn file(path: &Path) -> Result<Self, Unreadable> {
        let refused = |reason: String| Unreadable { path: path.display().to_string(), reason };
        let file = std::path::absolute(path).map_err(|error| refused(error.to_string()))?;
        let name = file.to_str().ok_or_else(|| refused("its name is not UTF-8; rename it".into()))?.to_owned();
        let metadata = fs::metadata(&file).map_err(|error| refused(error.to_string()))?;
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified_ns = modified.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        Ok(Self { path: name, origin: Origin::File(file), bytes: metadata.len(), modified_ns, tags: Vec::new() })
    }

    /// All audio files of a folder, at any depth, in the order of their paths; and what of it could not be looked
    /// at, which is not gone for that: see [`Scope::but`](crate::Scope::but).
    ///
    /// # Errors
    /// [`IndexingError::Folder`] if that is the folder itself.
    pub fn folder(folder: &Path) -> Result<(Vec<Self>, Vec<Unreadable>), IndexingError> {
        // As the names in an index are, so that what is below an unreadable path is known by its name.
        let error = |source| IndexingError::Folder { path: folder.to_owned(), source };
        let folder = std::path::absolute(folder).map_err(error)?;
        let found = AudioFolder::read(&folder);
        let (mut items, mut unreadable) = (Vec::new(), Vec::new());
        for (path, source) in found.unreadable {
            if path == folder {
                return Err(error(source));
            }
            let reason = format!("{source}; what the index has of it is kept: check its permissions and its disk");
            unreadable.push(Unreadable { path: path.display().to_string(), reason });
        }
        for path in found.files {
            match Self::file(&path) {
                Ok(item) => items.push(item),
                Err(refused) => unreadable.push(refused),
            }
        }
        items.sort_by(|a, b| a.path.cmp(&b.path));
        Ok((items, unreadable))
    }
}
