//! In which numbers a network computes.

use burn::nn::conv::Conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{DType, FloatDType, Tensor, module};
use serde::{Deserialize, Serialize};

/// Numbers of activations, matrix products and convolutions. Weights, norms, softmax, losses and the
/// optimizer stay in 32 bits, and so does what is saved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits with the range of 32 and three digits.
    BF16,
    /// 16 bits with four digits and a small range: gradients are scaled while they are computed.
    F16,
}

impl Precision {
    /// burn's name.
    pub fn dtype(self) -> FloatDType {
        match self {
            Self::F32 => FloatDType::F32,
            Self::BF16 => FloatDType::BF16,
            Self::F16 => FloatDType::F16,
        }
    }

    /// A tensor in these numbers.
    pub(crate) fn of<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        in_dtype(x, self.dtype().into())
    }
}

/// A tensor in 32 bits.
pub(crate) fn full<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    in_dtype(x, DType::F32)
}

/// A weight in the numbers of what it meets. Its gradient comes back in its own.
pub(crate) fn like<const D: usize, const E: usize>(weight: Tensor<D>, x: &Tensor<E>) -> Tensor<D> {
    in_dtype(weight, x.dtype())
}

pub(crate) fn in_dtype<const D: usize>(x: Tensor<D>, dtype: DType) -> Tensor<D> {
    // No node of the graph where nothing changes.
    if x.dtype() == dtype { x } else { x.cast(FloatDType::from(dtype)) }
}

/// A convolution in the numbers of its input.
///
/// # Shapes
/// - x: `[batch, inputs, height, width]`; returns `[batch, outputs, height / stride, width / stride]`.
pub(crate) fn convolve(conv: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    if x.dtype() == DType::F32 {
        return conv.forward(x);
    }
    // Kernels are 1×1 or 3×3 here, padded to keep the size, and have no bias.
    let padding = conv.kernel_size.map(|kernel| (kernel - 1) / 2);
    let options = ConvOptions::new(conv.stride, padding, conv.dilation, conv.groups);
    let weight = like(conv.weight.val(), &x);
    module::conv2d(x, weight, None, options)
}
