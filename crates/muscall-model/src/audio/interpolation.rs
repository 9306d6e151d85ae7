//! Stretching the time axis.

/// Linear interpolation from `from` to `to` points with half-pixel centres, as a row-major
/// `[to, from]` matrix.
pub(crate) fn interpolation(from: usize, to: usize) -> Vec<f32> {
    let mut matrix = vec![0.0; to * from];
    for (i, row) in matrix.chunks_exact_mut(from).enumerate() {
        let x = ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5).clamp(0.0, (from - 1) as f64);
        let left = (x as usize).min(from - 1);
        let right = (left + 1).min(from - 1);
        let fraction = (x - left as f64) as f32;
        row[left] += 1.0 - fraction;
        row[right] += fraction;
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::interpolation;

    #[test]
    fn rows_are_convex_and_the_same_length_is_the_identity() {
        for (from, to) in [(1, 5), (4, 4), (19, 9), (9, 19), (3, 1)] {
            let matrix = interpolation(from, to);
            for row in matrix.chunks_exact(from) {
                assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
                assert!(row.iter().all(|&w| w >= 0.0));
            }
        }
        assert_eq!(interpolation(2, 2), [1.0, 0.0, 0.0, 1.0]);
        assert_eq!(interpolation(2, 4), [1.0, 0.0, 0.75, 0.25, 0.25, 0.75, 0.0, 1.0]);
    }
}
