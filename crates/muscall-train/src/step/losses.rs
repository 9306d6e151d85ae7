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
    /// Total, pairs and, if there is any, self-supervision, `[1]` each, in one tensor outside of the graph.
    pub(super) fn together<const N: usize>(losses: [Tensor<1>; N]) -> Tensor<1> {
        Tensor::cat(losses.map(Tensor::inner).to_vec(), 0)
    }

    /// Waits for what [`together`](Self::together) gave.
    pub(super) fn read(losses: Tensor<1>) -> Self {
        let data = losses.into_data().convert::<f32>();
        let values = data.as_slice::<f32>().expect("converted to f32");
        let value = |index: usize| values.get(index).copied().map(f64::from);
        Self { total: f64::from(values[0]), pairs: f64::from(values[1]), ssl: value(2) }
    }
}
