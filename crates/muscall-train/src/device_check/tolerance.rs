//! How far from the CPU a device may be.

use burn::tensor::Device;
use muscall_model::{Precision, is_cuda};

use super::quantity::Quantity;

/// What products are computed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// 32 bits.
    F32,
    /// 32 bits of which products see 19: what an NVIDIA GPU makes of 32 on its own.
    TF32,
    /// 16 bits, three digits.
    BF16,
    /// 16 bits, four digits.
    F16,
}

impl Numbers {
    /// What a device makes of a precision.
    pub fn of(precision: Precision, device: &Device) -> Self {
        match precision {
            Precision::F32 if is_cuda(device) => Self::TF32,
            Precision::F32 => Self::F32,
            Precision::BF16 => Self::BF16,
            Precision::F16 => Self::F16,
        }
    }
}

/// Largest differences; docs/DEVICES.md says where they are from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// Norm of the difference of a part's output, relative to the output's.
    pub activation: f64,
    /// 1 − cosine of an embedding.
    pub embedding: f64,
    /// Relative.
    pub loss: f64,
    /// Norm of the difference of the gradients of a part's parameters, relative to theirs.
    pub gradient: f64,
    /// Relative, of the norm of the loss's gradient.
    pub gradient_norm: f64,
    /// Of the loss after some steps, relative to the first one.
    pub trained_loss: f64,
}

impl Tolerance {
    /// Those of these numbers.
    pub fn of(numbers: Numbers) -> Self {
        match numbers {
            Numbers::F32 => Self {
                activation: 1e-4,
                embedding: 1e-5,
                loss: 1e-4,
                gradient: 2e-2,
                gradient_norm: 5e-2,
                trained_loss: 2e-2,
            },
            Numbers::TF32 | Numbers::F16 => Self {
                activation: 2e-2,
                embedding: 1e-4,
                loss: 1e-2,
                gradient: 0.3,
                gradient_norm: 0.2,
                trained_loss: 5e-2,
            },
            Numbers::BF16 => Self {
                activation: 0.1,
                embedding: 1e-3,
                loss: 5e-2,
                gradient: 0.5,
                gradient_norm: 0.5,
                trained_loss: 0.1,
            },
        }
    }

    pub(super) fn allows(&self, quantity: Quantity) -> f64 {
        match quantity {
            Quantity::Activation => self.activation,
            Quantity::Embedding => self.embedding,
            Quantity::Loss => self.loss,
            Quantity::Gradient => self.gradient,
            Quantity::GradientNorm => self.gradient_norm,
            Quantity::TrainedLoss => self.trained_loss,
        }
    }
}
