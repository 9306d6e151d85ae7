//! Hits as files that players open.

mod entry;
mod m3u8;
mod xspf;

use std::io::Write;
use std::path::{Component, Path, PathBuf};

pub use entry::{Playlist, PlaylistEntry};

use crate::RetrievalError;

/// How a playlist is written. All are UTF-8.
///
/// | | moments | scores | paths |
/// |-|-|-|-|
/// | M3U8 | for VLC | no | as given, with `./` before a `#` or a space; no line breaks, UTF-8 only |
/// | XSPF | for VLC | in the annotation | any, as URIs: absolute ones `file://`, others relative |
/// | JSON | yes | yes | UTF-8 only |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PlaylistFormat {
    /// Extended M3U: what most players read.
    M3u8,
    /// XML Shareable Playlist Format, version 1.
    Xspf,
    /// [`Playlist`] as serde writes it, for programs.
    Json,
}

impl PlaylistFormat {
    /// By the extension, in capital or small letters.
    ///
    /// # Errors
    /// [`RetrievalError::PlaylistExtension`] with the extensions that there are. `.m3u` is none of them: its
    /// encoding is not defined.
    pub fn from_path(path: &Path) -> Result<Self, RetrievalError> {
        let format = path.extension().and_then(|extension| extension.to_str()).and_then(Self::from_extension);
        format.ok_or_else(|| RetrievalError::PlaylistExtension { path: path.to_owned() })
    }

    /// The same of the extension alone.
    pub fn from_extension(extension: &str) -> Option<Self> {
        let all = [Self::M3u8, Self::Xspf, Self::Json];
        all.into_iter().find(|format| extension.eq_ignore_ascii_case(format.extension()))
    }

    /// What files of this format end with.
    pub fn extension(self) -> &'static str {
        match self {
            Self::M3u8 => "m3u8",
            Self::Xspf => "xspf",
            Self::Json => "json",
        }
    }
}

impl Playlist {
    /// With paths that are relative to a folder, where the playlist will lie, so that both can be moved together. What has
    /// no folder in common with it, as on another drive, stays absolute.
    #[must_use]
    pub fn relative_to(mut self, folder: &Path) -> Self {
        for entry in &mut self.entries {
            if let Some(path) = relative(&entry.path, folder) {
                entry.path = path;
            }
        }
        self
    }

    /// Writes the playlist. It is made in full before the first byte is written, so that an entry that the
    /// format cannot hold leaves no half of a file.
    ///
    /// # Errors
    /// [`RetrievalError::PlaylistNumber`] for a time that is not finite or negative, an end that is not after
    /// the start, or a score that is not finite; [`RetrievalError::PlaylistPath`] for a path that the format
    /// cannot hold; [`RetrievalError::PlaylistWrite`].
    pub fn write(&self, to: &mut impl Write, format: PlaylistFormat) -> Result<(), RetrievalError> {
        self.entries.iter().try_for_each(PlaylistEntry::check)?;
        let text = match format {
            PlaylistFormat::M3u8 => m3u8::text(self)?,
            PlaylistFormat::Xspf => xspf::text(self),
            PlaylistFormat::Json => {
                for entry in &self.entries {
                    entry.utf8_path("JSON")?;
                }
                let json = serde_json::to_string_pretty(self).map_err(std::io::Error::from);
                json.map_err(|source| RetrievalError::PlaylistWrite { source })? + "\n"
            }
        };
        to.write_all(text.as_bytes()).map_err(|source| RetrievalError::PlaylistWrite { source })
    }
}

