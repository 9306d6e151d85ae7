//! Two sequences of windows, of which one may start a moment later in the music.

use crate::copies::STEADY;
use crate::index::Segments;
use crate::{Embeddings, dot};

/// Fewer windows than these are no course that could tell recordings apart.
const COURSE: usize = 8;
/// Copies have a correlation of 0.7 and more over so many windows, other music hardly 0.2.
const LEAST: f32 = 0.4;
/// Windows that are alike to this cosine may be of one recording without a common course.
const SAME_SOUND: f32 = 0.95;
/// Lags that are tried per hop between windows.
const STEPS: usize = 4;
/// Hops that one sequence may be late.
const FARTHEST: usize = 8;

/// Whether two tracks may be one recording by the course of their windows, if one starts at most `apart_s` after the other:
/// all that are too short or too steady for a course may.
pub(crate) fn may_follow(a: &Segments<'_>, b: &Segments<'_>, apart_s: f64) -> bool {
    // The last window stands at the end, wherever that is.
    let windows = |segments: &Segments<'_>| segments.rows.rows().saturating_sub(1);
    if windows(a).min(windows(b)) < COURSE {
        return true;
    }
    let hop_s = f64::from(a.starts_s[1] - a.starts_s[0]);
    let farthest = ((apart_s / hop_s).ceil() as usize).min(FARTHEST);
    [(a, b), (b, a)].iter().any(|(early, late)| {
        (0..farthest.max(1)).any(|hops| {
            let count = windows(early).min(windows(late).saturating_sub(hops + 1));
            count >= COURSE / 2 && Pair::new(&early.rows, &late.rows, hops, count).may_follow()
        })
    })
}

/// Scalar products of windows of one track with those of another that stand some hops later, from which those with what lies
/// between two of the other follow.
struct Pair {
    /// Of each window with the two that enclose its moment, and of those two: `x·y`, `x·z`, `y·z`.
    products: Vec<[f32; 3]>,
    /// The products' sums, less those of means: what is common to all windows says nothing.
    xy: f32,
    xz: f32,
    yz: f32,
    xx: f32,
    yy: f32,
    zz: f32,
}

impl Pair {
    fn new(x: &Embeddings<'_>, late: &Embeddings<'_>, hops: usize, count: usize) -> Self {
        let (y, z) = (|i: usize| late.row(i + hops), |i: usize| late.row(i + hops + 1));
        let products: Vec<[f32; 3]> =
            (0..count).map(|i| [dot(x.row(i), y(i)), dot(x.row(i), z(i)), dot(y(i), z(i))]).collect();
        let sum = |row: &dyn Fn(usize) -> Vec<f32>| {
            let mut sum = vec![0.0; x.dim()];
            (0..count).for_each(|i| sum.iter_mut().zip(row(i)).for_each(|(sum, x)| *sum += x));
            sum
        };
        let sums = [sum(&|i| x.row(i).to_vec()), sum(&|i| y(i).to_vec()), sum(&|i| z(i).to_vec())];
        let common = |a: usize, b: usize| dot(&sums[a], &sums[b]) / count as f32;
        let total = |which: usize| products.iter().map(|products| products[which]).sum::<f32>();
        // Windows have unit norm.
        let own = |which: usize| count as f32 - common(which, which);
        let (xy, xz, yz) = (total(0) - common(0, 1), total(1) - common(0, 2), total(2) - common(1, 2));
        Self { xy, xz, yz, xx: own(0), yy: own(1), zz: own(2), products }
    }

    fn may_follow(&self) -> bool {
        let least = STEADY as f32 * self.products.len() as f32;
        (0..=STEPS).any(|step| {
            let late = step as f32 / STEPS as f32;
            let early = 1.0 - late;
            // Of the windows between.
            let own = early * early * self.yy + late * late * self.zz + 2.0 * early * late * self.yz;
            let both = early * self.xy + late * self.xz;
            let is_steady = self.xx <= least || own <= least;
            is_steady || both >= LEAST * (self.xx * own).sqrt() || self.cosine(early, late) >= SAME_SOUND
        })
    }

    /// The least cosine of a window with what lies between two of the other track.
    fn cosine(&self, early: f32, late: f32) -> f32 {
        let cosines = self.products.iter().map(|[xy, xz, yz]| {
            let norm = early * early + late * late + 2.0 * early * late * yz;
            (early * xy + late * xz) / norm.max(f32::MIN_POSITIVE).sqrt()
        });
        cosines.fold(1.0, f32::min)
    }
}
