//! The audio files of a folder.

use std::io;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

/// Extensions of files that are read, in lower case.
const EXTENSIONS: [&str; 20] = [
    "mp3", "mpga", "flac", "fla", "ogg", "oga", "opus", "webm", "mka", "wav", "wave", "aif", "aiff", "aifc", "m4a",
    "m4b", "m4r", "mp4", "aac", "npy",
];
/// Extensions of music in formats that are not read, and their names.
const FOREIGN: [(&str, &str); 24] = [
    ("aa", "Audible"),
    ("aax", "Audible"),
    ("ac3", "Dolby Digital"),
    ("amr", "AMR"),
    ("ape", "Monkey's Audio"),
    ("au", "Sun's audio format"),
    ("caf", "Core Audio"),
    ("dff", "DSD"),
    ("dsf", "DSD"),
    ("dts", "DTS"),
    ("m4p", "protected AAC"),
    ("mp2", "MPEG layer 2"),
    ("mpc", "Musepack"),
    ("ofr", "OptimFROG"),
    ("ra", "RealAudio"),
    ("rm", "RealMedia"),
    ("shn", "Shorten"),
    ("snd", "Sun's audio format"),
    ("spx", "Speex"),
    ("tak", "TAK"),
    ("tta", "True Audio"),
    ("w64", "Wave64"),
    ("wma", "Windows Media Audio"),
    ("wv", "WavPack"),
];
/// Folders of what was deleted, and of what systems keep beside files of others.
const KEPT_BY_SYSTEMS: [&str; 13] = [
    "$RECYCLE.BIN",
    "#recycle",
    "@eaDir",
    "@Recycle",
    ".AppleDouble",
    ".fseventsd",
    ".Spotlight-V100",
    ".stversions",
    ".Trash",
    ".Trashes",
    "__MACOSX",
    "lost+found",
    "System Volume Information",
];
/// A file of this name says that a folder holds no media for players.
const NO_MEDIA: &str = ".nomedia";

/// What is below a folder.
#[derive(Debug, Default)]
pub struct AudioFolder {
    /// Files whose extension is that of an audio format, in the order of their paths.
    pub files: Vec<PathBuf>,
    /// Music in formats that are not read, and what these are called.
    pub foreign: Vec<(PathBuf, &'static str)>,
    /// What could not be looked at, and why: the folder itself, folders in it, links to what is not there. Nobody
    /// knows what is below.
    pub unreadable: Vec<(PathBuf, io::Error)>,
}

impl AudioFolder {
    /// Walks through a folder, at any depth. Links are followed; where they make a loop the walk ends, since it has
    /// been there. Trash, what systems keep beside files of others (`._song.mp3`, `@eaDir`), and folders with a file
    /// `.nomedia` are passed over.
    pub fn read(folder: &Path) -> Self {
        let mut found = Self::default();
        let mut last_folder = folder.to_owned();
        let walk = WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter();
        for entry in walk.filter_entry(|entry| entry.depth() == 0 || is_the_users(entry)) {
            match entry {
                Ok(entry) if entry.file_type().is_dir() => last_folder = entry.into_path(),
                Ok(entry) if entry.file_type().is_file() && has_audio_extension(entry.path()) => {
                    found.files.push(entry.into_path());
                }
                Ok(entry) if entry.file_type().is_file() => {
                    found.foreign.extend(foreign_format(entry.path()).map(|format| (entry.into_path(), format)));
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

/// Whether it is there for the user, and not for a system.
fn is_the_users(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    if !entry.file_type().is_dir() {
        return !name.starts_with("._");
    }
    let is_trash = name.strip_prefix(".Trash-").is_some_and(|user| user.bytes().all(|digit| digit.is_ascii_digit()));
    !is_trash
        && !KEPT_BY_SYSTEMS.iter().any(|known| name.eq_ignore_ascii_case(known))
        && !entry.path().join(NO_MEDIA).exists()
}

/// The name of a format that is not read, by a file's extension.
fn foreign_format(path: &Path) -> Option<&'static str> {
    let extension = path.extension()?.to_ascii_lowercase();
    FOREIGN.iter().find(|(known, _)| extension == **known).map(|(_, format)| *format)
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

    #[test]
    fn what_systems_keep_is_passed_over_and_other_formats_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let all = [
            "a.mp3",
            "._a.mp3",
            ".Trash-1000/files/b.mp3",
            "$RECYCLE.BIN/c.mp3",
            "@eaDir/a.mp3/d.mp3",
            "quiet/.nomedia",
            "quiet/e.mp3",
            ".hidden/f.mp3",
            "old.WMA",
            "old.ape",
            "cover.jpg",
        ];
        for name in all {
            let file = dir.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        let found = AudioFolder::read(dir.path());
        assert_eq!(found.files, [".hidden/f.mp3", "a.mp3"].map(|name| dir.path().join(name)));
        let foreign: Vec<_> = found.foreign.iter().map(|(path, format)| (path.clone(), *format)).collect();
        let expected = [("old.WMA", "Windows Media Audio"), ("old.ape", "Monkey's Audio")];
        assert_eq!(foreign, expected.map(|(name, format)| (dir.path().join(name), format)));
        // Whoever names such a folder means it.
        assert_eq!(AudioFolder::read(&dir.path().join("quiet")).files.len(), 1);
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
