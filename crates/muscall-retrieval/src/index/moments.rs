//! Where in a track something is.

use serde::{Deserialize, Serialize};

/// A stretch of a track.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// From the start of the track.
    pub start_s: f64,
    /// Where it ends.
    pub end_s: f64,
    /// That of its best segment.
    pub score: f32,
}

/// The best moments of a track, best first.
///
/// Segments count that score at least half-way between the track's mean and its best; those that follow
/// each other are one moment.
///
/// # Shapes
/// - segments: in the order of time
pub(super) fn moments(segments: &[Moment], most: usize) -> Vec<Moment> {
    let best = segments.iter().map(|segment| segment.score).fold(f32::NEG_INFINITY, f32::max);
    let mean = segments.iter().map(|segment| f64::from(segment.score)).sum::<f64>() / segments.len().max(1) as f64;
    let enough = ((f64::from(best) + mean) / 2.0) as f32;
    let mut found: Vec<Moment> = Vec::new();
    let mut open = false;
    for &segment in segments {
        // The best one counts whatever rounding says.
        let counts = segment.score >= enough.min(best);
        match found.last_mut().filter(|_| open && counts) {
            Some(moment) => {
                moment.end_s = segment.end_s;
                moment.score = moment.score.max(segment.score);
            }
            None if counts => found.push(segment),
            None => {}
        }
        open = counts;
    }
    found.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.start_s.total_cmp(&b.start_s)));
    found.truncate(most);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IndexConfig;

    fn segments(starts_s: &[f64], scores: &[f32], window_s: f64, duration_s: f64) -> Vec<Moment> {
        let config = IndexConfig::new(1, "").with_windows(window_s, window_s);
        let segment = |(&start_s, &score): (&f64, &f32)| {
            let end_s = config.segment_end_s(start_s, duration_s);
            Moment { start_s, end_s, score }
        };
        starts_s.iter().zip(scores).map(segment).collect()
    }

    #[test]
    fn neighbours_are_one_moment() {
        let segments = segments(&[0.0, 5.0, 10.0, 15.0, 20.0, 25.0], &[0.1, 0.9, 0.8, 0.1, 0.7, 0.1], 10.0, 33.0);
        let found = moments(&segments, 3);
        assert_eq!(found[0], Moment { start_s: 5.0, end_s: 20.0, score: 0.9 });
        assert_eq!(found[1], Moment { start_s: 20.0, end_s: 30.0, score: 0.7 });
        assert_eq!(found.len(), 2);
        assert_eq!(moments(&segments, 1).len(), 1);
    }

    #[test]
    fn the_end_is_that_of_the_track_at_most() {
        let end_s = |window_s, duration_s| moments(&segments(&[0.0], &[0.5], window_s, duration_s), 3)[0].end_s;
        assert_eq!((end_s(10.0, 4.0), end_s(0.0, 4.0)), (4.0, 4.0));
        // Of a track whose length nobody has told, the window is what is known.
        assert_eq!((end_s(10.0, 0.0), end_s(0.0, 0.0)), (10.0, 0.0));
        // Without any difference the whole is the moment.
        let whole = moments(&segments(&[0.0, 5.0], &[0.3; 2], 10.0, 15.0), 3);
        assert_eq!(whole, [Moment { start_s: 0.0, end_s: 15.0, score: 0.3 }]);
    }
}
