//! A path from one row to another, in small and even steps.

use std::cmp::Ordering;

use muscall_vectors::dot;
use rayon::prelude::*;

use crate::{Embeddings, RetrievalError};

/// Rows among which the path is chosen, unless it has more steps.
const POOL: usize = 768;
/// Cosine of the ends above which there is no direction from one to the other.
const SAME: f32 = 1.0 - 1e-6;

/// A playlist from one track to another: `steps + 1` different rows that start with `from`, end with `to`,
/// and never go back on the way.
///
/// How far a row `v` is on the way from `a` to `b` is `v · b − v · a`, held between the values of the ends, and
/// its pace `p` is the same from 0 to `steps`. Rows are preferred that are near to the arc from `a` to `b`:
/// for each step, those with the largest cosine to the point that spherical interpolation gives. Among
/// these, the path has the smallest possible
///
/// `Σ |v_k − v_{k−1}|² + Σ (p_k − k)²`,
///
/// of all that never go back. The first sum makes neighbours alike, the second one keeps even steps: without
/// it, copies of the start and one leap would be best. Copies can be left out with
/// [`duplicates`](crate::duplicates).
///
/// ```
/// use muscall_retrieval::{Embeddings, walk};
///
/// // A quarter of a circle, in disorder, and a row that is out of the way.
/// let angle = |degrees: f32| [degrees.to_radians().cos(), degrees.to_radians().sin()];
/// let rows = [0.0, 60.0, 30.0, 90.0, 200.0].map(angle).concat();
/// assert_eq!(walk(Embeddings::new(&rows, 2)?, 0, 3, 3)?, [0, 2, 1, 3]);
/// # Ok::<(), muscall_retrieval::RetrievalError>(())
/// ```
///
/// # Shapes
/// - vectors: `[rows, dim]`, unit norm; returns `[steps + 1]` rows.
/// # Errors
/// [`RetrievalError::NoRow`], [`RetrievalError::SameEnds`], or [`RetrievalError::Steps`] if there are no steps
/// or too few rows for them.
/// # Source
/// Interpolation: Shoemake 1985.
pub fn walk(vectors: Embeddings<'_>, from: usize, to: usize, steps: usize) -> Result<Vec<usize>, RetrievalError> {
    let rows = vectors.rows();
    if let Some(row) = [from, to].into_iter().find(|&row| row >= rows) {
        return Err(RetrievalError::NoRow { row, rows });
    }
    if from == to {
        return Err(RetrievalError::SameEnds { row: from });
    }
    if steps == 0 || steps >= rows {
        return Err(RetrievalError::Steps { steps, rows });
    }
    let way = Way { steps, cosine: dot(vectors.row(from), vectors.row(to)).clamp(-1.0, 1.0) };
    let stops = (0..rows).into_par_iter().filter(|&row| row != from && row != to).map(|row| {
        let [to_start, to_end] = [from, to].map(|end| dot(vectors.row(row), vectors.row(end)));
        Stop { row, to_start, to_end, pace: way.pace(to_start, to_end) }
    });
    let pool = way.pool(stops.collect());
    let mut path = vec![from];
    path.extend(shortest(vectors, [from, to], steps, &pool));
    path.push(to);
    Ok(path)
}

/// A row that the path may use.
struct Stop {
    row: usize,
    to_start: f32,
    to_end: f32,
    pace: f32,
}

/// From the start to the end.
struct Way {
    steps: usize,
    /// Of the start and the end.
    cosine: f32,
}

impl Way {
    fn pace(&self, to_start: f32, to_end: f32) -> f32 {
        if self.cosine > SAME {
            return 0.0;
        }
        // At the start `to_end − to_start` is cosine − 1, at the end 1 − cosine.
        let share = (to_end - to_start) / (2.0 * (1.0 - self.cosine)) + 0.5;
        share.clamp(0.0, 1.0) * self.steps as f32
    }

