//! Audio of any length as windows of the length of training.

use std::borrow::Cow;

use crate::dual_encoder::MuscallConfig;
use crate::recordings::OtherLengths;

/// What goes through the encoder as one: a clip, or a window of one.
pub(crate) struct Piece<'a> {
    pub(crate) samples: Cow<'a, [f32]>,
    /// Samples that are not padding.
    pub(crate) valid: usize,
}

/// A clip as what goes through the encoder: itself, or windows of it.
pub(crate) fn pieces<'a>(config: &MuscallConfig, (samples, valid): (&'a [f32], usize)) -> Vec<Piece<'a>> {
    let window = config.clip_samples();
    let OtherLengths::Windows { hop_s, .. } = config.other_lengths else {
        return vec![Piece { samples: samples.into(), valid }];
    };
    if samples.is_empty() || samples.len() == window {
        return vec![Piece { samples: samples.into(), valid }];
    }
    let hop = (hop_s * f64::from(config.log_mel.sample_rate)).round() as usize;
    let piece = |start: usize| match samples.get(start..start + window) {
        Some(samples) => Piece { samples: samples.into(), valid: window },
        None => Piece { samples: config.padding.fit(samples, window).into(), valid },
    };
    window_starts(samples.len(), window, hop).into_iter().map(piece).collect()
}

/// Which clip a piece belongs to.
pub(crate) fn clip_of<T>(piece: usize, pieces: &[Vec<T>]) -> usize {
    let mut before = 0;
    let clip = pieces.iter().position(|pieces| {
        before += pieces.len();
        piece < before
    });
    clip.unwrap_or(piece)
}

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