/// The way from a folder to a file.
fn relative(file: &Path, folder: &Path) -> Option<PathBuf> {
    let (file, folder): (Vec<_>, Vec<_>) = (file.components().collect(), folder.components().collect());
    let common = file.iter().zip(&folder).take_while(|(a, b)| a == b).count();
    if common == 0 {
        return None;
    }
    let up = folder[common..].iter().map(|_| Component::ParentDir);
    Some(up.chain(file[common..].iter().copied()).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(super) fn entry(path: impl Into<PathBuf>, title: &str) -> PlaylistEntry {
        let title = title.to_owned();
        PlaylistEntry {
            path: path.into(),
            title,
            artist: None,
            album: None,
            start_s: None,
            end_s: None,
            duration_s: None,
            score: 0.25,
        }
    }

    pub(super) fn written(entries: Vec<PlaylistEntry>, format: PlaylistFormat) -> Result<String, RetrievalError> {
        let mut bytes = Vec::new();
        Playlist { title: String::new(), entries }.write(&mut bytes, format)?;
        Ok(String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn the_extension_decides() {
        let format = |path: &str| PlaylistFormat::from_path(Path::new(path));
        assert_eq!(format("a/b.m3u8").unwrap(), PlaylistFormat::M3u8);
        assert_eq!(format("b.XSPF").unwrap(), PlaylistFormat::Xspf);
        assert_eq!(format("a.b.json").unwrap(), PlaylistFormat::Json);
        for path in ["list.m3u", "list", ".json", "list.pls"] {
            let message = format(path).unwrap_err().to_string();
            assert!(message.starts_with(path) && message.ends_with(".m3u8, .xspf or .json"), "{message}");
        }
    }

    #[test]
    fn numbers_that_are_none_are_named() {
        let moment = |start_s, end_s| PlaylistEntry { start_s, end_s, ..entry("a.mp3", "") };
        let long = PlaylistEntry { duration_s: Some(f64::INFINITY), ..entry("a.mp3", "") };
        let score = PlaylistEntry { score: f32::NAN, ..entry("a.mp3", "") };
        let entries = [
            (moment(Some(-1.0), None), "start_s"),
            (moment(Some(f64::NAN), None), "start_s"),
            (moment(Some(2.0), Some(2.0)), "end_s"),
            (moment(None, Some(0.0)), "end_s"),
            (long, "duration_s"),
            (score, "score"),
        ];
        for (entry, name) in entries {
            let error = written(vec![entry], PlaylistFormat::Json).unwrap_err();
            assert!(matches!(error, RetrievalError::PlaylistNumber { field, .. } if field == name), "{error}");
        }
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let mut disk = [0_u8; 4];
        let playlist = Playlist { title: String::new(), entries: vec![entry("a.mp3", "A")] };
        let error = playlist.write(&mut disk.as_mut_slice(), PlaylistFormat::M3u8).unwrap_err();
        assert!(matches!(error, RetrievalError::PlaylistWrite { .. }));
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_not_utf8() {
        use std::os::unix::ffi::OsStrExt;
        let path = PathBuf::from(std::ffi::OsStr::from_bytes(b"/caf\xe9.mp3"));
        for format in [PlaylistFormat::M3u8, PlaylistFormat::Json] {
            let error = written(vec![entry(&path, "")], format).unwrap_err();
            assert!(matches!(error, RetrievalError::PlaylistPath { instead: "XSPF", .. }), "{error}");
        }
        let xml = written(vec![entry(&path, "")], PlaylistFormat::Xspf).unwrap();
        assert!(xml.contains("<location>file:///caf%E9.mp3</location>"), "{xml}");
    }

    #[test]
    fn paths_are_relative_to_the_folder_of_the_playlist() {
        let of = |path: &str| {
            let playlist = Playlist { title: String::new(), entries: vec![entry(path, "")] };
            playlist.relative_to(Path::new("/home/me/lists")).entries[0].path.to_str().unwrap().to_owned()
        };
        assert_eq!(of("/home/me/lists/a.mp3"), "a.mp3");
        assert_eq!(of("/home/me/Music/b/c.mp3"), "../Music/b/c.mp3");
        assert_eq!(of("/mnt/d.mp3"), "../../../mnt/d.mp3");
        assert_eq!(of("e.mp3"), "e.mp3");
    }

    proptest! {
        #[test]
        fn json_is_read_as_it_was_written(
            entries in prop::collection::vec(("\\PC{0,8}", any::<String>(), any::<bool>(), 0.0_f64..1e5, -1.0_f32..1.0), 0..4),
            title in any::<String>(),
        ) {
            let entries = entries.into_iter().map(|(path, title, moment, time, score)| PlaylistEntry {
                path: path.into(),
                artist: moment.then(|| title.clone()),
                album: None,
                title,
                start_s: moment.then_some(time),
                end_s: moment.then_some(time + 1.5),
                duration_s: (!moment).then_some(time),
                score,
            });
            let playlist = Playlist { title, entries: entries.collect() };
            let mut bytes = Vec::new();
            playlist.write(&mut bytes, PlaylistFormat::Json).unwrap();
            prop_assert_eq!(serde_json::from_slice::<Playlist>(&bytes).unwrap(), playlist);
        }
    }
}