    /// For each step as many stops as near as possible to its point of the arc, by pace. There are always
    /// as many as steps need.
    fn pool(&self, mut stops: Vec<Stop>) -> Vec<Stop> {
        let between = self.steps - 1;
        let each = POOL.checked_div(between).unwrap_or(0).max(2);
        let angle = self.cosine.acos();
        let mut pool = Vec::new();
        for step in 1..self.steps {
            let share = step as f32 / self.steps as f32;
            let (start, end) = match self.cosine > SAME {
                true => (1.0 - share, share),
                false => (((1.0 - share) * angle).sin(), (share * angle).sin()),
            };
            let near = |stop: &Stop| start * stop.to_start + end * stop.to_end;
            if each < stops.len() {
                stops.select_nth_unstable_by(each, |a, b| near(b).total_cmp(&near(a)).then(a.row.cmp(&b.row)));
            }
            pool.extend(stops.drain(..each.min(stops.len())));
        }
        pool.sort_unstable_by(|a, b| a.pace.total_cmp(&b.pace).then(a.row.cmp(&b.row)));
        pool
    }
}

/// The best stops between the ends, in the order of the pool.
///
/// `cost[i]` is that of the best path whose last stop is `i`; one step more goes to a later stop.
fn shortest(vectors: Embeddings<'_>, [from, to]: [usize; 2], steps: usize, pool: &[Stop]) -> Vec<usize> {
    let jump = |a: usize, b: usize| 2.0 - 2.0 * dot(vectors.row(a), vectors.row(b));
    let jumps = pool.par_iter().enumerate();
    let jumps: Vec<Vec<f32>> =
        jumps.map(|(i, stop)| pool[..i].iter().map(|before| jump(before.row, stop.row)).collect()).collect();
    let late = |stop: &Stop, step: usize| f64::from(stop.pace - step as f32).powi(2);

    let mut cost: Vec<f64> = pool.iter().map(|stop| f64::from(jump(from, stop.row)) + late(stop, 1)).collect();
    let mut before: Vec<Vec<usize>> = Vec::new(); // of each step from the second: [stops]
    for step in 2..steps {
        let best = jumps.par_iter().zip(pool).map(|(jumps, stop)| {
            let reached = cost.iter().zip(jumps).map(|(cost, &jump)| cost + f64::from(jump)).enumerate();
            let best = reached.min_by(|a, b| a.1.total_cmp(&b.1));
            best.map_or((0, f64::INFINITY), |(last, cost)| (last, cost + late(stop, step)))
        });
        let (last, next): (Vec<usize>, Vec<f64>) = best.unzip();
        before.push(last);
        cost = next;
    }
    let total = |i: &usize| cost[*i] + f64::from(jump(pool[*i].row, to));
    let by_total = |a: &usize, b: &usize| -> Ordering { total(a).total_cmp(&total(b)) };
    let Some(mut last) = (0..pool.len()).min_by(by_total) else {
        return Vec::new();
    };
    let mut path = vec![pool[last].row];
    for before in before.iter().rev() {
        last = before[last];
        path.push(pool[last].row);
    }
    path.reverse();
    path
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;
    use rand::seq::SliceRandom;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn unit(mut row: Vec<f32>) -> Vec<f32> {
        let norm = dot(&row, &row).sqrt();
        row.iter_mut().for_each(|x| *x /= norm);
        row
    }

    fn largest_jump(vectors: Embeddings<'_>, path: &[usize]) -> f32 {
        let jumps = path.windows(2).map(|pair| 2.0 - 2.0 * dot(vectors.row(pair[0]), vectors.row(pair[1])));
        jumps.fold(0.0, f32::max).sqrt()
    }

    /// `clusters` of `size` rows along a quarter of a circle, each with noise of this norm.
    fn clusters(rng: &mut ChaCha8Rng, clusters: usize, size: usize, noise: f32) -> Vec<f32> {
        const DIM: usize = 24;
        let mut values = Vec::new();
        for cluster in 0..clusters {
            let angle = cluster as f32 / (clusters - 1) as f32 * std::f32::consts::FRAC_PI_2;
            for _ in 0..size {
                let scale = noise * (3.0 / DIM as f32).sqrt();
                let mut row: Vec<f32> = (0..DIM).map(|_| rng.random_range(-scale..scale)).collect();
                row[0] += angle.cos();
                row[1] += angle.sin();
                values.extend(unit(row));
            }
        }
        values
    }

    #[test]
    fn steps_are_smaller_than_in_a_random_order() {
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        let values = clusters(&mut rng, 11, 40, 0.4);
        let vectors = Embeddings::new(&values, 24).unwrap();
        let (from, to) = (0, vectors.rows() - 1);
        let path = walk(vectors, from, to, 10).unwrap();
        let largest = largest_jump(vectors, &path);
        for _ in 0..200 {
            let mut order = path.clone();
            order[1..10].shuffle(&mut rng);
            assert!(order == path || largest < largest_jump(vectors, &order));
            let mut others: Vec<usize> = (1..to).collect();
            others.shuffle(&mut rng);
            others[0] = from;
            others[10] = to;
            assert!(largest < 0.7 * largest_jump(vectors, &others[..11]));
        }
        // Even: no step is longer than two fifths of the whole, where noise alone is 0.4 · √2 apart.
        let whole = largest_jump(vectors, &[from, to]);
        assert!(largest < 0.4 * whole, "{largest} of {whole}");
    }

    #[test]
    fn copies_of_the_start_do_not_make_a_leap() {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let mut values = clusters(&mut rng, 2, 1, 0.01);
        for _ in 0..60 {
            values.extend_from_within(..24);
        }
        values.extend(clusters(&mut rng, 7, 3, 0.5));
        let path = walk(Embeddings::new(&values, 24).unwrap(), 0, 1, 6).unwrap();
        let copies = path.iter().filter(|&&row| (2..62).contains(&row)).count();
        assert!(copies <= 1, "{path:?}");
    }

    #[test]
    fn misfits_are_named() {
        let vectors = Embeddings::new(&[1.0, 1.0, 1.0], 1).unwrap();
        assert!(matches!(walk(vectors, 0, 3, 1), Err(RetrievalError::NoRow { row: 3, rows: 3 })));
        assert!(matches!(walk(vectors, 1, 1, 1), Err(RetrievalError::SameEnds { row: 1 })));
        assert!(matches!(walk(vectors, 0, 1, 0), Err(RetrievalError::Steps { steps: 0, rows: 3 })));
        assert!(matches!(walk(vectors, 0, 1, 3), Err(RetrievalError::Steps { steps: 3, rows: 3 })));
        // Ends that are the same vector, and all rows are needed.
        assert_eq!(walk(vectors, 2, 0, 2).unwrap(), [2, 1, 0]);
        assert_eq!(walk(vectors, 2, 0, 1).unwrap(), [2, 0]);
        let opposite = Embeddings::new(&[1.0, 0.0, -1.0, 0.0, 0.0, 1.0, 0.6, 0.8], 2).unwrap();
        assert_eq!(walk(opposite, 0, 1, 3).unwrap(), [0, 3, 2, 1]);
    }

    proptest! {
        #[test]
        fn goes_from_start_to_end_without_repeats_or_returns(
            rows in prop::collection::vec(prop::collection::vec(-3_i8..4, 3), 2..40),
            picks in any::<[prop::sample::Index; 3]>(),
        ) {
            prop_assume!(rows.iter().all(|row| row.iter().any(|&x| x != 0)));
            let values: Vec<f32> = rows.iter().flat_map(|row| unit(row.iter().map(|&x| f32::from(x)).collect())).collect();
            let vectors = Embeddings::new(&values, 3).unwrap();
            let rows = vectors.rows();
            let from = picks[0].index(rows);
            let to = (from + 1 + picks[1].index(rows - 1)) % rows;
            let steps = 1 + picks[2].index(rows - 1);
            let path = walk(vectors, from, to, steps).unwrap();
            prop_assert_eq!(path.len(), steps + 1);
            prop_assert_eq!((path[0], path[steps]), (from, to));
            let mut different = path.clone();
            different.sort_unstable();
            different.dedup();
            prop_assert_eq!(different.len(), path.len());
            let along = |row: usize| dot(vectors.row(row), vectors.row(to)) - dot(vectors.row(row), vectors.row(from));
            let held: Vec<f32> = path.iter().map(|&row| along(row).clamp(along(from), along(to))).collect();
            prop_assert!(held.is_sorted_by(|a, b| a <= b || a - b < 1e-5), "{:?}", held);
        }
    }
}
