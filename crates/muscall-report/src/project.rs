//! Embeddings in two dimensions.

use bhtsne::tSNE;
use muscall_retrieval::Embeddings;

/// Iterations at most until the two directions stand still.
const ITERATIONS: usize = 500;
/// Epochs of t-SNE.
const EPOCHS: usize = 750;
/// Above so many points forces are approximated (Barnes–Hut).
const EXACT: usize = 800;

/// Points on the first two principal components.
#[derive(Debug, Clone, PartialEq)]
pub struct PrincipalComponents {
    /// Where each row is.
    pub points: Vec<[f64; 2]>,
    /// Share of the variance that each component has.
    pub explained: [f64; 2],
}

/// The first two principal components, by orthogonal iteration from a fixed start: the same rows
/// give the same points.
pub fn pca(rows: Embeddings<'_>) -> PrincipalComponents {
    let (count, dim) = (rows.rows(), rows.dim());
    let mut mean = vec![0.0; dim];
    rows.iter().for_each(|row| mean.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x) / count as f64));
    let centred: Vec<Vec<f64>> =
        rows.iter().map(|row| row.iter().zip(&mean).map(|(&x, mean)| f64::from(x) - mean).collect()).collect();
    let total: f64 = centred.iter().flatten().map(|x| x * x).sum();
    // Any start will do that is not perpendicular to the components.
    let mut axes = [0, 1].map(|axis| (0..dim).map(|i| ((i * (axis + 2) + 1) as f64).sin()).collect::<Vec<f64>>());
    let mut variances = [0.0; 2];
    for _ in 0..ITERATIONS {
        for axis in 0..2 {
            let mut next = vec![0.0; dim];
            for row in &centred {
                let along = dot(row, &axes[axis]);
                next.iter_mut().zip(row).for_each(|(next, x)| *next += along * x);
            }
            if axis == 1 {
                let along = dot(&next, &axes[0]);
                next.iter_mut().zip(&axes[0]).for_each(|(next, x)| *next -= along * x);
            }
            let norm = dot(&next, &next).sqrt();
            if norm > 0.0 {
                next.iter_mut().for_each(|x| *x /= norm);
            }
            axes[axis] = next;
        }
        let now = [0, 1].map(|axis| centred.iter().map(|row| dot(row, &axes[axis]).powi(2)).sum::<f64>());
        let moved = now.iter().zip(&variances).any(|(now, before)| (now - before).abs() > 1e-12 * total);
        variances = now;
        if !moved {
            break;
        }
    }
    PrincipalComponents {
        points: centred.iter().map(|row| [0, 1].map(|axis| dot(row, &axes[axis]))).collect(),
        explained: variances.map(|variance| if total > 0.0 { variance / total } else { 0.0 }),
    }
}

/// t-SNE of squared Euclidean distances, starting from the principal components and on one thread:
/// the same rows give the same points on any number of cores. Fewer than eight points are left on
/// the principal components.
///
/// # Source
/// van der Maaten 2014; the start as in Kobak and Berens 2019.
pub fn tsne(rows: Embeddings<'_>) -> Vec<[f64; 2]> {
    let start = pca(rows).points;
    if rows.rows() < 8 {
        return start;
    }
    let spread = (start.iter().map(|point| point[0] * point[0]).sum::<f64>() / start.len() as f64).sqrt();
    let scale = if spread > 0.0 { 1e-4 / spread } else { 0.0 };
    let start: Vec<f32> = start.iter().flatten().map(|x| (x * scale) as f32).collect();
    let samples: Vec<&[f32]> = rows.iter().collect();
    let squared = |a: &&[f32], b: &&[f32]| a.iter().zip(*b).map(|(x, y)| (x - y) * (x - y)).sum::<f32>();
    let perplexity = ((rows.rows() - 1) as f32 / 3.0).floor().min(30.0);
    let fit = || {
        let mut tsne: tSNE<'_, f32, &[f32]> = tSNE::new(&samples);
        tsne.perplexity(perplexity).epochs(EPOCHS).initial_embedding(start);
        if samples.len() <= EXACT {
            tsne.exact(squared);
        } else {
            // The tree wants a metric.
            tsne.barnes_hut(0.5, |a, b| squared(a, b).sqrt());
        }
        tsne.embedding()
    };
    // Threads sum in an order of their own.
    let points = match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
        Ok(one) => one.install(fit),
        Err(_) => fit(),
    };
    points.chunks_exact(2).map(|point| [f64::from(point[0]), f64::from(point[1])]).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Three clouds in ten dimensions.
    fn clouds(rows: usize) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        (0..rows)
            .flat_map(|row| {
                let mut values: Vec<f32> = (0..10).map(|_| 0.05 * (rng.random::<f32>() - 0.5)).collect();
                values[row % 3] += 1.0;
                values
            })
            .collect()
    }

    #[test]
    fn principal_components_find_the_plane() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let points: Vec<[f32; 2]> = (0..50).map(|_| [4.0 * rng.random::<f32>(), rng.random::<f32>()]).collect();
        let rows: Vec<f32> = points.iter().flat_map(|[a, b]| [0.6 * a, 5.0, 0.8 * a, *b]).collect();
        let found = pca(Embeddings::new(&rows, 4).unwrap());
        assert!((found.explained[0] + found.explained[1] - 1.0).abs() < 1e-6, "{found:?}");
        assert!(found.explained[0] > 0.85);
        // Distances in the plane are those of the points.
        for (a, b) in [(0, 1), (3, 40), (7, 22)] {
            let distance = |p: [f64; 2], q: [f64; 2]| ((p[0] - q[0]).powi(2) + (p[1] - q[1]).powi(2)).sqrt();
            let [true_a, true_b] = [a, b].map(|i| points[i].map(f64::from));
            assert!((distance(found.points[a], found.points[b]) - distance(true_a, true_b)).abs() < 1e-5);
        }
    }

    #[test]
    fn neighbours_stay_neighbours_and_threads_change_nothing() {
        for rows in [60, EXACT + 30] {
            let values = clouds(rows);
            let rows = Embeddings::new(&values, 10).unwrap();
            let points = tsne(rows);
            let nearest = |i: usize| {
                let distance = |j: usize| (0..2).map(|axis| (points[i][axis] - points[j][axis]).powi(2)).sum::<f64>();
                (0..points.len()).filter(|&j| j != i).min_by(|&a, &b| distance(a).total_cmp(&distance(b))).unwrap()
            };
            let kept = (0..points.len()).filter(|&i| nearest(i) % 3 == i % 3).count();
            assert!(kept * 100 >= 98 * points.len(), "{kept} of {}", points.len());
            let four = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
            assert_eq!(four.install(|| tsne(rows)), points);
        }
    }

    #[test]
    fn few_and_equal_points_are_no_trouble() {
        assert_eq!(tsne(Embeddings::new(&[1.0, 0.0, 0.0, 1.0], 2).unwrap()).len(), 2);
        let equal = [0.6, 0.8].repeat(30);
        assert!(tsne(Embeddings::new(&equal, 2).unwrap()).iter().flatten().all(|x| x.is_finite()));
    }
}
