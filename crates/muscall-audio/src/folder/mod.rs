//! The audio files of a folder.

mod content;
mod ignored;
mod names;
mod one_name;

use std::io;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use self::content::Content;
use self::ignored::Ignored;
use self::names::Named;
use self::one_name::one_name_each;

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

/// What is below a folder. Every file is in one of the lists, or counted, or below one of the folders passed over.
#[derive(Debug, Default)]
pub struct AudioFolder {
    /// Files in audio formats, by their extension or, where that is none that is known, by their first bytes; in the order
    /// of their paths. A film is one of them if its format is one that music comes in.
    pub files: Vec<PathBuf>,
    /// Music in formats that are not read, and what these are called.
    pub foreign: Vec<(PathBuf, &'static str)>,
    /// Other names of some of the files, by links or hard links, each with the one that is in the list.
    pub links: Vec<(PathBuf, PathBuf)>,
    /// Cue sheets, which say what tracks one file holds.
    pub cue_sheets: Vec<PathBuf>,
    /// How many files are no music.
    pub others: usize,
    /// How many files patterns of the user leave out, in `.ignore`, `.ndignore` or `.plexignore`.
    pub ignored: usize,
    /// Folders that were passed over: trash, what systems keep, and those whose owner wants it, by a file `.nomedia`, by an
    /// empty one of those with patterns, or by a pattern.
    pub passed_over: Vec<PathBuf>,
    /// What could not be looked at, and why: the folder itself, folders in it, links to what is not there. Nobody
    /// knows what is below.
    pub unreadable: Vec<(PathBuf, io::Error)>,
}

impl AudioFolder {
    /// Walks through a folder, at any depth. Links are followed; where they make a loop the walk ends, since it has
    /// been there. Trash, what systems keep beside files of others (`._song.mp3`, `@eaDir`), and what the user wants to be
    /// left out are passed over.
    pub fn read(folder: &Path) -> Self {
        let mut found = Self::default();
        let (mut ignored, mut last_folder) = (Ignored::default(), folder.to_owned());
        let mut walk = WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter();
        while let Some(entry) = walk.next() {
            match entry {
                Ok(entry) if entry.file_type().is_dir() => {
                    let depth = entry.depth();
                    let is_wanted =
                        depth == 0 || is_the_users(&entry) && !ignored.leaves_out(entry.path(), true, depth);
                    if is_wanted && !ignored.enter(entry.path(), depth) {
                        last_folder = entry.into_path();
                    } else {
                        walk.skip_current_dir();
                        found.passed_over.push(entry.into_path());
                    }
                }
                Ok(entry) if ignored.leaves_out(entry.path(), false, entry.depth()) => found.ignored += 1,
                Ok(entry) if entry.file_type().is_file() => found.take(entry.into_path()),
                // A device, a pipe or a socket.
                Ok(_) => found.others += 1,
                Err(error) if error.loop_ancestor().is_some() => {}
                Err(error) => {
                    // Without a path it is the list of a folder that breaks off; the walk makes it on entering.
                    let path = error.path().unwrap_or(&last_folder).to_owned();
                    let reason = error.into_io_error().unwrap_or_else(|| io::ErrorKind::Other.into());
                    found.unreadable.push((path, reason));
                }
            }
        }
        (found.files, found.links) = one_name_each(found.files);
        found
    }

    /// Puts a file where it belongs.
    fn take(&mut self, path: PathBuf) {
        // AppleDouble: what a Mac keeps beside the file of that name.
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("._")) {
            self.others += 1;
            return;
        }
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("cue")) {
            self.cue_sheets.push(path);
            return;
        }
        let content = match Named::of(&path) {
            Named::Audio => Content::Audio,
            Named::Other => Content::Other,
            Named::Unknown => match Content::of(&path) {
                Ok(content) => content,
                // It may be a track that nobody can look at now.
                Err(error) => return self.unreadable.push((path, error)),
            },
            // Some have got the wrong name.
            Named::Foreign(format) => match Content::of(&path) {
                Ok(content @ (Content::Audio | Content::Foreign(_))) => content,
                _ => Content::Foreign(format),
            },
        };
        match content {
            Content::Audio => self.files.push(path),
            Content::Foreign(format) => self.foreign.push((path, format)),
            Content::Other => self.others += 1,
        }
    }
}

