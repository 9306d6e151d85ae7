//! InfoNCE, both ways.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};
use serde::{Deserialize, Serialize};

/// How the losses of the two directions become one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Directions {
    /// Their mean, as in the released implementation.
    #[default]
    Mean,
    /// Their sum, as in the paper.
    Sum,
}

/// Cross-entropy of each track against the captions of the batch, and of each caption against
/// the tracks.
///
/// # Source
/// Equations 1 and 2 of the paper.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContrastiveLoss {
    /// Mean or sum of the two directions.
    #[serde(default)]
    pub directions: Directions,
}

impl ContrastiveLoss {
    /// # Shapes
    /// - audio, text: `[batch, dim]`, unit norm, row i of one matching row i of the other;
    /// - scale: `[1]`, 1/τ;
    /// - returns `[1]`.
    pub fn forward(&self, audio: Tensor<2>, text: Tensor<2>, scale: Tensor<1>) -> Tensor<1> {
        assert_eq!(audio.dims(), text.dims(), "a batch of pairs");
        let logits = audio.matmul(text.transpose()) * scale.unsqueeze::<2>(); // [audio, text]
        let sum = cross_entropy(logits.clone()) + cross_entropy(logits.transpose());
        match self.directions {
            Directions::Mean => sum / 2.0,
            Directions::Sum => sum,
        }
    }
}

/// Mean over the rows of −log softmax at the diagonal.
fn cross_entropy(logits: Tensor<2>) -> Tensor<1> {
    let [batch, _] = logits.dims();
    let diagonal = Tensor::<1, Int>::arange(0..batch as i64, &logits.device()).unsqueeze_dim::<2>(1);
    log_softmax(logits, 1).gather(1, diagonal).mean().neg()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn loss(audio: Tensor<2>, text: Tensor<2>) -> f32 {
        let scale = Tensor::from_data([10.0_f32], &audio.device());
        ContrastiveLoss::default().forward(audio, text, scale).into_scalar::<f32>()
    }

    #[test]
    fn a_collapsed_model_is_at_the_logarithm_of_the_batch() {
        let same = Tensor::<2>::ones([7, 4], &Device::flex()) / 2.0;
        assert!((loss(same.clone(), same) - 7.0_f32.ln()).abs() < 1e-5);
    }

    #[test]
    fn the_order_of_pairs_and_the_direction_do_not_matter() {
        let device = Device::flex();
        let rows = |data: [[f32; 2]; 3]| Tensor::<2>::from_floats(data, &device);
        let (audio, text) = (rows([[1.0, 0.0], [0.6, 0.8], [0.0, -1.0]]), rows([[0.8, 0.6], [0.0, 1.0], [-0.6, -0.8]]));
        let expected = loss(audio.clone(), text.clone());
        let turned = |x: Tensor<2>| x.flip([0]);
        assert!((loss(turned(audio.clone()), turned(text.clone())) - expected).abs() < 1e-6);
        assert!((loss(text.clone(), audio.clone()) - expected).abs() < 1e-6);
        assert!(loss(turned(audio), text) > expected);
    }
}
