//! Vectors onto the unit sphere.

use burn::tensor::Tensor;

/// Rows divided by their Euclidean norm.
pub(crate) fn normalise(x: Tensor<2>) -> Tensor<2> {
    let norm = x.clone().square().sum_dim(1).sqrt();
    x / norm
}
