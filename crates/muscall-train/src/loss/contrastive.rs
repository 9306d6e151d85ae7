//! InfoNCE, both ways.

use burn::tensor::activation::{log_sigmoid, log_softmax};
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::pair_loss::{Loss, PairLoss};
use super::pairs::PairBatch;
use super::weighted::Weighting;
use crate::TrainError;

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
/// Of several captions of a track each is compared with the captions of other tracks only, and
/// the track counts once.
///
/// # Source
/// Equations 1 and 2 of the paper; with weights, equations 3 and 4.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContrastiveLoss {
    /// Mean or sum of the two directions.
    pub directions: Directions,
    /// Content-aware loss weighting.
    pub weighting: Option<Weighting>,
}

#[typetag::serde(name = "contrastive")]
impl PairLoss for ContrastiveLoss {
    fn validate(&self) -> Result<(), TrainError> {
        self.weighting.as_ref().map_or(Ok(()), Weighting::validate)
    }

    /// # Panics
    /// With weights, if the batch has no similarity of its captions.
    fn forward(&self, batch: &PairBatch, _seed: u64) -> Tensor<1> {
        let logits = batch.cosines() * batch.scale.clone().unsqueeze::<2>(); // [tracks, captions]
        let owners = batch.owner_indices();
        let of_track = owners.clone().unsqueeze_dim::<2>(1); // [captions, 1]
        let captions = batch.captions();

        // Captions choose among tracks: each has one.
        let text_to_audio = log_softmax(logits.clone().transpose(), 1).gather(1, of_track.clone()).neg();
        // Tracks choose among captions.
        let audio_to_text = if captions == batch.tracks() {
            // With one caption a track this is the same as below, with less rounding.
            log_softmax(logits, 1).gather(0, of_track.transpose()).neg()
        } else {
            let negatives = logits.clone().mask_fill(batch.is_positive(), f32::NEG_INFINITY);
            let others = log_sum_exp(negatives).select(0, owners); // [captions, 1]
            let own = logits.transpose().gather(1, of_track);
            log_sigmoid(own - others).neg()
        };
        let text_to_audio = text_to_audio.reshape([captions]);
        let audio_to_text = audio_to_text.reshape([captions]);

        let mut weights = batch.shares();
        if let Some(weighting) = &self.weighting {
            let similarity = batch.similarity.as_ref().expect("weighting needs the captions' similarity");
            weights = weighting.factors(similarity, &weights);
        } else {
            weights.iter_mut().for_each(|weight| *weight /= batch.tracks() as f32);
        }
        let weights = Tensor::from_data(TensorData::new(weights, [captions]), &text_to_audio.device());
        let sum = ((text_to_audio + audio_to_text) * weights).sum();
        match self.directions {
            Directions::Mean => sum / 2.0,
            Directions::Sum => sum,
        }
    }

    fn weighting(&self) -> Option<&Weighting> {
        self.weighting.as_ref()
    }

    /// ln(batch) of each direction; a track with several captions chooses among one of them and those of the other tracks.
    /// Raw weights have no such value.
    fn at_chance(&self, tracks: usize, captions: usize) -> Option<f64> {
        if self.weighting.as_ref().is_some_and(|weighting| !weighting.is_normalised()) {
            return None;
        }
        let (tracks, captions) = (tracks as f64, captions as f64);
        let others = captions * (tracks - 1.0) / tracks;
        let sum = tracks.ln() + others.ln_1p();
        Some(match self.directions {
            Directions::Mean => sum / 2.0,
            Directions::Sum => sum,
        })
    }
}

/// The paper's.
impl Default for Loss {
    fn default() -> Self {
        ContrastiveLoss::default().into()
    }
}

/// log Σ exp over the columns, `[rows, 1]`.
fn log_sum_exp(x: Tensor<2>) -> Tensor<2> {
    let max = x.clone().max_dim(1).detach();
    (x - max.clone()).exp().sum_dim(1).log() + max
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn batch(audio: Tensor<2>, text: Tensor<2>) -> PairBatch {
        let scale = Tensor::from_data([10.0_f32], &audio.device());
        PairBatch::paired(audio, text, scale)
    }

    fn loss(batch: &PairBatch) -> f32 {
        ContrastiveLoss::default().forward(batch, 0).into_scalar::<f32>()
    }

    fn rows<const N: usize>(data: [[f32; 2]; N]) -> Tensor<2> {
        Tensor::from_floats(data, &Device::flex())
    }

    #[test]
    fn a_collapsed_model_is_at_the_logarithm_of_the_batch() {
        let same = Tensor::<2>::ones([7, 4], &Device::flex()) / 2.0;
        assert!((loss(&batch(same.clone(), same)) - 7.0_f32.ln()).abs() < 1e-5);
        // Seven tracks with one caption each, and with three.
        for captions in [1, 3] {
            let (audio, text) =
                (Tensor::ones([7, 4], &Device::flex()), Tensor::ones([7 * captions, 4], &Device::flex()));
            let mut batch = batch(audio / 2.0, text / 2.0);
            batch.owners = (0..7 * captions).map(|caption| caption / captions).collect();
            for directions in [Directions::Mean, Directions::Sum] {
                let objective = ContrastiveLoss { directions, weighting: None };
                let found = f64::from(objective.forward(&batch, 0).into_scalar::<f32>());
                let chance = objective.at_chance(7, 7 * captions);
                let is_near = chance.is_some_and(|chance| (found - chance).abs() < 1e-5);
                assert!(is_near, "{captions} {directions:?}: {found} for {chance:?}");
            }
        }
    }

    #[test]
    fn the_order_of_pairs_and_the_direction_do_not_matter() {
        let (audio, text) = (rows([[1.0, 0.0], [0.6, 0.8], [0.0, -1.0]]), rows([[0.8, 0.6], [0.0, 1.0], [-0.6, -0.8]]));
        let expected = loss(&batch(audio.clone(), text.clone()));
        let turned = |x: Tensor<2>| x.flip([0]);
        assert!((loss(&batch(turned(audio.clone()), turned(text.clone()))) - expected).abs() < 1e-6);
        assert!((loss(&batch(text.clone(), audio.clone())) - expected).abs() < 1e-6);
        assert!(loss(&batch(turned(audio), text)) > expected);
    }

    #[test]
    fn a_track_is_not_pushed_away_from_its_other_captions() {
        let audio = rows([[1.0, 0.0], [0.6, 0.8]]);
        let mut batch = batch(audio, rows([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]]));
        batch.owners = vec![0, 0, 1];
        // Ten times the cosines of tracks and captions.
        let logits = [[10.0_f64, 8.0, 0.0], [6.0, 9.6, 8.0]];
        let from_text = |caption: usize, track: usize| {
            let both = logits[0][caption].exp() + logits[1][caption].exp();
            both.ln() - logits[track][caption]
        };
        let from_audio =
            |own: f64, others: &[f64]| (own.exp() + others.iter().map(|x| x.exp()).sum::<f64>()).ln() - own;
        let text = (0.5 * (from_text(0, 0) + from_text(1, 0)) + from_text(2, 1)) / 2.0;
        let first = 0.5 * (from_audio(10.0, &[0.0]) + from_audio(8.0, &[0.0]));
        let second = from_audio(8.0, &[6.0, 9.6]);
        let expected = (text + (first + second) / 2.0) / 2.0;
        assert!((f64::from(loss(&batch)) - expected).abs() < 1e-5, "{} {expected}", loss(&batch));
    }
}
