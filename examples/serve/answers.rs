//! What the page is told of tracks.

use std::path::Path;

use muscall::library::{Library, LibraryError, StripPoint};
use muscall::retrieval::{Answer, TrackRecord};
use serde::Serialize;

/// A track, without what fits.
#[derive(Serialize)]
pub struct Track {
    track: usize,
    title: String,
    path: String,
    duration_s: f64,
    tags: Vec<String>,
    /// Where its sound is.
    audio: String,
}

/// A track that was found.
#[derive(Serialize)]
pub struct Found {
    #[serde(flatten)]
    track: Track,
    score: f32,
    moments: Vec<StripPoint>,
    strip: Vec<StripPoint>,
}

impl Track {
    pub fn new(track: usize, record: TrackRecord) -> Self {
        let audio = format!("/audio/{track}?content={:032x}", record.content);
        let TrackRecord { path, duration_s, tags, .. } = record;
        Self { track, title: title(&path), path, duration_s, tags, audio }
    }
}

impl Found {
    pub fn all(library: &Library, query: &[f32], answers: Vec<Answer>) -> Result<Vec<Self>, LibraryError> {
        let found = |answer: Answer| {
            let point =
                |m: &muscall::retrieval::Moment| StripPoint { start_s: m.start_s, end_s: m.end_s, score: m.score };
            Ok(Self {
                track: Track::new(answer.track, library.track(answer.track)?),
                score: answer.score,
                moments: answer.moments.iter().map(point).collect(),
                strip: library.strip(answer.track, query)?,
            })
        };
        answers.into_iter().map(found).collect()
    }
}

/// The name of the file, as people would write it.
fn title(path: &str) -> String {
    let stem = Path::new(path).file_stem().unwrap_or_default().to_string_lossy();
    let words: Vec<&str> = stem.split(['_', ' ']).filter(|word| !word.is_empty()).collect();
    if words.is_empty() { path.to_owned() } else { words.join(" ") }
}
