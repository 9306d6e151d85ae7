//! The sigmoid loss: each pair of the batch is a yes or a no of its own.

use burn::tensor::Tensor;
use burn::tensor::activation::log_sigmoid;
use serde::{Deserialize, Serialize};

use super::pair_loss::PairLoss;
use super::pairs::PairBatch;
use crate::TrainError;
use crate::sum::sum_of_all;

/// The name of b.
const BIAS: &str = "logit_bias";

/// −log σ(±(cosine/τ + b)) over all pairs of the batch, divided by the tracks.
///
/// τ and b are learned. The authors start at τ = 0.1 (`model.temperature = { learned = 0.1 }`) and
/// b = −10, since nearly all pairs are negatives.
///
/// # Source
/// Zhai et al. 2023, "Sigmoid loss for language image pre-training".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SigmoidLoss {
    /// b at the start.
    pub bias: f64,
}

impl Default for SigmoidLoss {
    fn default() -> Self {
        Self { bias: -10.0 }
    }
}

#[typetag::serde(name = "sigmoid")]
impl PairLoss for SigmoidLoss {
    fn validate(&self) -> Result<(), TrainError> {
        TrainError::check(self.bias.is_finite(), "loss.bias", self.bias, "finite")
    }

    fn forward(&self, batch: &PairBatch, _seed: u64) -> Tensor<1> {
        let logits = batch.cosines() * batch.scale.clone().unsqueeze::<2>();
        let logits = logits + batch.parameter(BIAS).unsqueeze::<2>();
        let signs = batch.is_positive().float() * 2.0 - 1.0;
        sum_of_all(log_sigmoid(logits * signs)).neg() / batch.tracks() as f64
    }

    fn parameters(&self) -> Vec<(&'static str, f32)> {
        vec![(BIAS, self.bias as f32)]
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn it_is_the_sum_over_all_pairs() {
        let device = Device::flex();
        let audio = Tensor::<2>::from_floats([[1.0, 0.0], [0.0, 1.0]], &device);
        let text = Tensor::<2>::from_floats([[0.6, 0.8], [0.8, -0.6], [0.0, 1.0]], &device);
        let mut batch = PairBatch::paired(audio, text, Tensor::from_floats([5.0], &device));
        batch.owners = vec![0, 0, 1];
        batch.parameters = vec![(BIAS.to_owned(), Tensor::from_floats([-2.0], &device))];
        let cosines = [[0.6_f64, 0.8, 0.0], [0.8, -0.6, 1.0]];
        let mut expected = 0.0;
        for (track, row) in cosines.iter().enumerate() {
            for (caption, cosine) in row.iter().enumerate() {
                let sign = if batch.owners[caption] == track { 1.0 } else { -1.0 };
                expected += (1.0 + (-sign * (5.0 * cosine - 2.0)).exp()).ln() / 2.0;
            }
        }
        let found = SigmoidLoss::default().forward(&batch, 0).into_scalar::<f32>();
        assert!((f64::from(found) - expected).abs() < 1e-5, "{found} {expected}");
    }
}
