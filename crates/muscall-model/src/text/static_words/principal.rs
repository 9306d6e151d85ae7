//! Principal components.

use rayon::prelude::*;

/// Off-diagonal part of a matrix, relative to all of it, below which it counts as diagonal.
const DIAGONAL: f64 = 1e-10;
/// Sweeps that no matrix needs.
const MOST_SWEEPS: usize = 30;

/// Rows less their mean, on the `dim` directions in which they vary most. These are most of all directions, so that the
/// whole covariance is diagonalised; for the first one or two, iteration from a guess is quicker.
///
/// # Shapes
/// - rows: `[n, width]`; returns `[n, dim]`.
pub(super) fn principal(rows: &[f32], width: usize, dim: usize) -> Vec<f32> {
    let count = (rows.len() / width) as f64;
    let mut mean = vec![0.0; width];
    for row in rows.chunks_exact(width) {
        mean.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x) / count);
    }
    let centred: Vec<f64> =
        rows.chunks_exact(width).flat_map(|row| row.iter().zip(&mean).map(|(&x, mean)| f64::from(x) - mean)).collect();
    // Each row of the covariance by itself: the sums have one order whatever the threads.
    let covariance: Vec<f64> = (0..width)
        .into_par_iter()
        .flat_map_iter(|i| {
            let mut sums = vec![0.0; width];
            for row in centred.chunks_exact(width) {
                sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += row[i] * x);
            }
            sums
        })
        .collect();
    let (values, vectors) = eigen(covariance, width);
    let mut order: Vec<usize> = (0..width).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    let directions: Vec<&[f64]> = order[..dim].iter().map(|&i| &vectors[i * width..][..width]).collect();
    let on = |row: &[f64], direction: &[f64]| row.iter().zip(direction).map(|(a, b)| a * b).sum::<f64>() as f32;
    centred.par_chunks_exact(width).flat_map_iter(|row| directions.iter().map(|direction| on(row, direction))).collect()
}

/// Eigenvalues and eigenvectors, a row each, of a symmetric matrix: Jacobi's rotations.
fn eigen(mut a: Vec<f64>, n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut vectors = vec![0.0; n * n];
    (0..n).for_each(|i| vectors[i * n + i] = 1.0);
    let total: f64 = a.iter().map(|x| x * x).sum();
    for _ in 0..MOST_SWEEPS {
        let off: f64 = (0..n * n).filter(|at| at / n != at % n).map(|at| a[at] * a[at]).sum();
        if off <= DIAGONAL * DIAGONAL * total {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut a, &mut vectors, n, p, q);
            }
        }
    }
    ((0..n).map(|i| a[i * n + i]).collect(), vectors)
}

/// Makes one pair of elements zero.
fn rotate(a: &mut [f64], vectors: &mut [f64], n: usize, p: usize, q: usize) {
    let element = a[p * n + q];
    if element == 0.0 {
        return;
    }
    let theta = (a[q * n + q] - a[p * n + p]) / (2.0 * element);
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    let mix = |x: &mut f64, y: &mut f64| (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
    let mix_rows = |m: &mut [f64]| {
        let (above, below) = m.split_at_mut(q * n);
        above[p * n..][..n].iter_mut().zip(&mut below[..n]).for_each(|(x, y)| mix(x, y));
    };
    mix_rows(a);
    for row in a.chunks_exact_mut(n) {
        let (left, right) = row.split_at_mut(q);
        mix(&mut left[p], &mut right[0]);
    }
    mix_rows(vectors);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvectors_of_a_symmetric_matrix() {
        let n = 12;
        let value = |i: usize, j: usize| ((i * 7 + j * 7 + (i * j) % 5) as f64).sin() + if i == j { 3.0 } else { 0.0 };
        let a: Vec<f64> = (0..n * n).map(|at| value(at / n, at % n)).collect();
        let (values, vectors) = eigen(a.clone(), n);
        for (value, vector) in values.iter().zip(vectors.chunks_exact(n)) {
            for i in 0..n {
                let product: f64 = a[i * n..][..n].iter().zip(vector).map(|(a, x)| a * x).sum();
                assert!((product - value * vector[i]).abs() < 1e-8, "{product} {}", value * vector[i]);
            }
        }
    }

    #[test]
    fn what_varies_in_two_directions_needs_two() {
        let row = |i: usize| {
            let (a, b) = ((i as f32 * 0.7).sin(), (i as f32 * 0.31).cos());
            [5.0 + a, 1.0 - 2.0 * a + b, b, 3.0, a + b]
        };
        let rows: Vec<f32> = (0..50).flat_map(row).collect();
        let reduced = principal(&rows, 5, 2);
        for i in 0..50 {
            for j in 0..i {
                let square = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
                let before = square(&rows[5 * i..][..5], &rows[5 * j..][..5]);
                let after = square(&reduced[2 * i..][..2], &reduced[2 * j..][..2]);
                assert!((before - after).abs() < 1e-4, "{before} {after}");
            }
        }
    }
}
