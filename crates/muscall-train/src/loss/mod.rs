//! Objectives. Each is a function of embeddings alone.

mod contrastive;

pub use contrastive::{ContrastiveLoss, Directions};
