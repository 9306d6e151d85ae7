//! Audio of any length as windows of the length of training.

/// Starts of the windows over `samples`: one every `hop`, and a last one that ends where the audio
/// ends. Audio of at most one window has one, at 0.
pub(crate) fn window_starts(samples: usize, window: usize, hop: usize) -> Vec<usize> {
    let last = samples.saturating_sub(window);
    let mut starts: Vec<usize> = (0..=last).step_by(hop.max(1)).collect();
    if starts.last() != Some(&last) {
        starts.push(last);
    }
    starts
}

/// The mean of rows of `dim` values, normalised again.
pub(crate) fn mean_direction(rows: &[f32], dim: usize) -> Vec<f32> {
    if rows.len() == dim {
        return rows.to_vec();
    }
    let mut mean = vec![0.0_f64; dim];
    for row in rows.chunks_exact(dim) {
        mean.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    let norm = mean.iter().map(|x| x * x).sum::<f64>().sqrt();
    // Windows that cancel out have no direction: the first one stands for them.
    if norm < 1e-6 {
        return rows[..dim].to_vec();
    }
    mean.into_iter().map(|x| (x / norm) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_everything_and_end_with_the_audio() {
        assert_eq!(window_starts(10, 10, 5), [0]);
        assert_eq!(window_starts(3, 10, 5), [0]);
        assert_eq!(window_starts(20, 10, 5), [0, 5, 10]);
        assert_eq!(window_starts(22, 10, 5), [0, 5, 10, 12]);
        assert_eq!(window_starts(11, 10, 10), [0, 1]);
    }

    #[test]
    fn the_mean_has_unit_norm_and_one_window_is_left_alone() {
        assert_eq!(mean_direction(&[0.6, 0.8], 2), [0.6, 0.8]);
        let mean = mean_direction(&[1.0, 0.0, 0.0, 1.0], 2);
        assert!(mean.iter().all(|x| (x - 0.5_f32.sqrt()).abs() < 1e-6));
        assert_eq!(mean_direction(&[1.0, 0.0, -1.0, 0.0], 2), [1.0, 0.0]);
    }
}
