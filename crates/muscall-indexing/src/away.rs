//! Folders in which nothing is any more.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Tells files that were deleted from those whose disk is not mounted: a mount point without its disk is an empty
/// folder, and so is treated every folder that is empty, and what cannot be read.
pub(crate) struct Away<'a> {
    root: &'a Path,
    /// What is known of folders: because of which place the files below are away, if they are.
    known: HashMap<PathBuf, Option<PathBuf>>,
}

impl<'a> Away<'a> {
    /// For files below a folder, which is away itself if it is not there.
    pub(crate) fn new(root: &'a Path) -> Self {
        Self { root, known: HashMap::new() }
    }

    /// The place because of which nobody can tell whether a missing file was deleted.
    pub(crate) fn place(&mut self, file: &Path) -> Option<PathBuf> {
        let mut passed = Vec::new();
        let mut found = None;
        for folder in file.ancestors().skip(1) {
            if let Some(known) = self.known.get(folder) {
                found.clone_from(known);
                break;
            }
            passed.push(folder.to_owned());
            if let Some(away) = is_away(folder, folder == self.root) {
                found = away.then(|| folder.to_owned());
                break;
            }
        }
        self.known.extend(passed.into_iter().map(|folder| (folder, found.clone())));
        found
    }
}

/// The place because of which nobody can tell whether a missing file below a folder was deleted: a mount point without its
/// disk, or what cannot be read.
pub fn away_place(folder: &Path, file: &Path) -> Option<PathBuf> {
    Away::new(folder).place(file)
}

/// Whether a folder is away; `None` if it is not there, so that the one above it decides.
fn is_away(folder: &Path, is_root: bool) -> Option<bool> {
    match fs::read_dir(folder).map(|mut entries| entries.next()) {
        Ok(Some(Ok(_))) => Some(false),
        Ok(None | Some(Err(_))) => Some(true),
        Err(error) if error.kind() == ErrorKind::NotADirectory => Some(false),
        // A link to what is not there may lead to a disk.
        Err(error) if error.kind() == ErrorKind::NotFound && fs::symlink_metadata(folder).is_err() => {
            is_root.then_some(true)
        }
        Err(_) => Some(true),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_folder_is_away_and_one_that_was_deleted_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("music");
        fs::create_dir_all(root.join("mount")).unwrap();
        fs::create_dir_all(root.join("album")).unwrap();
        fs::write(root.join("album/a.mp3"), "").unwrap();
        let mut away = Away::new(&root);
        for _ in 0..2 {
            assert_eq!(away.place(&root.join("mount/x/y/a.mp3")), Some(root.join("mount")));
            assert_eq!(away.place(&root.join("mount/a.mp3")), Some(root.join("mount")));
            assert_eq!(away.place(&root.join("album/b.mp3")), None);
            assert_eq!(away.place(&root.join("album/a.mp3/was a folder/b.mp3")), None);
            assert_eq!(away.place(&root.join("deleted/b.mp3")), None);
        }
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(Away::new(&root).place(&root.join("mount/a.mp3")), Some(root.clone()));
        fs::create_dir(&root).unwrap();
        assert_eq!(Away::new(&root).place(&root.join("mount/a.mp3")), Some(root.clone()));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("/no/disk", root.join("mount")).unwrap();
            assert_eq!(Away::new(&root).place(&root.join("mount/x/a.mp3")), Some(root.join("mount")));
        }
    }
}
