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
