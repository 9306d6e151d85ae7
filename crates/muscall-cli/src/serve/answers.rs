//! What the page is told of tracks.

use axum::http::StatusCode;
use muscall::library::{Library, LibraryError};
use muscall::model::Verdict;
use muscall::retrieval::{Answer, Moment, TrackRecord};
use serde::{Deserialize, Serialize};

use crate::names::Names;
use crate::serve::failure::Failure;

/// A track, without what fits.
#[derive(Serialize)]
pub struct Track {
    track: usize,
    #[serde(flatten)]
    names: Names,
    path: String,
    duration_s: f64,
    tags: Vec<String>,
    /// What it is, whatever number it gets.
    content: String,
    /// Where its sound is.
    audio: String,
}

/// What the client takes a track for: numbers are given anew when an index is compacted.
#[derive(Deserialize)]
pub struct Expected {
    pub content: Option<String>,
}

impl Expected {
    /// Whether it still is that.
    pub fn check(&self, record: &TrackRecord) -> Result<(), Failure> {
        match &self.content {
            Some(content) if *content != content_of(record) => {
                Err(Failure::new(StatusCode::NOT_FOUND, "this track is another one by now; search again"))
            }
            _ => Ok(()),
        }
    }
}

/// What was found, best first.
#[derive(Serialize)]
pub struct Answers {
    pub answers: Vec<Found>,
    /// How well the best one fits, if the model can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    pub took_ms: f64,
}

/// A track that was found.
#[derive(Serialize)]
pub struct Found {
    #[serde(flatten)]
    track: Track,
    score: f32,
    moments: Vec<Moment>,
    strip: Vec<Moment>,
}

impl Track {
    pub fn new(track: usize, record: TrackRecord) -> Self {
        let (content, names) = (content_of(&record), Names::of(&record));
        let audio = format!("/audio/{track}?content={content}");
        let TrackRecord { path, duration_s, tags, .. } = record;
        Self { track, names, path, duration_s, tags, content, audio }
    }
}

impl Found {
    pub fn all(library: &Library, query: &[f32], answers: Vec<Answer>) -> Result<Vec<Self>, LibraryError> {
        let found = |answer: Answer| {
            Ok(Self {
                track: Track::new(answer.track, library.track(answer.track)?),
                score: answer.score,
                strip: library.strip(answer.track, query)?,
                moments: answer.moments,
            })
        };
        answers.into_iter().map(found).collect()
    }
}

fn content_of(record: &TrackRecord) -> String {
    format!("{:032x}", record.content)
}
