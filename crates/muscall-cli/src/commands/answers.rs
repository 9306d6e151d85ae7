//! Answers that people read, or programs.

use muscall::audio::Part;
use muscall::library::{Library, LibraryError};
use muscall::model::Verdict;
use muscall::retrieval::{Answer, Moment, PlaylistEntry, TrackRecord};
use serde::Serialize;

use crate::console::clock;
use crate::names::{Names, length_s};
use crate::playlist_entry::playlist_entry;

/// A track that fits, with what its tags say.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Hit {
    #[serde(flatten)]
    names: Names,
    pub(super) duration_s: f64,
    score: f32,
    moments: Vec<Moment>,
    path: String,
}

/// All that is answered.
#[derive(Serialize)]
struct Answered<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<Verdict>,
    answers: &'a [Hit],
}

/// Answers for players: whole tracks, or their best moments.
pub(super) fn entries(library: &Library, answers: &[Answer], whole: bool) -> Result<Vec<PlaylistEntry>, LibraryError> {
    let entry = |answer: &Answer| Ok(playlist_entry(&library.track(answer.track)?, answer, whole));
    answers.iter().map(entry).collect()
}

/// Answers with the tags of their tracks.
pub(super) fn hits(library: &Library, answers: Vec<Answer>) -> Result<Vec<Hit>, LibraryError> {
    let hit = |answer: Answer| Ok(Hit::new(&library.track(answer.track)?, answer));
    answers.into_iter().map(hit).collect()
}

/// One object with everything.
pub(super) fn json(hits: &[Hit], verdict: Option<Verdict>) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&Answered { verdict, answers: hits })
}

impl Hit {
    fn new(record: &TrackRecord, answer: Answer) -> Self {
        let Answer { duration_s, score, moments, path, .. } = answer;
        let duration_s = length_s(&path, duration_s);
        Self { names: Names::of(record), duration_s, score, moments, path }
    }

    /// Two lines: what it is and where it fits, and the file.
    pub(super) fn text(&self, place: usize) -> String {
        let moment =
            self.moments.first().map(|moment| format!(", best at {}–{}", clock(moment.start_s), clock(moment.end_s)));
        let length = clock(self.duration_s);
        // The file's own part is the same moment, and no name of a file.
        let path = printable(Part::split_name(&self.path).0);
        format!("{place:>2}. {}  ({length}{})\n    {path}", printable(&self.names.line()), moment.unwrap_or_default())
    }
}

/// A name may hold what a terminal obeys.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(path: &str, tags: &[&str]) -> Hit {
        let mut record = TrackRecord::new(path);
        record.tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let moments = vec![Moment { start_s: 67.0, end_s: 91.4, score: 0.5 }];
        Hit::new(&record, Answer { track: 0, path: path.to_owned(), duration_s: 3792.0, score: 0.4, moments })
    }

    #[test]
    fn an_answer_is_two_lines() {
        let tagged = hit("/m/x.ogg", &["artist=Miles Davis", "title=So What"]);
        assert_eq!(tagged.text(1), " 1. So What — Miles Davis  (1:03:12, best at 1:07–1:31)\n    /m/x.ogg");
        let part = hit("/m/City_Blues.ogg#t=10,200", &["title=The album"]);
        assert_eq!(part.text(10), "10. City Blues  (1:03:02, best at 1:07–1:31)\n    /m/City_Blues.ogg");
    }
}
