//! State dicts as safetensors files.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use burn::tensor::{DType, TensorData};
use muscall_files::FileError;
use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::StateDict;
use crate::{Differences, ModelError};

/// Reads a file of float tensors; f16, bf16 and f64 become f32. Integer tensors, such as
/// PyTorch's `num_batches_tracked`, are left out.
///
/// # Errors
/// [`ModelError::Io`] or [`ModelError::Weights`], with the file's name.
pub fn read_safetensors(path: &Path) -> Result<StateDict, ModelError> {
    let bytes = fs::read(path).map_err(FileError::reading(path))?;
    let weights = |source| ModelError::Weights { path: path.to_owned(), source };
    let file = SafeTensors::deserialize(&bytes).map_err(weights)?;
    let mut state = StateDict::new();
    let mut differences = Differences::default();
    for (name, view) in file.iter() {
        let dtype = match view.dtype() {
            Dtype::F32 => DType::F32,
            Dtype::F64 => DType::F64,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            Dtype::I64 | Dtype::I32 => continue,
            other => {
                let found = format!("{other:?}");
                differences.misshapen.push((name.to_owned(), "a float tensor".to_owned(), found));
                continue;
            }
        };
        let data = TensorData::from_bytes_vec(view.data().to_vec(), view.shape().to_vec(), dtype);
        state.insert(name.to_owned(), data.convert::<f32>());
    }
    if !differences.is_empty() {
        let origin = path.display().to_string();
        return Err(ModelError::Mismatch { origin, differences });
    }
    Ok(state)
}

/// Writes f32 tensors and flushes them to the disk.
///
/// # Errors
/// [`ModelError::Io`] or [`ModelError::Weights`], with the file's name.
pub fn write_safetensors(path: &Path, state: &StateDict) -> Result<(), ModelError> {
    let weights = |source| ModelError::Weights { path: path.to_owned(), source };
    let views: Result<Vec<_>, _> = state
        .iter()
        .map(|(name, data)| {
            let shape = data.shape().as_slice().to_vec();
            TensorView::new(Dtype::F32, shape, data.as_bytes()).map(|view| (name, view))
        })
        .collect();
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize_to_file(views.map_err(weights)?, Some(metadata), path).map_err(|error| match error {
        SafeTensorError::IoError(source) => FileError::writing(path)(source).into(),
        source => weights(source),
    })?;
    let write = || fs::OpenOptions::new().write(true).open(path)?.sync_all();
    Ok(write().map_err(FileError::writing(path))?)
}
