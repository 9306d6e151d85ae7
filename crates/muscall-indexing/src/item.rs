//! What is to be indexed.

use std::fs;
use std::path::{Path, PathBuf};

use muscall_audio::{AudioFolder, FileState, Part};

use crate::place::{real_file, real_path};
use crate::{IndexingError, Origin, Unreadable};

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
    /// album, composer, genre, mood and year.
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

    /// All audio files of a folder, at any depth, in the order of their paths; and music in formats that are not read, and
    /// what could not be looked at, which is not gone for that: see [`Scope::but`](crate::Scope::but). Names start with the
    /// folder's path without links, `.` and `..`; links below it keep their names.
    ///
    /// # Errors
    /// [`IndexingError::Folder`] if that is the folder itself.
    pub fn folder(folder: &Path) -> Result<(Vec<Self>, Vec<Unreadable>), IndexingError> {
        let error = |source| IndexingError::Folder { path: folder.to_owned(), source };
        fs::metadata(folder).map_err(error)?;
        let folder = real_path(folder).map_err(error)?;
        let found = AudioFolder::read(&folder);
        let (mut items, mut unreadable) = (Vec::new(), Vec::new());
        for (path, source) in found.unreadable {
            if path == folder {
                return Err(error(source));
            }
            let reason = format!("{source}; its entry in the index is kept: check its permissions and its disk");
            unreadable.push(Unreadable::new(path.display().to_string(), reason));
        }
        for (path, format) in found.foreign {
            let state = FileState::stamps(&path).ok();
            let reason = format!("{format} is not supported; convert the file to FLAC, Opus or mp3");
            unreadable.push(Unreadable { path: path.display().to_string(), reason, state });
        }
        for path in found.files {
            match Self::named(path) {
                Ok(item) => items.push(item),
                Err(refused) => unreadable.push(refused),
            }
        }
        items.sort_by(|a, b| a.path.cmp(&b.path));
        Ok((items, unreadable))
    }

    /// A file whose path is its name.
    fn named(file: PathBuf) -> Result<Self, Unreadable> {
        let refused = |reason: String| Unreadable::new(file.display().to_string(), reason);
        let path = file.to_str().ok_or_else(|| refused("its name is not UTF-8; rename it".into()))?.to_owned();
        let state = FileState::stamps(&file).map_err(|error| refused(error.to_string()))?;
        Ok(Self { path, origin: Origin::File(file), part: None, state, tags: Vec::new() })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_set_of_names_however_it_is_spelled() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        fs::create_dir_all(root.join("music/more")).unwrap();
        fs::write(root.join("music/a.wav"), "1").unwrap();
        fs::write(root.join("music/more/b.wav"), "22").unwrap();
        let names = |folder: &str| {
            let (items, unreadable) = Item::folder(&root.join(folder)).unwrap();
            assert!(unreadable.is_empty());
            items.into_iter().map(|item| item.path).collect::<Vec<_>>()
        };
        let expected = ["music/a.wav", "music/more/b.wav"].map(|name| root.join(name).to_str().unwrap().to_owned());
        assert_eq!(names("music"), expected);
        assert_eq!(names("music/more/.."), expected);
        fs::write(root.join("music/old.wma"), "333").unwrap();
        let (_, unreadable) = Item::folder(&root.join("music")).unwrap();
        assert!(unreadable.len() == 1 && unreadable[0].reason.starts_with("Windows Media Audio is not supported"));
        fs::remove_file(root.join("music/old.wma")).unwrap();
        let single = Item::file(&root.join("music/more/../a.wav")).unwrap();
        assert_eq!((single.path, single.state.bytes), (expected[0].clone(), 1));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("music", root.join("link")).unwrap();
            assert_eq!(names("link"), expected);
            assert_eq!(Item::file(&root.join("link/a.wav")).unwrap().path, expected[0]);
        }
        let refused = Item::file(&root.join("music/more/../none.wav")).unwrap_err();
        assert_eq!(refused.path, root.join("music/none.wav").to_str().unwrap());
        assert!(matches!(Item::folder(&root.join("none")), Err(IndexingError::Folder { .. })));
    }
}
