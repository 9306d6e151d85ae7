//! What stands between frozen or pretrained vectors and the joint space.

use burn::module::Module;
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Tensor};

use crate::layers::Linear;

/// A hidden layer with GELU, or nothing: the projection into the joint space follows in any case,
/// so that this is the difference between a linear head and a small MLP.
#[derive(Module, Debug)]
pub struct Head {
    hidden: Option<Linear>,
}

impl Head {
    /// Passes vectors on.
    pub fn identity() -> Self {
        Self { hidden: None }
    }

    /// One hidden layer.
    pub fn mlp(inputs: usize, hidden: usize, device: &Device) -> Self {
        Self { hidden: Some(Linear::new(inputs, hidden, true, device)) }
    }

    /// # Shapes
    /// - x: `[batch, inputs]`; returns `[batch, hidden]`, or `x`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        match &self.hidden {
            Some(hidden) => gelu(hidden.forward(x)),
            None => x,
        }
    }
}
