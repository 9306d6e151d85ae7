//! From what an encoder gives into the joint space.

use burn::module::Module;
use burn::tensor::activation::{gelu, relu};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::Linear;
use crate::ModelError;
use crate::space::Description;

/// What stands between each encoder and the joint space.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadConfig {
    /// One matrix without bias, as in the paper.
    #[default]
    Linear,
    /// Two layers with biases and an activation between them, as in LAION-CLAP.
    Mlp {
        /// Size of what is between the layers.
        hidden: usize,
        /// What happens to it there.
        activation: Activation,
    },
}

/// A function of each number alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// max(x, 0).
    Relu,
    /// x·Φ(x), exactly.
    Gelu,
}

impl HeadConfig {
    pub(crate) fn validate(self) -> Result<(), ModelError> {
        match self {
            Self::Linear => Ok(()),
            Self::Mlp { hidden, .. } => {
                ModelError::check((1..=1 << 16).contains(&hidden), "head.mlp.hidden", hidden, "from 1 to 65536")
            }
        }
    }

    /// Writes what decides a vector.
    pub(crate) fn describe(self, space: &mut Description) {
        if let Self::Mlp { hidden, activation } = self {
            space.field("head", "mlp");
            space.field("head_hidden", hidden);
            let activation = match activation {
                Activation::Relu => "relu",
                Activation::Gelu => "gelu",
            };
            space.field("head_activation", activation);
        }
    }

    pub(crate) fn init(self, inputs: usize, outputs: usize, device: &Device) -> Head {
        match self {
            Self::Linear => Head::Linear(Linear::normal(inputs, outputs, false, (inputs as f64).powf(-0.5), device)),
            Self::Mlp { hidden, activation } => Head::Mlp(Mlp {
                hidden: Linear::new(inputs, hidden, true, device),
                out: Linear::new(hidden, outputs, true, device),
                activation,
            }),
        }
    }
}

/// One or two layers.
#[derive(Module, Debug)]
pub enum Head {
    /// One.
    Linear(Linear),
    /// Two.
    Mlp(Mlp),
}

/// Two layers and an activation between them.
#[derive(Module, Debug)]
pub struct Mlp {
    /// From the encoder.
    pub hidden: Linear,
    /// Into the joint space.
    pub out: Linear,
    #[module(skip)]
    activation: Activation,
}

impl Head {
    /// # Shapes
    /// - x: `[rows, inputs]`; returns `[rows, outputs]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Linear(linear) => linear.forward(x),
            Self::Mlp(Mlp { hidden, out, activation }) => {
                let x = hidden.forward(x);
                out.forward(match activation {
                    Activation::Relu => relu(x),
                    Activation::Gelu => gelu(x),
                })
            }
        }
    }
}
