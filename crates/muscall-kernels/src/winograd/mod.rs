//! 3×3 convolutions with 16 multiplications for four outputs, where the direct way takes 36.

mod task;
pub(crate) mod transform;

use rayon::prelude::*;

use self::transform::{PLACES, of_kernel2};
use crate::Level;
use crate::pack::PackedMatrix;

pub(crate) use self::task::WinogradTask;

/// F(2×2, 3×3): tiles of 4×4 inputs and the weights go through a transform in which the convolution
/// is a product of matrices for each of 16 places, and its results through another one back to 2×2
/// outputs. All factors are 0, ±½ and ±1, so that little is lost to rounding.
///
/// # Source
/// Lavin and Gray 2016, *Fast Algorithms for Convolutional Neural Networks*, section 4.1.
#[derive(Debug, Clone)]
pub(crate) struct Winograd {
    /// One matrix `[inputs, outputs]` a place.
    weights: Vec<PackedMatrix>,
}

impl Winograd {
    /// Whether the transforms cost less than what they save. Then there are whole vectors of channels.
    pub(crate) fn pays(inputs: usize, outputs: usize) -> bool {
        inputs.min(outputs) >= 32 && inputs.is_multiple_of(16) && outputs.is_multiple_of(16)
    }

    /// Of weights `[outputs, inputs, 3, 3]`; `turned` is for the way back from outputs to inputs.
    pub(crate) fn new(weight: &[f32], [outputs, inputs]: [usize; 2], turned: bool, level: Level) -> Self {
        let count = outputs * inputs;
        // [place, output, input]
        let mut transformed = vec![0.0; PLACES * count];
        for (at, kernel) in weight.as_chunks::<9>().0.iter().enumerate() {
            let [a, b, c, d, e, f, g, h, i] = *kernel;
            let kernel = if turned { [i, h, g, f, e, d, c, b, a] } else { *kernel };
            for (place, value) in of_kernel2(kernel).iter().enumerate() {
                transformed[place * count + at] = *value;
            }
        }
        let pack = |values: &[f32]| match turned {
            true => PackedMatrix::new([outputs, inputs], level, values, |output| output * inputs, 1),
            false => PackedMatrix::new([inputs, outputs], level, values, |input| input, inputs),
        };
        Self { weights: transformed.par_chunks_exact(count.max(1)).map(pack).collect() }
    }

    /// As the weights of the direct way.
    pub(crate) fn matrix(&self) -> &PackedMatrix {
        &self.weights[0]
    }

    /// Of all places.
    pub(crate) fn bytes(&self) -> usize {
        self.weights.iter().map(PackedMatrix::bytes).sum()
    }
}
