//! What an index is made for, and what it knows of a track.

use serde::{Deserialize, Serialize};

use crate::{Embeddings, Fingerprint, RetrievalError};

/// Longest fingerprint that fits the header.
const FINGERPRINT_BYTES: usize = 1024;

/// What all vectors of an index have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexConfig {
    /// Dimensions of a vector.
    pub dim: usize,
    /// Of the model's space; vectors of two spaces are never mixed. A file holds the name alone.
    pub fingerprint: Fingerprint,
    /// Seconds of audio that a segment stands for; 0 if its end is that of the track.
    pub window_s: f64,
    /// Seconds from the start of a segment to that of the next.
    pub hop_s: f64,
}

impl IndexConfig {
    /// For vectors of this model, each of a whole track.
    pub fn new(dim: usize, fingerprint: impl Into<Fingerprint>) -> Self {
        Self { dim, fingerprint: fingerprint.into(), window_s: 0.0, hop_s: 0.0 }
    }

    /// For segments of `window_s` seconds, one every `hop_s`.
    #[must_use]
    pub fn with_windows(mut self, window_s: f64, hop_s: f64) -> Self {
        (self.window_s, self.hop_s) = (window_s, hop_s);
        self
    }

    /// Where a segment ends that starts there, in a track of `duration_s` seconds, or 0 if that is unknown.
    pub fn segment_end_s(&self, start_s: f64, duration_s: f64) -> f64 {
        let end_s = if self.window_s > 0.0 { start_s + self.window_s } else { duration_s };
        if duration_s > 0.0 { end_s.min(duration_s).max(start_s) } else { end_s.max(start_s) }
    }

    /// # Errors
    /// [`RetrievalError::Setting`] for what cannot be.
    pub fn validate(&self) -> Result<(), RetrievalError> {
        let check = |valid: bool, setting, found: String, expected| match valid {
            true => Ok(()),
            false => Err(RetrievalError::Setting { setting, found, expected }),
        };
        check((1..=1 << 16).contains(&self.dim), "dim", self.dim.to_string(), "between 1 and 65536")?;
        let length = self.fingerprint.len();
        check(length <= FINGERPRINT_BYTES, "fingerprint", format!("{length} bytes"), "at most 1024 bytes")?;
        for (setting, value) in [("window_s", self.window_s), ("hop_s", self.hop_s)] {
            check(value.is_finite() && value >= 0.0, setting, value.to_string(), "a time in seconds, 0 or more")?;
        }
        Ok(())
    }
}

/// What an index knows of a track besides its vectors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrackRecord {
    /// Where it is; no two tracks of an index have the same.
    pub path: String,
    /// Hash of its content, by which a file that was moved is known again; 0 if unknown.
    pub content: u128,
    /// Size of the file.
    pub bytes: u64,
    /// When the file was changed, since 1970.
    pub modified_ns: u64,
    /// When content, name or permissions of the file were changed (the `ctime` of Unix), since 1970; 0 if unknown.
    pub changed_ns: u64,
    /// Number of the file in its file system; 0 if unknown.
    pub inode: u64,
    /// Hash of parts of the content, by which a file that was replaced is noticed without reading all of it; 0 if
    /// unknown.
    pub probe: u64,
    /// Length of the audio; of a part of a file, where it ends in that file.
    pub duration_s: f64,
    /// What else is known, such as `genre=jazz`; by which a search may be filtered.
    pub tags: Vec<String>,
}

impl TrackRecord {
    /// A track of which nothing but its place is known.
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }
}

/// The segments of a track, in the order of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segments<'a> {
    /// Where each starts.
    pub starts_s: &'a [f32],
    /// Their vectors.
    pub rows: Embeddings<'a>,
}
