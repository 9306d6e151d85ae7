//! Pairs of tracks that are worth hearing, since they may be one recording.

use std::sync::{Mutex, PoisonError};

use crate::copies::{CopiesConfig, Known, LENGTHS};
use crate::duplicates::{ROUNDING, SIDE, check_threshold, near};
use crate::lagged::may_follow;
use crate::{Index, RetrievalError, dot};

/// Of the longer of two tracks, the other has at least so much.
const OVERLAP: f64 = 0.75;

impl CopiesConfig {
    /// When a pair of tracks is worth hearing: lengths may differ by a quarter of the longer one as well.
    // Copies by codecs at 64 kbit/s had 0.9 and more; of other real tracks one pair in twenty has 0.85.
    pub const WORTH_HEARING: Self = Self { threshold: 0.85, apart_s: 4.0 };
}

/// Two tracks that may be one recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PossibleCopy {
    /// The smaller number first.
    pub tracks: (usize, usize),
    /// They are the same file, byte by byte.
    pub is_one_file: bool,
    /// Their vectors alone say that they are, as [`copies`](crate::copies) does.
    pub by_vectors: bool,
}

/// Pairs of tracks that may be one recording, in order; whoever hears both files can tell.
///
/// The rule is loose, and quick: it takes the vectors of tracks, their lengths, and where both have nine windows or more,
/// whether these could follow one course, if one track starts at another moment. Of tracks for one instrument that have fewer
/// windows, most pairs are possible. [`CopiesConfig::WORTH_HEARING`] is what it is made for.
///
/// # Errors
/// [`RetrievalError::OutOfRange`] if the threshold is not above 0 and at most 1, [`RetrievalError::Corrupt`].
pub fn possible_copies(index: &Index, config: &CopiesConfig) -> Result<Vec<PossibleCopy>, RetrievalError> {
    let CopiesConfig { threshold, apart_s } = *config;
    check_threshold(threshold)?;
    let known = Known::read(index)?;
    let vectors = known.vectors()?;
    let is_possible = |a: usize, b: usize| {
        let (length_s, by_s) = known.lengths_s(a, b);
        let apart_s = apart_s.min((1.0 - OVERLAP) * length_s).max(LENGTHS * length_s);
        known.are_one_file(a, b) || by_s <= apart_s && may_follow(&known.windows[a], &known.windows[b], apart_s)
    };
    let found = Mutex::new(Vec::new());
    near(vectors, threshold - ROUNDING, SIDE, &is_possible, &|pairs| {
        found.lock().unwrap_or_else(PoisonError::into_inner).extend(pairs);
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_unstable();
    let strict = CopiesConfig::default();
    let pair = |(a, b)| {
        let is_one_file = known.are_one_file(a, b);
        let is_near = dot(vectors.row(a), vectors.row(b)) >= strict.threshold - ROUNDING;
        let by_vectors = is_one_file || is_near && known.are_alike(a, b, strict.apart_s);
        PossibleCopy { tracks: (known.tracks[a], known.tracks[b]), is_one_file, by_vectors }
    };
    Ok(found.into_iter().map(pair).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::{Fingerprint, IndexConfig, IndexWriter, TrackRecord};

    const DIM: usize = 32;
    const HOP_S: f64 = 5.0;

    fn unit(row: &[f32]) -> Vec<f32> {
        let norm = dot(row, row).sqrt();
        row.iter().map(|x| x / norm).collect()
    }

    /// What a track sounds like second by second: a timbre, and what changes.
    fn course(rng: &mut ChaCha8Rng, timbre: &[f32], seconds: usize, spread: f32) -> Vec<Vec<f32>> {
        (0..seconds).map(|_| timbre.iter().map(|x| x + spread * rng.random_range(-1.0..1.0)).collect()).collect()
    }

    /// Windows of ten seconds of a course, from a second of it on.
    fn windows(course: &[Vec<f32>], from: usize) -> Vec<f32> {
        let starts = (from..course.len() - 9).step_by(HOP_S as usize);
        let mean = |start: usize| -> Vec<f32> {
            (0..DIM).map(|i| course[start..start + 10].iter().map(|second| second[i]).sum::<f32>()).collect()
        };
        starts.flat_map(|start| unit(&mean(start))).collect()
    }

    /// Pairs that may be copies, by the names of tracks that are as long as they say.
    fn pairs(tracks: &[(&str, Vec<f32>, f64, u128)]) -> Vec<(String, String, PossibleCopy)> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.index");
        let config = IndexConfig::new(DIM, Fingerprint::new("space")).with_windows(10.0, HOP_S);
        let mut writer = IndexWriter::create(&path, &config).unwrap();
        for (name, rows, duration_s, content) in tracks {
            let record = TrackRecord { duration_s: *duration_s, content: *content, ..TrackRecord::new(*name) };
            let starts: Vec<f32> = (0..rows.len() / DIM).map(|i| (HOP_S * i as f64) as f32).collect();
            writer.add(&record, &starts, rows).unwrap();
        }
        writer.commit().unwrap();
        drop(writer);
        let index = Index::open(&path).unwrap();
        let name = |track: usize| index.track(track).unwrap().path;
        let found = possible_copies(&index, &CopiesConfig::WORTH_HEARING).unwrap();
        found.into_iter().map(|pair| (name(pair.tracks.0), name(pair.tracks.1), pair)).collect()
    }

    #[test]
    fn long_tracks_are_told_apart_by_their_course_and_a_late_copy_is_not() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let timbre = course(&mut rng, &[0.0; DIM], 1, 1.0).remove(0);
        let music: Vec<_> = (0..12).map(|_| course(&mut rng, &timbre, 120, 0.8)).collect();
        let names: Vec<String> = (0..music.len()).map(|i| format!("piece {i}")).collect();
        let mut tracks: Vec<_> =
            names.iter().zip(&music).map(|(name, music)| (&**name, windows(music, 0), 120.0, 0)).collect();
        tracks.push(("cut by 2 s", windows(&music[0], 2), 118.0, 0));
        tracks.push(("of another length", windows(&music[1], 0), 128.0, 0));
        tracks.push(("the same file", windows(&music[2], 0), 120.0, 7));
        tracks.push(("its other name", windows(&music[2], 0), 120.0, 7));
        let found = pairs(&tracks);
        let names: Vec<_> = found.iter().map(|(a, b, pair)| (&**a, &**b, pair.is_one_file)).collect();
        let expected = [
            ("piece 0", "cut by 2 s", false),
            ("piece 2", "the same file", false),
            ("piece 2", "its other name", false),
            ("the same file", "its other name", true),
        ];
        assert_eq!(names, expected);
        assert_eq!(found.iter().map(|(.., pair)| pair.by_vectors).collect::<Vec<_>>(), [false, true, true, true]);
    }

    #[test]
    fn short_tracks_that_sound_alike_are_possible_as_far_as_their_lengths_allow() {
        let row = unit(&[1.0; DIM]);
        let other: Vec<f32> = (0..DIM).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let track = |name: &'static str, duration_s| (name, row.clone(), duration_s, 0);
        let found = pairs(&[track("a", 10.0), track("b", 12.0), ("c", unit(&other), 10.0, 0), track("d", 14.5)]);
        let names: Vec<_> = found.iter().map(|(a, b, pair)| (&**a, &**b, pair.by_vectors)).collect();
        assert_eq!(names, [("a", "b", false), ("b", "d", false)]);
    }

    #[test]
    fn a_threshold_that_cannot_be_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.index");
        drop(IndexWriter::create(&path, &IndexConfig::new(4, Fingerprint::new("space"))).unwrap());
        let index = Index::open(&path).unwrap();
        let wrong = CopiesConfig { threshold: 0.0, ..CopiesConfig::WORTH_HEARING };
        assert!(matches!(possible_copies(&index, &wrong), Err(RetrievalError::OutOfRange { .. })));
    }
}
