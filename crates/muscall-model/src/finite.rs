//! Embeddings on the host, all of them finite: a model that has diverged is an error.

use burn::tensor::Tensor;

use crate::ModelError;

/// Adds a batch of embeddings from the device.
pub(crate) fn append_tensor(values: &mut Vec<f32>, batch: Tensor<2>, what: &'static str) -> Result<(), ModelError> {
    let [_, dim] = batch.dims();
    let data = batch.into_data().convert::<f32>();
    append(values, data.as_slice::<f32>().expect("converted to f32"), dim, what)
}

/// Adds a batch of embeddings, `[rows, dim]`.
pub(crate) fn append(values: &mut Vec<f32>, data: &[f32], dim: usize, what: &'static str) -> Result<(), ModelError> {
    if let Some(i) = data.iter().position(|x| !x.is_finite()) {
        let index = (values.len() + i) / dim;
        return Err(ModelError::NotFinite { what, index });
    }
    values.extend_from_slice(data);
    Ok(())
}
