//! Convolution, batch norm with the batch's statistics, residual and ReLU, for training.

mod channels;
mod layer;
mod moments;
mod norm;

pub use self::layer::{ConvNorm, Normed, NormedRef};

use self::moments::Moments;
use self::norm::NormBackward;
use crate::conv::border;
use crate::weight_gradient::weight_gradient;
use crate::{Conv, Epilogue, FeatureMap, FeatureView};

/// Gradients that somebody needs, beside those of the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// That of the input.
    pub x: bool,
    /// That of the residual.
    pub residual: bool,
}

/// Gradients of a loss.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvNormGradients {
    /// In the input's shape; empty if it was not asked for.
    pub x: Vec<f32>,
    /// `[outputs, inputs, kernel, kernel]`.
    pub weight: Vec<f32>,
    /// `[outputs]`.
    pub gain: Vec<f32>,
    /// `[outputs]`.
    pub offset: Vec<f32>,
    /// In the output's shape; empty if it was not asked for.
    pub residual: Vec<f32>,
}

impl ConvNorm<'_> {
    /// `[images, height, width, outputs]` for an input.
    pub fn output_dims(&self, [images, height, width, _]: [usize; 4]) -> [usize; 4] {
        [images, height.div_ceil(self.stride), width.div_ceil(self.stride), self.dims[0]]
    }

    /// # Shapes
    /// - x: `[images, height, width, inputs]`; residual: as [`output_dims`](Self::output_dims).
    ///
    /// # Panics
    /// If these do not fit.
    pub fn forward(&self, x: &[f32], dims: [usize; 4], residual: Option<&[f32]>) -> Normed {
        let channels = self.dims[0];
        let (convolved, parts) = self.convolve(x, dims, |row| Moments::of(row, channels, self.level));
        let (mean, variance) = Moments::merge(&parts, channels);
        let out = self.norm(&convolved, &mean, &variance, residual);
        Normed { out, convolved, mean, variance }
    }

    /// From the gradient of the output.
    ///
    /// # Panics
    /// If shapes do not fit, or if the gradient of the input of a strided convolution is asked for.
    pub fn backward(
        &self,
        x: &[f32],
        dims: [usize; 4],
        normed: NormedRef<'_>,
        mut gradient: Vec<f32>,
        wanted: Wanted,
    ) -> ConvNormGradients {
        let out_dims = self.output_dims(dims);
        let values = out_dims.iter().product::<usize>();
        let again = if normed.convolved.is_empty() { self.convolve(x, dims, |_| ()).0 } else { Vec::new() };
        let convolved = if normed.convolved.is_empty() { again.as_slice() } else { normed.convolved };
        let normed = NormedRef { convolved, ..normed };
        let fit = [gradient.len(), normed.out.len(), normed.convolved.len()].iter().all(|&len| len == values);
        assert!(fit, "gradients and outputs of one shape");
        let (norm, [gain, offset]) = NormBackward::new(self, &mut gradient, normed);
        let [outputs, inputs, kernel] = self.dims;
        let border = border(kernel, self.stride, inputs, outputs);
        // The gradient of the convolution's output, with the border that its transpose reads; in the memory of the
        // other one, if nobody else needs that.
        let (inner, residual) = if border == 0 && !wanted.residual {
            norm.in_place(&mut gradient, normed.convolved);
            (FeatureMap::without_border(gradient, out_dims), Vec::new())
        } else {
            let inner = norm.with_border(&gradient, normed.convolved, out_dims, border);
            (inner, if wanted.residual { gradient } else { Vec::new() })
        };
        ConvNormGradients {
            x: if wanted.x { self.input_gradient(&inner) } else { Vec::new() },
            weight: with_border(x, dims, border, |x| weight_gradient(x, &inner, kernel, self.stride, self.level)),
            gain,
            offset,
            residual,
        }
    }

    /// The convolution alone, and what `then` says of each row of it.
    fn convolve<T: Send>(&self, x: &[f32], dims: [usize; 4], then: impl Fn(&[f32]) -> T + Sync) -> (Vec<f32>, Vec<T>) {
        let conv = Conv::new(self.weight, self.dims, self.stride, &[], self.level);
        let mut map = FeatureMap::default();
        let said = with_border(x, dims, conv.border(), |x| conv.run_then(x, Epilogue::default(), &mut map, 0, then));
        (map.data, said)
    }

    /// The transposed convolution, which for a stride of one is a convolution with the turned kernel.
    fn input_gradient(&self, inner: &FeatureMap) -> Vec<f32> {
        assert_eq!(self.stride, 1, "the gradient of a strided convolution's input");
        let mut x = FeatureMap::default();
        let conv = Conv::transposed(self.weight, self.dims, self.level);
        conv.run(inner, Epilogue::default(), &mut x, 0);
        x.data
    }
}

/// The input as it is, or a copy where a border is needed.
fn with_border<T>(x: &[f32], dims: [usize; 4], border: usize, then: impl FnOnce(FeatureView<'_>) -> T) -> T {
    if border == 0 { then(FeatureView::new(x, dims)) } else { then(FeatureMap::new(x, dims, border).view()) }
}
