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
/// - starts_s, scores: `[segments]`, in the order of time
pub(super) fn moments(starts_s: &[f32], scores: &[f32], end_s: impl Fn(f64) -> f64, most: usize) -> Vec<Moment> {
    let best = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mean = scores.iter().map(|&x| f64::from(x)).sum::<f64>() / scores.len().max(1) as f64;
    let enough = ((f64::from(best) + mean) / 2.0) as f32;
    let mut found: Vec<Moment> = Vec::new();
    let mut open = false;
    for (&start, &score) in starts_s.iter().zip(scores) {
        let start_s = f64::from(start);
        let end_s = end_s(start_s);
        // The best one counts whatever rounding says.
        let counts = score >= enough.min(best);
        match found.last_mut().filter(|_| open && counts) {
            Some(moment) => {
                moment.end_s = end_s;
                moment.score = moment.score.max(score);
            }
            None if counts => found.push(Moment { start_s, end_s, score }),
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

    fn of(window_s: f64, duration_s: f64) -> impl Fn(f64) -> f64 {
        let config = IndexConfig::new(1, "").with_windows(window_s, window_s);
        move |start_s| config.segment_end_s(start_s, duration_s)
    }

    #[test]
    fn neighbours_are_one_moment() {
        let starts = [0.0, 5.0, 10.0, 15.0, 20.0, 25.0];
        let scores = [0.1, 0.9, 0.8, 0.1, 0.7, 0.1];
        let found = moments(&starts, &scores, of(10.0, 33.0), 3);
        assert_eq!(found[0], Moment { start_s: 5.0, end_s: 20.0, score: 0.9 });
        assert_eq!(found[1], Moment { start_s: 20.0, end_s: 30.0, score: 0.7 });
        assert_eq!(found.len(), 2);
        assert_eq!(moments(&starts, &scores, of(10.0, 33.0), 1).len(), 1);
    }

    #[test]
    fn the_end_is_that_of_the_track_at_most() {
        assert_eq!(moments(&[0.0], &[0.5], of(10.0, 4.0), 3), [Moment { start_s: 0.0, end_s: 4.0, score: 0.5 }]);
        assert_eq!(moments(&[0.0], &[0.5], of(0.0, 4.0), 3)[0].end_s, 4.0);
        // Of a track whose length nobody has told, the window is what is known.
        assert_eq!((of(10.0, 0.0)(5.0), of(0.0, 0.0)(0.0)), (15.0, 0.0));
        // Without any difference the whole is the moment.
        let whole = moments(&[0.0, 5.0], &[0.3; 2], of(10.0, 15.0), 3);
        assert_eq!(whole, [Moment { start_s: 0.0, end_s: 15.0, score: 0.3 }]);
    }
}
