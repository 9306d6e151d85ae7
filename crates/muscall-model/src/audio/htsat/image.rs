//! A spectrogram as a square image.

use burn::tensor::{Tensor, TensorData};

use super::grid::{BANDS, FRAMES, IMAGE};

/// Of the cubic kernel: PyTorch's.
const A: f64 = -0.75;

/// Stretches spectrograms to 1024 frames and folds them: row `64 c + band` of the image is a quarter of the band, from
/// frame `256 c` on.
///
/// # Shapes
/// - x: `[batch, 64, frames]`; returns `[batch, 256, 256]`.
pub(super) fn fold(x: Tensor<3>) -> Tensor<3> {
    let [batch, _, frames] = x.dims();
    let stretched = if frames == FRAMES {
        x
    } else {
        let weights = TensorData::new(stretch(frames, FRAMES), [1, frames, FRAMES]);
        x.clone().matmul(Tensor::from_data(weights, &x.device())) // [batch, 64, 1024]
    };
    let pieces = FRAMES / IMAGE;
    stretched.reshape([batch, BANDS, pieces, IMAGE]).swap_dims(1, 2).reshape([batch, IMAGE, IMAGE])
}

/// Bicubic interpolation from `from` to `to` points whose first and last coincide, `[from, to]`.
fn stretch(from: usize, to: usize) -> Vec<f32> {
    let mut weights = vec![0.0_f32; from * to];
    for target in 0..to {
        for (source, weight) in stretch_taps(from, to, target) {
            weights[source * to + target] += weight;
        }
    }
    weights
}

/// Which points a target is made of, and how much of each.
pub(crate) fn stretch_taps(from: usize, to: usize, target: usize) -> [(usize, f32); 4] {
    // The place in whole numbers and a rest: exact, where a product of floats is not.
    let (scaled, steps) = (target * (from - 1), to - 1);
    let (left, rest) = (scaled / steps, (scaled % steps) as f64 / steps as f64);
    [0, 1, 2, 3].map(|tap: usize| {
        let source = (left + tap).saturating_sub(1).min(from - 1);
        (source, cubic((rest - (tap as f64 - 1.0)).abs()) as f32)
    })
}

fn cubic(distance: f64) -> f64 {
    let (d, d2, d3) = (distance, distance.powi(2), distance.powi(3));
    match distance {
        d if d <= 1.0 => (A + 2.0) * d3 - (A + 3.0) * d2 + 1.0,
        x if x < 2.0 => A * d3 - 5.0 * A * d2 + 8.0 * A * d - 4.0 * A,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_coincide_and_constants_stay() {
        let weights = stretch(1001, 1024);
        let column = |target: usize| (0..1001).map(move |source| source * 1024 + target);
        for target in [0, 1, 511, 1023] {
            let sum: f32 = column(target).map(|at| weights[at]).sum();
            assert!((sum - 1.0).abs() < 1e-6, "{target}: {sum}");
        }
        assert!(weights[0] == 1.0 && weights[1000 * 1024 + 1023] == 1.0);
    }
}
