//! Named tensors as kernels.

use std::borrow::Cow;
use std::cell::RefCell;

use muscall_kernels::{Conv, Level, Linear, RowLinear, Rows};

use crate::ModelError;
use crate::network::Network;
use crate::weights::StateDict;

/// Of batch norms.
const EPSILON: f32 = 1e-5;

/// Height and width of feature maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axes {
    /// As burn has them.
    BandsByTime,
    /// A moment is a row, so that a recording can come row by row.
    TimeByBands,
}

/// The tensors of a model, by name. What was read from a file for this alone is given away, so that it is not held beside what
/// is packed from it: each is asked for once.
pub(super) struct Weights<'a> {
    state: RefCell<Cow<'a, StateDict>>,
    /// Matrices that are read where they lie are not in `state`.
    network: &'a Network,
    pub(super) level: Level,
}

impl<'a> Weights<'a> {
    pub(super) fn new(state: Cow<'a, StateDict>, network: &'a Network, level: Level) -> Self {
        Self { state: RefCell::new(state), network, level }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.state.borrow().contains_key(name)
    }

    /// Values and shape.
    pub(super) fn get(&self, name: &str) -> (Cow<'a, [f32]>, Vec<usize>) {
        const MISSING: &str = "the network has this parameter, and it is asked for once";
        match &mut *self.state.borrow_mut() {
            Cow::Borrowed(state) => {
                let data = state.get(name).unwrap_or_else(|| panic!("{name}: {MISSING}"));
                (data.as_slice::<f32>().expect("a state is of f32").into(), data.shape().as_slice().to_vec())
            }
            Cow::Owned(state) => {
                let data = state.remove(name).unwrap_or_else(|| panic!("{name}: {MISSING}"));
                let shape = data.shape().as_slice().to_vec();
                (data.try_into_vec::<f32>().expect("a state is of f32").into(), shape)
            }
        }
    }

    pub(super) fn values(&self, name: &str) -> Cow<'a, [f32]> {
        self.get(name).0
    }

    /// `name.weight` and, if there is one, `name.bias`.
    pub(super) fn linear(&self, name: &str) -> Linear {
        let (weight, shape) = self.get(&format!("{name}.weight"));
        let bias = format!("{name}.bias");
        let bias = if self.has(&bias) { self.values(&bias) } else { Cow::Borrowed(&[][..]) };
        Linear::new(&weight, [shape[0], shape[1]], &bias, self.level)
    }

    /// A matrix where it lies.
    ///
    /// # Errors
    /// [`ModelError`] with the file that cannot be read.
    pub(super) fn rows(&self, name: &str) -> Result<Rows, ModelError> {
        match self.network.rows(name)? {
            Some(rows) => Ok(rows),
            None => {
                let (values, shape) = self.get(name);
                Ok(Rows::new(&*values, shape[1]))
            }
        }
    }

    /// Linear layers of one input, with their biases, as one that reads its weights where they lie.
    ///
    /// # Errors
    /// [`ModelError`] with the file that cannot be read.
    pub(super) fn row_linear<const N: usize>(&self, names: [String; N]) -> Result<RowLinear, ModelError> {
        let weights: Result<Vec<Rows>, _> = names.iter().map(|name| self.rows(&format!("{name}.weight"))).collect();
        let bias = names.iter().flat_map(|name| self.values(&format!("{name}.bias")).into_owned()).collect();
        Ok(RowLinear::new(weights?, bias, self.level))
    }

    /// Several linear layers of one input as one, their outputs one after the other.
    pub(super) fn side_by_side<const N: usize>(&self, names: [String; N]) -> Linear {
        let (mut weight, mut bias, mut outputs, mut inputs) = (Vec::new(), Vec::new(), 0, 0);
        for name in names {
            let (own, shape) = self.get(&format!("{name}.weight"));
            weight.extend_from_slice(&own);
            bias.extend_from_slice(&self.values(&format!("{name}.bias")));
            (outputs, inputs) = (outputs + shape[0], shape[1]);
        }
        Linear::new(&weight, [outputs, inputs], &bias, self.level)
    }

    /// A convolution and the batch norm that follows it, with its running statistics, as one, for maps with these axes.
    pub(super) fn folded(&self, conv: &str, norm: &str, stride: usize, axes: Axes) -> Conv {
        let (weight, shape) = self.get(&format!("{conv}.weight"));
        let part = |name: &str| self.values(&format!("{norm}.{name}"));
        let (gain, offset) = (part("weight"), part("bias"));
        let (mean, variance) = (part("running_mean"), part("running_var"));
        let scale: Vec<f32> = gain.iter().zip(&*variance).map(|(gain, var)| gain / (var + EPSILON).sqrt()).collect();
        let bias: Vec<f32> =
            offset.iter().zip(&*mean).zip(&scale).map(|((offset, mean), scale)| offset - mean * scale).collect();
        let an_output = weight.len() / shape[0];
        let mut weight: Vec<f32> = weight.iter().enumerate().map(|(i, weight)| weight * scale[i / an_output]).collect();
        if axes == Axes::TimeByBands && shape[2] == 3 {
            for kernel in weight.as_chunks_mut::<9>().0 {
                let [a, b, c, d, e, f, g, h, i] = *kernel;
                *kernel = [a, d, g, b, e, h, c, f, i];
            }
        }
        Conv::new(&weight, [shape[0], shape[1], shape[2]], stride, &bias, self.level)
    }
}
