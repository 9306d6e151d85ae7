//! What a request is made of: words, files and tracks with their weights.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::LibraryError;

/// Most characters of a text.
pub const MAX_TEXT: usize = 1000;
/// Largest weight of a term, plus or minus.
pub const MAX_WEIGHT: f32 = 10.0;

/// A part of what to look for, or with a negative weight of what to stay away from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawTerm", into = "RawTerm")]
pub struct Term {
    /// Words or music.
    pub like: Like,
    /// How much it counts; negative is away from it.
    pub weight: f32,
}

/// What a term compares with.
#[derive(Debug, Clone, PartialEq)]
pub enum Like {
    /// Words.
    Text(String),
    /// A file on the disk; servers must refuse it, see [`Request::reads_files`](crate::Request::reads_files).
    File {
        /// Where it is.
        path: PathBuf,
        /// Which part of it.
        stretch: Stretch,
    },
    /// A track of the index.
    Track {
        /// Its number.
        track: usize,
        /// Which part of it.
        stretch: Stretch,
    },
}

/// A part of a track; without ends, all of it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Stretch {
    /// From here on, in seconds.
    pub start_s: Option<f64>,
    /// Up to here, in seconds.
    pub end_s: Option<f64>,
}

/// A term in JSON: one of `text`, `file` and `track`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTerm {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    track: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_s: Option<f64>,
    #[serde(default = "one")]
    weight: f32,
}

fn one() -> f32 {
    1.0
}

impl TryFrom<RawTerm> for Term {
    type Error = &'static str;

    fn try_from(raw: RawTerm) -> Result<Self, Self::Error> {
        let stretch = Stretch { start_s: raw.start_s, end_s: raw.end_s };
        let like = match (raw.text, raw.file, raw.track) {
            (Some(text), None, None) if stretch == Stretch::default() => Like::Text(text),
            (Some(_), None, None) => return Err("a term with `text` has neither `start_s` nor `end_s`"),
            (None, Some(path), None) => Like::File { path, stretch },
            (None, None, Some(track)) => Like::Track { track, stretch },
            _ => return Err("a term has exactly one of `text`, `file` and `track`"),
        };
        Ok(Self { like, weight: raw.weight })
    }
}

impl From<Term> for RawTerm {
    fn from(term: Term) -> Self {
        let weight = term.weight;
        let raw = Self { text: None, file: None, track: None, start_s: None, end_s: None, weight };
        match term.like {
            Like::Text(text) => Self { text: Some(text), ..raw },
            Like::File { path, stretch: Stretch { start_s, end_s } } => {
                Self { file: Some(path), start_s, end_s, ..raw }
            }
            Like::Track { track, stretch: Stretch { start_s, end_s } } => {
                Self { track: Some(track), start_s, end_s, ..raw }
            }
        }
    }
}

impl Term {
    /// Words, with weight 1.
    pub fn text(text: impl Into<String>) -> Self {
        Self { like: Like::Text(text.into()), weight: one() }
    }

    /// A track of the index or a part of it, with weight 1.
    pub fn track(track: usize, stretch: Stretch) -> Self {
        Self { like: Like::Track { track, stretch }, weight: one() }
    }

    /// A file or a part of it, with weight 1.
    pub fn file(path: impl Into<PathBuf>, stretch: Stretch) -> Self {
        Self { like: Like::File { path: path.into(), stretch }, weight: one() }
    }

    /// Replaces the weight.
    #[must_use]
    pub fn with_weight(mut self, weight: f32) -> Self {
        self.weight = weight;
        self
    }
}

impl Like {
    pub(crate) fn words(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl Stretch {
    /// From one time to another.
    pub fn new(start_s: f64, end_s: f64) -> Self {
        Self { start_s: Some(start_s), end_s: Some(end_s) }
    }

    /// Whether it shares time with what lies between these.
    pub(crate) fn overlaps(&self, start_s: f64, end_s: f64) -> bool {
        self.start_s.is_none_or(|start| end_s > start) && self.end_s.is_none_or(|end| start_s < end)
    }

    fn validate(&self, what: &str) -> Result<(), LibraryError> {
        for (name, value) in [("start_s", self.start_s), ("end_s", self.end_s)] {
            LibraryError::check(
                value.is_none_or(|x| x.is_finite() && x >= 0.0),
                || format!("{what}.{name}"),
                value,
                "at least 0",
            )?;
        }
        match (self.start_s.unwrap_or(0.0), self.end_s) {
            (start_s, Some(end_s)) if end_s <= start_s => {
                Err(LibraryError::Reversed { what: what.to_owned(), start_s, end_s })
            }
            _ => Ok(()),
        }
    }
}

impl Term {
    pub(crate) fn validate(&self, i: usize) -> Result<(), LibraryError> {
        let valid = self.weight.is_finite() && self.weight != 0.0 && self.weight.abs() <= MAX_WEIGHT;
        let weight = Some(f64::from(self.weight));
        LibraryError::check(valid, || format!("terms[{i}].weight"), weight, "from -10 to 10 and not 0")?;
        match &self.like {
            Like::Text(text) if text.trim().is_empty() => Err(LibraryError::EmptyText { term: i + 1 }),
            Like::Text(text) => match text.chars().count() {
                found if found > MAX_TEXT => Err(LibraryError::LongText { term: i + 1, found, limit: MAX_TEXT }),
                _ => Ok(()),
            },
            Like::File { stretch, .. } | Like::Track { stretch, .. } => stretch.validate(&format!("terms[{i}]")),
        }
    }
}
