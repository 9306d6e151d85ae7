//! An answer for players.

use std::path::PathBuf;

use muscall::audio::Part;
use muscall::retrieval::{Answer, PlaylistEntry, TrackRecord};

use crate::names::{Names, length_s};

/// The whole track, or its best moment.
pub(crate) fn playlist_entry(record: &TrackRecord, answer: &Answer, whole: bool) -> PlaylistEntry {
    let Names { title, artist, album } = Names::of(record);
    let moment = answer.moments.first().filter(|_| !whole);
    let (path, part) = Part::split_name(&answer.path);
    PlaylistEntry {
        path: PathBuf::from(path),
        title,
        artist,
        album,
        start_s: moment.map(|moment| moment.start_s).or(part.map(|part| part.start_s())),
        end_s: moment.map(|moment| moment.end_s).or(part.and_then(|part| part.end_s())),
        duration_s: Some(length_s(&answer.path, answer.duration_s)),
        score: answer.score,
    }
}

#[cfg(test)]
mod tests {
    use muscall::retrieval::Moment;

    use super::*;

    #[test]
    fn a_playlist_has_moments_or_whole_tracks() {
        let mut record = TrackRecord::new("/m/a.ogg");
        record.tags = vec!["title=A".to_owned(), "artist=B".to_owned()];
        let moments = vec![Moment { start_s: 67.0, end_s: 91.4, score: 0.5 }];
        let answer = Answer { track: 0, path: record.path.clone(), duration_s: 3792.0, score: 0.4, moments };
        let [moment, whole] = [false, true].map(|whole| playlist_entry(&record, &answer, whole));
        assert_eq!((moment.start_s, moment.end_s, &*moment.title), (Some(67.0), Some(91.4), "A"));
        assert_eq!((whole.start_s, whole.duration_s, whole.artist.as_deref()), (None, Some(3792.0), Some("B")));
    }
}
