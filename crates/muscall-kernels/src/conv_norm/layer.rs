//! A layer, and what comes of its forward pass.

use crate::Level;

/// `relu(norm(conv(x)) + residual)`, where the norm uses the statistics of the batch.
#[derive(Debug, Clone, Copy)]
pub struct ConvNorm<'a> {
    /// `[outputs, inputs, kernel, kernel]`.
    pub weight: &'a [f32],
    /// Outputs, inputs, kernel (1 or 3, padded by 0 or 1).
    pub dims: [usize; 3],
    /// 1 or 2.
    pub stride: usize,
    /// γ, `[outputs]`.
    pub gain: &'a [f32],
    /// β, `[outputs]`.
    pub offset: &'a [f32],
    /// Added to the variance.
    pub epsilon: f32,
    /// Whether negative values become zero.
    pub relu: bool,
    /// Which instructions.
    pub level: Level,
}

/// What comes of a forward pass; backward needs all of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Normed {
    /// `[images, height, width, outputs]`.
    pub out: Vec<f32>,
    /// Of the convolution alone, in the same shape.
    pub convolved: Vec<f32>,
    /// `[outputs]`.
    pub mean: Vec<f32>,
    /// Biased, `[outputs]`.
    pub variance: Vec<f32>,
}

impl Normed {
    /// Borrowed.
    pub fn as_ref(&self) -> NormedRef<'_> {
        NormedRef { out: &self.out, convolved: &self.convolved, mean: &self.mean, variance: &self.variance }
    }
}

/// [`Normed`], where somebody else holds it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormedRef<'a> {
    /// `[images, height, width, outputs]`.
    pub out: &'a [f32],
    /// Of the convolution alone, in the same shape; where it is empty, backward convolves again.
    pub convolved: &'a [f32],
    /// `[outputs]`.
    pub mean: &'a [f32],
    /// Biased, `[outputs]`.
    pub variance: &'a [f32],
}
