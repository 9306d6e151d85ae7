//! A loss and what it is made of.

use burn::tensor::Tensor;

/// What a batch's loss is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LossValues {
    /// What is minimised.
    pub total: f64,
    /// Of the pairs.
    pub pairs: f64,
    /// Of self-supervision.
    pub ssl: Option<f64>,
}

impl LossValues {
    /// Waits for [`LossTensors::together`].
    pub(super) fn read(losses: Tensor<1>) -> Self {
        let data = losses.into_data().convert::<f32>();
        let values = data.as_slice::<f32>().expect("converted to f32");
        let value = |index: usize| values.get(index).copied().map(f64::from);
        Self { total: f64::from(values[0]), pairs: f64::from(values[1]), ssl: value(2) }
    }
}

/// [`LossValues`] that are still to be computed, `[1]` each.
pub(super) struct LossTensors {
    pub(super) total: Tensor<1>,
    pub(super) pairs: Tensor<1>,
    pub(super) ssl: Option<Tensor<1>>,
}

impl LossTensors {
    /// All of them in one tensor outside of the graph, `[2]` or `[3]`.
    pub(super) fn together(&self) -> Tensor<1> {
        let all = [Some(&self.total), Some(&self.pairs), self.ssl.as_ref()];
        Tensor::cat(all.into_iter().flatten().map(|loss| loss.clone().inner()).collect(), 0)
    }
}
