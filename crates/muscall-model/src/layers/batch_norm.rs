//! Batch normalisation with PyTorch's running statistics.

use burn::module::{Module, Param, RunningState};
use burn::nn::Initializer;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, module};

use crate::precision::{full, in_dtype};

/// Weight of a new batch in the running statistics.
const MOMENTUM: f64 = 0.1;
pub(crate) const EPSILON: f64 = 1e-5;

/// Batch normalisation over the channels of `[batch, channels, height, width]`.
///
/// Unlike burn's, the running variance takes the *unbiased* batch variance (as PyTorch's), and
/// the running statistics are current right after a forward pass, so that a checkpoint taken
/// between two steps holds them. On a device without autodiff the running statistics normalise. Within
/// [`with_norm_group`](crate::with_norm_group) the statistics are those of a group of devices.
#[derive(Module, Debug)]
pub struct BatchNorm {
    /// Gain γ, `[channels]`.
    pub weight: Param<Tensor<1>>,
    /// Offset β, `[channels]`.
    pub bias: Param<Tensor<1>>,
    /// `[channels]`.
    pub running_mean: RunningState<Tensor<1>>,
    /// `[channels]`, unbiased.
    pub running_var: RunningState<Tensor<1>>,
    /// Whether the running statistics normalise in training too, and stay as they are.
    pub frozen: bool,
}

impl BatchNorm {
    /// Gain one, offset zero.
    pub fn new(channels: usize, device: &Device) -> Self {
        Self::with_gain(channels, Initializer::Ones, device)
    }

    /// Gain zero: a residual branch that ends in this norm starts as the identity.
    pub fn zero_gain(channels: usize, device: &Device) -> Self {
        Self::with_gain(channels, Initializer::Zeros, device)
    }

    fn with_gain(channels: usize, gain: Initializer, device: &Device) -> Self {
        Self {
            weight: gain.init([channels], device),
            bias: Initializer::Zeros.init([channels], device),
            running_mean: RunningState::new(Tensor::zeros([channels], device)),
            running_var: RunningState::new(Tensor::ones([channels], device)),
            frozen: false,
        }
    }

    /// Replaces whether the running statistics are frozen.
    #[must_use]
    pub fn with_frozen(mut self, frozen: bool) -> Self {
        self.frozen = frozen;
        self
    }

    /// # Shapes
    /// - x: `[batch, channels, height, width]`, returned in the same shape and the same numbers; computed in 32
    ///   bits.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let numbers = x.dtype();
        in_dtype(self.normalise(full(x)), numbers)
    }

    /// `relu(norm(x) + residual)`, on a GPU as one operator; else as [`forward`](Self::forward), and what comes after
    /// it in the numbers of the input.
    ///
    /// # Shapes
    /// - x: `[batch, channels, height, width]`; returned in the same shape and the same numbers, as the residual.
    pub fn activate(&self, x: Tensor<4>, residual: Option<Tensor<4>>, with_relu: bool) -> Tensor<4> {
        #[cfg(any(feature = "kernels", feature = "gpu"))]
        if !self.frozen && x.device().is_autodiff() && !crate::is_cpu(&x.device()) && super::norm_group().is_none() {
            return self.activate_fused(x, residual, with_relu);
        }
        let mut out = self.forward(x);
        if let Some(residual) = residual {
            out = out + residual;
        }
        if with_relu { relu(out) } else { out }
    }

    fn normalise(&self, x: Tensor<4>) -> Tensor<4> {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        if self.frozen || !x.device().is_autodiff() {
            let device = x.device();
            let (mean, var) =
                (self.running_mean.value().to_device(&device), self.running_var.value().to_device(&device));
            return module::batch_norm(x, weight, bias, mean, var, EPSILON);
        }
        #[cfg(any(feature = "kernels", feature = "gpu"))]
        if let Some(group) = super::norm_group() {
            return self.normalise_together(x, &group);
        }
        let [batch, _, height, width] = x.dims();
        let count = (batch * height * width) as f64;
        let normed = module::batch_norm_train(x, weight, bias, EPSILON);
        self.advance(normed.mean, normed.variance, count);
        normed.output
    }

    /// Moves the running statistics towards those of a batch of `count` values per channel.
    pub(crate) fn advance(&self, mean: Tensor<1>, variance: Tensor<1>, count: f64) {
        advance(&self.running_mean, mean);
        advance(&self.running_var, variance * (count / (count - 1.0).max(1.0)));
    }
}

fn advance(running: &RunningState<Tensor<1>>, batch: Tensor<1>) {
    let device = batch.device();
    let old = running.value_sync().to_device(&device);
    running.update((old * (1.0 - MOMENTUM) + batch.detach() * MOMENTUM).detach());
    // A plain read would lag one step behind.
    running.value_sync();
}
