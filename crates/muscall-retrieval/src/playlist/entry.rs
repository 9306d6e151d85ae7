//! What a playlist holds.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::RetrievalError;

/// A list of tracks, or of moments in them.
///
/// ```
/// use muscall_retrieval::{Playlist, PlaylistEntry, PlaylistFormat};
///
/// let moment = PlaylistEntry {
///     path: "music/rain.mp3".into(),
///     title: "Rain".into(),
///     artist: Some("Jo".into()),
///     album: None,
///     start_s: Some(12.5),
///     end_s: Some(20.0),
///     duration_s: Some(181.0),
///     score: 0.31,
/// };
/// let playlist = Playlist { title: "calm piano".into(), entries: vec![moment] };
/// let mut file = Vec::new();
/// playlist.write(&mut file, PlaylistFormat::M3u8)?;
/// let expected = "#EXTM3U\n#PLAYLIST:calm piano\n#EXTINF:181,Jo - Rain\n\
///     #EXTVLCOPT:start-time=12.500\n#EXTVLCOPT:stop-time=20.000\nmusic/rain.mp3\n";
/// assert_eq!(String::from_utf8(file).ok().as_deref(), Some(expected));
/// # Ok::<(), muscall_retrieval::RetrievalError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Playlist {
    /// What it is called, such as the text that was searched for; none if it is empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// In the order of playing.
    pub entries: Vec<PlaylistEntry>,
}

/// A track, or a moment in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaylistEntry {
    /// The file. It is written as it is given: a relative one is relative to the playlist for players.
    pub path: PathBuf,
    /// What players show.
    pub title: String,
    /// Who plays it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artist: Option<String>,
    /// What it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub album: Option<String>,
    /// Where the moment starts, in seconds; the start of the file if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_s: Option<f64>,
    /// Where it ends, in seconds of the file; the end of the file if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_s: Option<f64>,
    /// Length of the whole file in seconds, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<f64>,
    /// Of the search.
    pub score: f32,
}

impl PlaylistEntry {
    pub(super) fn check(&self) -> Result<(), RetrievalError> {
        let seconds = [("start_s", self.start_s), ("end_s", self.end_s), ("duration_s", self.duration_s)];
        let error = |field, found, expected| {
            Err(RetrievalError::PlaylistNumber { path: self.path.clone(), field, found, expected })
        };
        for (field, value) in seconds {
            if let Some(found) = value.filter(|value| !(value.is_finite() && *value >= 0.0)) {
                return error(field, found, "seconds, finite and not negative; leave it out if it is not known");
            }
        }
        if let Some(end) = self.end_s.filter(|&end| end <= self.start_s.unwrap_or(0.0)) {
            return error("end_s", end, "a time after the start");
        }
        if !self.score.is_finite() {
            return error("score", f64::from(self.score), "a finite number");
        }
        Ok(())
    }

    pub(super) fn utf8_path(&self, format: &'static str) -> Result<&str, RetrievalError> {
        let why = "a name that is not UTF-8";
        let error = || RetrievalError::PlaylistPath { path: self.path.clone(), why, format, instead: "XSPF" };
        self.path.to_str().ok_or_else(error)
    }

    /// VLC's options for a moment, in the words of both formats.
    pub(super) fn options(&self) -> impl Iterator<Item = String> {
        let times = [("start-time", self.start_s.filter(|&start| start > 0.0)), ("stop-time", self.end_s)];
        times.into_iter().filter_map(|(name, seconds)| seconds.map(|seconds| format!("{name}={seconds:.3}")))
    }
}
