//! The kinds of numbers that are compared.

use std::fmt::{self, Display, Formatter};

/// What was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// The output of a part of the network.
    Activation,
    /// The embeddings of one kind.
    Embedding,
    /// The loss of a batch.
    Loss,
    /// The gradients of a part's own parameters, of what comes out of it.
    Gradient,
    /// The norm of the loss's gradient.
    GradientNorm,
    /// The loss of a batch after some steps of the optimizer.
    TrainedLoss,
}

impl Quantity {
    /// All of them, in the order in which they are compared.
    pub const ALL: [Self; 6] =
        [Self::Activation, Self::Gradient, Self::Embedding, Self::Loss, Self::GradientNorm, Self::TrainedLoss];
}

impl Display for Quantity {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Activation => "activation",
            Self::Embedding => "embedding",
            Self::Loss => "loss",
            Self::Gradient => "gradient",
            Self::GradientNorm => "gradient norm",
            Self::TrainedLoss => "trained loss",
        })
    }
}
