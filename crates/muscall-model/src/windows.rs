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
}
