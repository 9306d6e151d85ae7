//! Objectives. Each is a function of embeddings alone.

mod contrastive;
mod distil;
mod nt_xent;
mod pair_loss;
mod pairs;
mod sigmoid;
mod triplet;
mod weighted;

pub use contrastive::{ContrastiveLoss, Directions};
pub use distil::{DistilLoss, TeacherSide};
pub use nt_xent::nt_xent;
pub use pair_loss::{Loss, PairLoss};
pub use pairs::PairBatch;
pub use sigmoid::SigmoidLoss;
pub use triplet::{Impostors, TripletLoss};
pub use weighted::{WeightForm, Weighting};
