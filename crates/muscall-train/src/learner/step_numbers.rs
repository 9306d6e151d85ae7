//! What is known of a step before it is computed, and after.

use std::time::Instant;

use burn::tensor::Tensor;

use crate::distributed::ItemNote;
use crate::gradient::Norm;
use crate::step::{LossAndEmbeddings, LossValues};

/// What is known of a step before it is computed.
pub(super) struct StepFacts {
    /// From 0.
    pub(super) step: u64,
    /// Of the whole run.
    pub(super) steps: u64,
    pub(super) epoch: u64,
    pub(super) learning_rate: f64,
    /// Of all ranks.
    pub(super) items: Vec<ItemNote>,
}

/// What is known after.
pub(super) struct StepNumbers {
    pub(super) loss: LossValues,
    pub(super) gradient_norm: f64,
    pub(super) scale: f64,
    /// Of audio and of text.
    pub(super) embeddings: [Vec<f32>; 2],
    /// When they were there.
    pub(super) at: Instant,
}

impl StepNumbers {
    /// Waits for them.
    pub(super) fn read(found: LossAndEmbeddings, norm: &Norm, logit_scale: Tensor<1>) -> Self {
        let (loss, embeddings) = found.read();
        let scale = f64::from(logit_scale.into_scalar::<f32>().exp());
        let gradient_norm = norm.read();
        Self { loss, gradient_norm, scale, embeddings, at: Instant::now() }
    }
}
