//! From what an encoder gives into the joint space.

use muscall_kernels::{Level, Linear, gelu};

use super::weights::Weights;
use crate::layers::{Activation, HeadConfig};

/// One or two layers.
#[derive(Debug)]
pub(super) enum PackedHead {
    Linear(Linear),
    Mlp { hidden: Linear, activation: Activation, out: Linear, level: Level },
}

impl PackedHead {
    pub(super) fn new(config: HeadConfig, weights: &Weights<'_>, name: &str) -> Self {
        match config {
            HeadConfig::Linear => Self::Linear(weights.linear(name)),
            HeadConfig::Mlp { activation, .. } => Self::Mlp {
                hidden: weights.linear(&format!("{name}.hidden")),
                activation,
                out: weights.linear(&format!("{name}.out")),
                level: weights.level,
            },
        }
    }

    pub(super) fn outputs(&self) -> usize {
        match self {
            Self::Linear(out) | Self::Mlp { out, .. } => out.outputs(),
        }
    }

    /// # Shapes
    /// - x: `[rows, inputs]`; returns `[rows, outputs]`.
    pub(super) fn run(&self, x: &[f32]) -> Vec<f32> {
        match self {
            Self::Linear(linear) => linear.run(x, None),
            Self::Mlp { hidden, activation, out, level } => {
                let mut x = hidden.run(x, None);
                match activation {
                    Activation::Relu => x.iter_mut().for_each(|x| *x = x.max(0.0)),
                    Activation::Gelu => gelu(&mut x, *level),
                }
                out.run(&x, None)
            }
        }
    }
}
