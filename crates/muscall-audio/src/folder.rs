//! The audio files of a folder.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// Extensions of files that are read, in lower case.
const EXTENSIONS: [&str; 13] =
    ["mp3", "flac", "ogg", "oga", "wav", "wave", "aif", "aiff", "m4a", "m4b", "mp4", "aac", "npy"];

/// All files below a folder whose extension is that of an audio format, in the order of their paths. Links are
/// followed; loops of them, and folders that may not be read, are left out.
pub fn audio_files(folder: &Path) -> Vec<PathBuf> {
    let entries = WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter().flatten();
    entries
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .filter(|path| has_audio_extension(path))
        .collect()
}

/// Whether a name ends as audio files do.
pub fn has_audio_extension(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
    extension.is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == **known))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::audio_files;

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
    }
}
