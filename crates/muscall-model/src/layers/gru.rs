//! A gated recurrent unit with PyTorch's layout.

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::activation::{sigmoid, tanh};
use burn::tensor::{Device, Tensor};

/// One direction of a GRU whose three gates (reset, update, new) share their matrices, as PyTorch
/// stores them.
///
/// # Source
/// Cho et al. 2014, with the reset gate after the recurrent product as in cuDNN and PyTorch.
#[derive(Module, Debug)]
pub struct Gru {
    /// `[3 · hidden, inputs]`.
    pub weight_ih: Param<Tensor<2>>,
    /// `[3 · hidden, hidden]`.
    pub weight_hh: Param<Tensor<2>>,
    /// `[3 · hidden]`.
    pub bias_ih: Param<Tensor<1>>,
    /// `[3 · hidden]`.
    pub bias_hh: Param<Tensor<1>>,
    hidden: usize,
    reversed: bool,
}

impl Gru {
    /// Weights and biases drawn uniformly within ±1/√hidden. A reversed one reads from the end.
    pub fn new(inputs: usize, hidden: usize, reversed: bool, device: &Device) -> Self {
        let bound = 1.0 / (hidden as f64).sqrt();
        let uniform = Initializer::Uniform { min: -bound, max: bound };
        Self {
            weight_ih: uniform.init([3 * hidden, inputs], device),
            weight_hh: uniform.init([3 * hidden, hidden], device),
            bias_ih: uniform.init([3 * hidden], device),
            bias_hh: uniform.init([3 * hidden], device),
            hidden,
            reversed,
        }
    }

    /// # Shapes
    /// - x: `[batch, length, inputs]`; returns `[batch, length, hidden]`, in the order of `x`
    ///   whatever the direction.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, length, inputs] = x.dims();
        let hidden = self.hidden;
        // All of the input's share at once; only the recurrent one is sequential.
        let projected = x.reshape([batch * length, inputs]).matmul(self.weight_ih.val().transpose());
        let projected = (projected + self.bias_ih.val().unsqueeze::<2>()).reshape([batch, length, 3 * hidden]);
        let weight = self.weight_hh.val().transpose();
        let bias = self.bias_hh.val().unsqueeze::<2>();
        let mut state = Tensor::<2>::zeros([batch, hidden], &projected.device());
        let mut states = Vec::with_capacity(length);
        for step in 0..length {
            let at = if self.reversed { length - 1 - step } else { step };
            let input = projected.clone().narrow(1, at, 1).reshape([batch, 3 * hidden]);
            let recurrent = state.clone().matmul(weight.clone()) + bias.clone();
            let part = |x: &Tensor<2>, gate: usize| x.clone().narrow(1, gate * hidden, hidden);
            let reset = sigmoid(part(&input, 0) + part(&recurrent, 0));
            let update = sigmoid(part(&input, 1) + part(&recurrent, 1));
            let new = tanh(part(&input, 2) + reset * part(&recurrent, 2));
            state = new.clone() + update * (state - new);
            states.push(state.clone().unsqueeze_dim::<3>(1));
        }
        if self.reversed {
            states.reverse();
        }
        Tensor::cat(states, 1)
    }
}
