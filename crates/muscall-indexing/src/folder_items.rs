//! What there is to index in a folder.

use std::fs;
use std::path::{Path, PathBuf};

use muscall_audio::{AudioFolder, FileState};

use crate::albums::split_albums;
use crate::place::real_path;
use crate::{IndexingError, Item, Unreadable};

/// The music of a folder at any depth, and what else is there.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct FolderItems {
    /// Audio files, in the order of their paths. Names start with the folder's path without links, `.` and `..`; links
    /// below it keep their names. An album that is one file is its tracks, by its cue sheet.
    pub items: Vec<Item>,
    /// Music in formats that are not read, and what could not be looked at, which is not gone for that: see
    /// [`Scope::but`](crate::Scope::but).
    pub unreadable: Vec<Unreadable>,
    /// Other names of items, by links or hard links.
    pub links: usize,
    /// Files that are no music.
    pub others: usize,
    /// Files that patterns of the user leave out.
    pub ignored: usize,
    /// Folders that were passed over: trash, what systems keep, and those that the user wants to be.
    pub passed_over: Vec<PathBuf>,
}

impl Item {
    /// All music of a folder.
    ///
    /// # Errors
    /// [`IndexingError::Folder`] if the folder itself cannot be looked into.
    pub fn folder(folder: &Path) -> Result<FolderItems, IndexingError> {
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
        items = split_albums(items, &found.cue_sheets, &mut unreadable);
        items.sort_by(|a, b| a.path.cmp(&b.path));
        let (links, others, ignored, passed_over) = (found.links.len(), found.others, found.ignored, found.passed_over);
        Ok(FolderItems { items, unreadable, links, others, ignored, passed_over })
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
            let found = Item::folder(&root.join(folder)).unwrap();
            assert!(found.unreadable.is_empty());
            found.items.into_iter().map(|item| item.path).collect::<Vec<_>>()
        };
        let expected = ["music/a.wav", "music/more/b.wav"].map(|name| root.join(name).to_str().unwrap().to_owned());
        assert_eq!(names("music"), expected);
        assert_eq!(names("music/more/.."), expected);
        fs::write(root.join("music/old.wma"), "333").unwrap();
        fs::write(root.join("music/cover.jpg"), "4444").unwrap();
        let FolderItems { unreadable, others, links, .. } = Item::folder(&root.join("music")).unwrap();
        assert!(unreadable.len() == 1 && unreadable[0].reason.starts_with("Windows Media Audio is not supported"));
        assert_eq!((others, links), (1, 0));
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
