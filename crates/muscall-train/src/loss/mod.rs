//! Objectives. Each is a function of embeddings alone.

mod contrastive;
mod nt_xent;
mod pairs;
mod sigmoid;
mod triplet;
mod weighted;

pub use contrastive::{ContrastiveLoss, Directions};
pub use nt_xent::nt_xent;
pub use pairs::PairBatch;
pub use sigmoid::SigmoidLoss;
pub use triplet::{Impostors, TripletLoss};
pub use weighted::{WeightForm, Weighting};

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::TrainError;

/// What brings matching pairs together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Loss {
    /// InfoNCE, plain or weighted.
    Contrastive(ContrastiveLoss),
    /// Every pair on its own, as in SigLIP.
    Sigmoid(SigmoidLoss),
    /// The DCASE baseline's.
    Triplet(TripletLoss),
}

impl Default for Loss {
    fn default() -> Self {
        Self::Contrastive(ContrastiveLoss::default())
    }
}

impl Loss {
    /// # Errors
    /// [`TrainError::Recipe`] with the first field out of range.
    pub fn validate(&self) -> Result<(), TrainError> {
        match self {
            Self::Contrastive(loss) => loss.weighting.as_ref().map_or(Ok(()), Weighting::validate),
            Self::Sigmoid(loss) => loss.validate(),
            Self::Triplet(loss) => loss.validate(),
        }
    }

    /// The loss of one batch, shape `[1]`. `seed` drives any random choice the loss makes.
    pub fn forward(&self, batch: &PairBatch, seed: u64) -> Tensor<1> {
        match self {
            Self::Contrastive(loss) => loss.forward(batch),
            Self::Sigmoid(loss) => loss.forward(batch),
            Self::Triplet(loss) => loss.forward(batch, seed),
        }
    }

    /// How captions are weighted, if they are.
    pub fn weighting(&self) -> Option<&Weighting> {
        match self {
            Self::Contrastive(loss) => loss.weighting.as_ref(),
            _ => None,
        }
    }

    /// What the loss of a batch is when the model tells nothing apart.
    pub fn at_chance(&self, tracks: usize, captions: usize) -> Option<f64> {
        match self {
            Self::Contrastive(loss) => loss.at_chance(tracks, captions),
            _ => None,
        }
    }
}
