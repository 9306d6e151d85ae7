//! Triplet ranking: a pair must be closer, by a margin, than its track or its caption is to an
//! impostor.

use burn::tensor::activation::relu;
use burn::tensor::{Int, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::pair_loss::PairLoss;
use super::pairs::PairBatch;
use crate::TrainError;

/// Which of a batch's strangers count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Impostors {
    /// One drawn at random each way, as in the baseline.
    #[default]
    Random,
    /// All of them.
    All,
}

/// max(0, margin − s(pair) + s(impostor)), for impostor captions and impostor tracks; the sum over
/// impostors and both ways, the mean over tracks.
///
/// # Source
/// Section 4.3 of the paper; the baseline of DCASE 2022, task 6b.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TripletLoss {
    /// In cosine.
    pub margin: f64,
    /// One or all.
    pub impostors: Impostors,
}

impl Default for TripletLoss {
    fn default() -> Self {
        Self { margin: 1.0, impostors: Impostors::default() }
    }
}

#[typetag::serde(name = "triplet")]
impl PairLoss for TripletLoss {
    fn validate(&self) -> Result<(), TrainError> {
        TrainError::check(self.margin > 0.0 && self.margin.is_finite(), "loss.margin", self.margin, "positive")
    }

    fn forward(&self, batch: &PairBatch, seed: u64) -> Tensor<1> {
        let cosines = batch.cosines(); // [tracks, captions]
        if batch.tracks() < 2 {
            // Nobody is a stranger.
            return (cosines * 0.0).sum();
        }
        let of_track = batch.owner_indices().unsqueeze_dim::<2>(1); // [captions, 1]
        let by_caption = cosines.clone().transpose();
        let own = by_caption.clone().gather(1, of_track); // [captions, 1]
        // Row of each caption: its track against all captions.
        let by_track = cosines.select(0, batch.owner_indices()); // [captions, captions]
        let hinge = |impostors: Tensor<2>| relu(impostors - own.clone() + self.margin);
        let (mut tracks, mut captions) = (hinge(by_caption), hinge(by_track));
        match self.impostors {
            Impostors::All => {
                tracks = tracks.mask_fill(batch.is_positive().transpose(), 0.0);
                let owned = batch.is_positive().select(0, batch.owner_indices());
                captions = captions.mask_fill(owned, 0.0);
            }
            Impostors::Random => {
                let [impostor_tracks, impostor_captions] = draw(&batch.owners, batch.tracks(), seed);
                let index = |drawn: Vec<i32>| {
                    let count = drawn.len();
                    Tensor::<2, Int>::from_data(TensorData::new(drawn, [count, 1]), &batch.audio.device())
                };
                tracks = tracks.gather(1, index(impostor_tracks));
                captions = captions.gather(1, index(impostor_captions));
            }
        }
        let each = tracks.sum_dim(1) + captions.sum_dim(1); // [captions, 1]
        let shares = TensorData::new(batch.shares(), [batch.captions(), 1]);
        (each * Tensor::from_data(shares, &batch.audio.device())).sum() / batch.tracks() as f64
    }
}

/// For each caption a track and a caption that belong to another track.
fn draw(owners: &[usize], tracks: usize, seed: u64) -> [Vec<i32>; 2] {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut other = |owner: usize, count: usize, belongs: &dyn Fn(usize) -> usize| {
        loop {
            let drawn = rng.random_range(0..count);
            if belongs(drawn) != owner {
                return drawn as i32;
            }
        }
    };
    let drawn: Vec<[i32; 2]> = owners
        .iter()
        .map(|&owner| [other(owner, tracks, &|i| i), other(owner, owners.len(), &|i| owners[i])])
        .collect();
    [0, 1].map(|side| drawn.iter().map(|both| both[side]).collect())
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn impostors_are_strangers() {
        let owners = [0, 0, 1, 2, 2, 2];
        for seed in 0..200 {
            let [tracks, captions] = draw(&owners, 3, seed);
            for (i, &owner) in owners.iter().enumerate() {
                assert_ne!(tracks[i] as usize, owner);
                assert_ne!(owners[captions[i] as usize], owner);
            }
        }
    }

    #[test]
    fn one_of_two_impostors_is_all_of_them() {
        let device = Device::flex();
        let audio = Tensor::<2>::from_floats([[1.0, 0.0], [0.6, 0.8]], &device);
        let text = Tensor::<2>::from_floats([[0.8, 0.6], [0.0, 1.0]], &device);
        let batch = PairBatch::paired(audio, text, Tensor::ones([1], &device));
        let loss =
            |impostors| TripletLoss { impostors, ..TripletLoss::default() }.forward(&batch, 7).into_scalar::<f32>();
        assert!((loss(Impostors::All) - loss(Impostors::Random)).abs() < 1e-6);
        // s11 .8, s12 0, s21 .96, s22 .8.
        let expected = ((1.0 - 0.8 + 0.96) + (1.0 - 0.8 + 0.0) + (1.0 - 0.8 + 0.0) + (1.0 - 0.8 + 0.96)) / 2.0;
        assert!((loss(Impostors::All) - expected).abs() < 1e-6);
    }
}
