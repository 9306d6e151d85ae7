//! Names of tracks as places on this machine.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Component, MAIN_SEPARATOR, Path, PathBuf};

use muscall_audio::Part;

/// The part of a name that says where its file is.
pub(crate) fn file_part(name: &str) -> &str {
    Part::split_name(name).0
}

/// The file of a name, if it is on a disk of this machine and not in a bucket.
pub(crate) fn local_file(name: &str) -> Option<&Path> {
    let file = Path::new(file_part(name));
    file.is_absolute().then_some(file)
}

/// Whether a name is that of a place, or of something below it.
pub(crate) fn is_within(name: &str, place: &str) -> bool {
    let separators = ['/', MAIN_SEPARATOR];
    let rest = file_part(name).strip_prefix(place.trim_end_matches(separators));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(separators))
}

/// What is at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing: it does not exist.
    Nothing,
    /// This file, by the one name that it has in its file system, which may be mounted in several places.
    File(FileId),
    /// A file with several names: a link is one of its own right.
    Link,
    /// It cannot be looked at.
    Unknown,
}

#[cfg(unix)]
type FileId = (u64, u64);
#[cfg(not(unix))]
type FileId = PathBuf;

impl Found {
    pub(crate) fn at(file: &Path) -> Self {
        let look = || match fs::symlink_metadata(file)? {
            // What it leads to may be missing.
            link if link.is_symlink() => fs::metadata(file).map(|_| Self::Link),
            metadata => Self::file(file, &metadata),
        };
        look().unwrap_or_else(|error: io::Error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Self::Nothing,
            _ => Self::Unknown,
        })
    }

    #[cfg(unix)]
    fn file(_: &Path, metadata: &Metadata) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        Ok(if metadata.nlink() > 1 { Self::Link } else { Self::File((metadata.dev(), metadata.ino())) })
    }

    #[cfg(not(unix))]
    fn file(file: &Path, _: &Metadata) -> io::Result<Self> {
        fs::canonicalize(file).map(Self::File)
    }
}

/// The path without links, `.` and `..`, which is the same however it is spelled. Of what is not there, the folder
/// that is there decides.
pub(crate) fn real_path(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let parts: Vec<Component<'_>> = path.components().collect();
    for known in (1..=parts.len()).rev() {
        let Ok(mut real) = fs::canonicalize(parts[..known].iter().collect::<PathBuf>()) else { continue };
        let rest = &parts[known..];
        for part in rest {
            match part {
                Component::ParentDir => drop(real.pop()),
                part => real.push(part),
            }
        }
        // Back from what is not there, it may lead to a link again.
        return if rest.contains(&Component::ParentDir) { real_path(&real) } else { Ok(plain(real)) };
    }
    Ok(path)
}

/// The same for a file, which keeps its own name where that is a link: its extension says what it is.
pub(crate) fn real_file(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => Ok(real_path(folder)?.join(name)),
        _ => real_path(&path),
    }
}

/// `C:\music`, as people write it, for `\\?\C:\music`, as Windows gives it.
fn plain(path: PathBuf) -> PathBuf {
    let short = path.to_str().and_then(|text| text.strip_prefix(r"\\?\"));
    match short.filter(|text| text.as_bytes().get(1) == Some(&b':') && text.len() < 260) {
        Some(text) => PathBuf::from(text),
        None => path,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_a_place_starts_with_it_and_a_separator() {
        for name in ["/music/a.mp3", "/music/b/a.mp3", "/music"] {
            assert!(is_within(name, "/music") && is_within(name, "/music/") && is_within(name, "/"), "{name}");
        }
        for name in ["/music 2/a.mp3", "/musi", "music/a.mp3", "s3://music/a.mp3"] {
            assert!(!is_within(name, "/music"), "{name}");
        }
        assert!(is_within("s3://music/a/b.mp3", "s3://music/a/"));
        assert!(is_within("/music/a.mp3#t=10,20", "/music/a.mp3"));
        assert_eq!(local_file("/music/a.mp3#t=10,20"), Some(Path::new("/music/a.mp3")));
    }

    #[test]
    fn nothing_is_not_the_same_as_what_cannot_be_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let found = |name: &str| Found::at(&dir.path().join(name));
        fs::write(dir.path().join("a"), "").unwrap();
        assert!(matches!(found("a"), Found::File(_)));
        assert_eq!([found("b"), found("none/b"), found("a/b")], [Found::Nothing, Found::Nothing, Found::Nothing]);
        // Too long to be looked at.
        assert_eq!(found(&"x".repeat(5000)), Found::Unknown);
        assert!(local_file("s3://music/a").is_none() && local_file("a relative name").is_none());
    }

    #[cfg(unix)]
    #[test]
    fn one_place_has_one_name() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        fs::create_dir_all(root.join("real/a")).unwrap();
        fs::write(root.join("real/x.mp3"), "").unwrap();
        std::os::unix::fs::symlink("real", root.join("link")).unwrap();
        std::os::unix::fs::symlink("x.mp3", root.join("real/y.mp3")).unwrap();
        for spelled in ["real", "link", "real/", "./real", "real/a/..", "link/a/../../link", "none/../link"] {
            assert_eq!(real_path(&root.join(spelled)).unwrap(), root.join("real"), "{spelled}");
        }
        assert_eq!(real_path(&root.join("link/none/b/../c")).unwrap(), root.join("real/none/c"));
        assert_eq!(real_file(&root.join("link/y.mp3")).unwrap(), root.join("real/y.mp3"));
        let found = |name: &str| Found::at(&root.join(name));
        assert!(matches!(found("real/x.mp3"), Found::File(_)));
        assert_eq!(found("link/x.mp3"), found("real/x.mp3"));
        fs::copy(root.join("real/x.mp3"), root.join("z.mp3")).unwrap();
        assert_ne!(found("z.mp3"), found("real/x.mp3"));
        // A link is a name that somebody has given.
        assert_eq!(found("real/y.mp3"), Found::Link);
        fs::hard_link(root.join("z.mp3"), root.join("z2.mp3")).unwrap();
        assert_eq!([found("z.mp3"), found("z2.mp3")], [Found::Link, Found::Link]);
    }

    #[test]
    fn windows_paths_are_written_as_people_do() {
        let plain = |path: &str| super::plain(PathBuf::from(path)).to_str().unwrap().to_owned();
        assert_eq!(plain(r"\\?\C:\music"), r"C:\music");
        assert_eq!(plain(r"\\?\UNC\server\music"), r"\\?\UNC\server\music");
        assert_eq!(plain("/music"), "/music");
    }
}