/// Whether a folder is there for the user, and not for a system.
fn is_the_users(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    let is_trash = name.strip_prefix(".Trash-").is_some_and(|user| user.bytes().all(|digit| digit.is_ascii_digit()));
    !is_trash && !KEPT_BY_SYSTEMS.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// The [files](AudioFolder::files) below a folder under all of their names, whatever could not be looked at: of a data set,
/// where the same audio may be meant twice.
pub fn audio_files(folder: &Path) -> Vec<PathBuf> {
    let AudioFolder { mut files, links, .. } = AudioFolder::read(folder);
    files.extend(links.into_iter().map(|(name, _)| name));
    files.sort();
    files
}

/// Whether a name ends as audio files do.
pub fn has_audio_extension(path: &Path) -> bool {
    Named::of(path) == Named::Audio
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
            "README",
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
        // Every file is accounted for.
        assert_eq!(found.others, 3);
        let passed_over = ["$RECYCLE.BIN", ".Trash-1000", "@eaDir", "quiet"].map(|name| dir.path().join(name));
        assert_eq!(found.passed_over, passed_over);
        // Whoever names such a folder means it.
        assert_eq!(AudioFolder::read(&dir.path().join("quiet")).files.len(), 1);
    }

    #[test]
    fn files_of_patterns_are_honoured() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = dir.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        };
        write(".ndignore", "\u{feff}# not these\n*.wav\ndemos/\n!keep.wav\n");
        for name in [
            "a.mp3",
            "b.wav",
            "keep.wav",
            "demos/c.mp3",
            "live/.ignore",
            "live/d.mp3",
            "x/e.mp3",
            "x/y/f.mp3",
            "x/y/g.wav",
        ] {
            write(name, "");
        }
        write("x/.plexignore", "/y/f.mp3\n");
        write("x/y/.ignore", "!g.wav\n");
        let found = AudioFolder::read(dir.path());
        let at = |names: &[&str]| names.iter().map(|name| dir.path().join(name)).collect::<Vec<_>>();
        assert_eq!(found.files, at(&["a.mp3", "keep.wav", "x/e.mp3", "x/y/g.wav"]));
        assert_eq!(found.passed_over, at(&["demos", "live"]));
        assert_eq!((found.ignored, found.others), (2, 3));
    }

    #[test]
    fn what_decodes_is_found_whatever_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let fixture = |name: &str| {
            std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
        };
        for (name, content) in [
            ("a.mov", fixture("sound.m4a")),
            ("b", fixture("sound.flac")),
            ("c.mp3.1", fixture("no_tag.mp3")),
            ("d.wma", fixture("sound.mp3")),
            ("e.dat", b"wvpk and more".to_vec()),
            ("f.dat", b"words".to_vec()),
            // What others keep behind tags of mp3, or under a lock.
            ("g.tta", b"ID3\x04\0\0\0\0\0\x02--TTA1".to_vec()),
            ("h.aax", b"\0\0\0\x20ftypaax ".to_vec()),
        ] {
            std::fs::write(dir.path().join(name), content).unwrap();
        }
        let found = AudioFolder::read(dir.path());
        assert_eq!(found.files, ["a.mov", "b", "c.mp3.1", "d.wma"].map(|name| dir.path().join(name)));
        let foreign = [("e.dat", "WavPack"), ("g.tta", "True Audio"), ("h.aax", "Audible")];
        assert_eq!(found.foreign, foreign.map(|(name, format)| (dir.path().join(name), format)));
        assert_eq!(found.others, 1);
        for file in &found.files {
            crate::decode(file, &crate::DecodeOptions::default()).unwrap();
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_with_several_names_is_there_once() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(dir.path()).unwrap();
        std::fs::create_dir(root.join("music")).unwrap();
        std::fs::write(root.join("music/a.mp3"), "a").unwrap();
        std::fs::write(root.join("music/copy.mp3"), "a").unwrap();
        // Links come before what they lead to, and behind it.
        symlink("music", root.join("album")).unwrap();
        symlink("a.mp3", root.join("music/z.mp3")).unwrap();
        std::fs::hard_link(root.join("music/a.mp3"), root.join("music/b.mp3")).unwrap();
        let found = AudioFolder::read(&root);
        assert_eq!(found.files, ["music/a.mp3", "music/copy.mp3"].map(|name| root.join(name)));
        let names = ["album/a.mp3", "album/b.mp3", "album/copy.mp3", "album/z.mp3", "music/b.mp3", "music/z.mp3"];
        let links: Vec<_> = found.links.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(links, names.map(|name| root.join(name)));
        assert_eq!(found.links[2].1, root.join("music/copy.mp3"));
        assert_eq!(audio_files(&root).len(), 8);
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
