//! What stands between frozen or pretrained vectors and the joint space.

use burn::module::Module;
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Tensor};

use super::batch::TextBatch;
use crate::Activations;
use crate::layers::Linear;
use crate::tower::Encoder;

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

/// The trainable part behind a frozen encoder.
impl Encoder<TextBatch> for Head {
    fn forward(&self, text: TextBatch, _seen: Option<&mut Activations>) -> Tensor<2> {
        match text {
            TextBatch::Vectors(vectors) => Head::forward(self, vectors),
            TextBatch::Tokens(_) => panic!("tokens, where a frozen encoder's vectors are read"),
        }
    }
}
