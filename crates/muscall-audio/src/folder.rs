//! The audio files of a folder.

use std::io;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// Extensions of files that are read, in lower case.
const EXTENSIONS: [&str; 16] = [
    "mp3", "flac", "ogg", "oga", "opus", "webm", "mka", "wav", "wave", "aif", "aiff", "m4a", "m4b", "mp4", "aac", "npy",
];

/// What is below a folder.
#[derive(Debug, Default)]
pub struct AudioFolder {
    /// Files whose extension is that of an audio format, in the order of their paths.
    pub files: Vec<PathBuf>,
    /// What could not be looked at, and why: the folder itself, folders in it, links to what is not there. Nobody
    /// knows what is below.
    pub unreadable: Vec<(PathBuf, io::Error)>,
}

impl AudioFolder {
    /// Walks through a folder, at any depth. Links are followed; where they make a loop the walk ends, since it has
    /// been there.
    pub fn read(folder: &Path) -> Self {
        let mut found = Self::default();
        let mut last_folder = folder.to_owned();
        for entry in WalkDir::new(folder).follow_links(true).sort_by_file_name() {
            match entry {
                Ok(entry) if entry.file_type().is_dir() => last_folder = entry.into_path(),
                Ok(entry) if entry.file_type().is_file() && has_audio_extension(entry.path()) => {
                    found.files.push(entry.into_path());
                }
                Ok(_) => {}
                Err(error) if error.loop_ancestor().is_some() => {}
                Err(error) => {
                    // Without a path it is the list of a folder that breaks off; the walk makes it on entering.
                    let path = error.path().unwrap_or(&last_folder).to_owned();
                    let reason = error.into_io_error().unwrap_or_else(|| io::ErrorKind::Other.into());
                    found.unreadable.push((path, reason));
                }
            }
        }
        found
    }
}

/// The [files](AudioFolder::files) below a folder, whatever could not be looked at.
pub fn audio_files(folder: &Path) -> Vec<PathBuf> {
    AudioFolder::read(folder).files
}

/// Whether a name ends as audio files do.
pub fn has_audio_extension(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
    extension.is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == **known))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{AudioFolder, audio_files};

    #[test]
    fn finds_audio_at_any_depth_and_in_any_case() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("b/c")).unwrap();
        for name in ["b/c/two.FLAC", "a.mp3", "notes.txt", "none"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink(dir.path(), dir.path().join("b/loop")).unwrap();
        let names: Vec<_> =
            audio_files(dir.path()).iter().map(|path| path.strip_prefix(dir.path()).unwrap().to_owned()).collect();
        assert_eq!(names, ["a.mp3", "b/c/two.FLAC"].map(std::path::PathBuf::from));
        // The loop hides nothing.
        assert!(AudioFolder::read(dir.path()).unreadable.is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn names_what_it_cannot_look_at() {
        use std::io::ErrorKind;
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.mp3"), "").unwrap();
        for (target, link) in [("/no/disk", "disk"), ("/no/b.mp3", "b.mp3")] {
            std::os::unix::fs::symlink(target, dir.path().join(link)).unwrap();
        }
        let found = AudioFolder::read(dir.path());
        assert_eq!(found.files, [dir.path().join("a.mp3")]);
        let unreadable: Vec<_> = found.unreadable.iter().map(|(path, error)| (path.clone(), error.kind())).collect();
        assert_eq!(unreadable, ["b.mp3", "disk"].map(|name| (dir.path().join(name), ErrorKind::NotFound)));
        let missing = AudioFolder::read(&dir.path().join("none")).unreadable;
        assert_eq!(missing[0].0, dir.path().join("none"));
    }
}
