//! The gradient of a convolution's weights: products of inputs and output gradients over all pixels.

mod narrow;
mod products;
mod wide;

use crate::winograd::Winograd;
use crate::{FeatureMap, FeatureView, Level};

/// Above so many weights a channel's neighbours are far enough away that copies pay.
const WIDE: usize = 1 << 12;

/// # Shapes
/// - x: `[images, height, width, inputs]` with the border of [`border`](crate::conv::border);
///   gradient: the output's shape;
/// - returns `[outputs, inputs, kernel, kernel]`.
pub(crate) fn weight_gradient(
    x: FeatureView<'_>,
    gradient: &FeatureMap,
    kernel: usize,
    stride: usize,
    level: Level,
) -> Vec<f32> {
    let (inputs, outputs) = (x.channels, gradient.channels);
    match (kernel, stride) {
        (1, 1) if inputs * outputs >= WIDE => wide::weight_gradient(x, gradient, wide::Form::Pixels, level),
        (3, 1) if Winograd::pays(inputs, outputs) => wide::weight_gradient(x, gradient, wide::Form::Winograd, level),
        _ => narrow::weight_gradient(x, gradient, kernel, stride, level),
    }
}
