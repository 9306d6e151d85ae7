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

/// [`LossValues`] that are still to be computed, `[1]` each.
pub(super) struct LossTensors {
    pub(super) total: Tensor<1>,
    pub(super) pairs: Tensor<1>,
    pub(super) ssl: Option<Tensor<1>>,
}

impl LossTensors {
    /// Waits for them, once for all.
    pub(super) fn read(&self) -> LossValues {
        let all = [Some(&self.total), Some(&self.pairs), self.ssl.as_ref()];
        let all = all.into_iter().flatten().map(|loss| loss.clone().detach()).collect();
        let data = Tensor::<1>::cat(all, 0).into_data().convert::<f32>();
        let values = data.as_slice::<f32>().expect("converted to f32");
        let value = |index: usize| values.get(index).copied().map(f64::from);
        LossValues { total: f64::from(values[0]), pairs: f64::from(values[1]), ssl: value(2) }
    }
}
