//! A linear layer that stores its weight as PyTorch does.

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};

use crate::precision::like;

/// `y = x Wᵀ + b`, with the weight stored as `[outputs, inputs]`: checkpoints then need no
/// transposition in either direction.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[outputs, inputs]`.
    pub weight: Param<Tensor<2>>,
    /// `[outputs]`, if the layer has a bias.
    pub bias: Option<Param<Tensor<1>>>,
}

impl Linear {
    /// Weights (and bias) drawn uniformly within ±1/√inputs, PyTorch's default.
    pub fn new(inputs: usize, outputs: usize, bias: bool, device: &Device) -> Self {
        let bound = 1.0 / (inputs as f64).sqrt();
        let uniform = Initializer::Uniform { min: -bound, max: bound };
        Self { weight: uniform.init([outputs, inputs], device), bias: bias.then(|| uniform.init([outputs], device)) }
    }

    /// Weights drawn from a normal distribution of the given deviation; a bias starts at zero.
    pub fn normal(inputs: usize, outputs: usize, bias: bool, std: f64, device: &Device) -> Self {
        let normal = Initializer::Normal { mean: 0.0, std };
        Self {
            weight: normal.init([outputs, inputs], device),
            bias: bias.then(|| Initializer::Zeros.init([outputs], device)),
        }
    }

    /// # Shapes
    /// - x: `[rows, inputs]`, in any numbers; returns `[rows, outputs]` in the same.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let weight = like(self.weight.val(), &x);
        let y = x.matmul(weight.transpose());
        match &self.bias {
            Some(bias) => {
                let bias = like(bias.val(), &y);
                y + bias.unsqueeze::<2>()
            }
            None => y,
        }
    }
}
