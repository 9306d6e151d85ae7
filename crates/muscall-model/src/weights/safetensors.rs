//! State dicts to safetensors files.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

use burn::tensor::TensorData;
use half::f16;
use muscall_files::FileError;
use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, View};

use super::StateDict;
use super::tensors::Tensors;
use crate::ModelError;

/// Values that are rounded together.
const PIECE: usize = 1 << 16;

/// Writes f32 tensors and flushes them to the disk.
///
/// # Errors
/// [`ModelError::Io`] or [`ModelError::Weights`], with the file's name.
pub fn write_safetensors(path: &Path, state: &StateDict) -> Result<(), ModelError> {
    write(path, state, false, ("format", "pt"))
}

/// The same with one word of the header's own. If `half`, tensors of more than one dimension are [rounded](Rounded).
///
/// # Errors
/// The same.
pub(crate) fn write(path: &Path, state: &StateDict, half: bool, (key, value): (&str, &str)) -> Result<(), ModelError> {
    let tensors = state.iter().map(|(name, data)| (name, Stored { data, half: half && is_matrix(data) }));
    // One word alone: the library writes several in any order.
    let metadata = HashMap::from([(key.to_owned(), value.to_owned())]);
    safetensors::serialize_to_file(tensors, Some(metadata), path).map_err(|error| match error {
        SafeTensorError::IoError(source) => FileError::writing(path)(source).into(),
        source => ModelError::Weights { path: path.to_owned(), source },
    })?;
    let flush = || fs::OpenOptions::new().write(true).open(path)?.sync_all();
    Ok(flush().map_err(FileError::writing(path))?)
}

/// What a file of 16 bits holds of tensors. Vectors (norms, biases, statistics) take little room and stay as they are.
///
/// A value that 16 bits cannot hold is [`ModelError::Half`].
pub(crate) struct Rounded<'a>(pub(crate) &'a StateDict);

impl Tensors for Rounded<'_> {
    type Error = ModelError;

    fn names(&self) -> Vec<&str> {
        self.0.names()
    }

    fn visit(&self, name: &str, see: &mut dyn FnMut(&[f32])) -> Result<(), ModelError> {
        let is_matrix = self.0.get(name).is_some_and(is_matrix);
        let mut beyond = None;
        let Ok(()) = self.0.visit(name, &mut |values| {
            if !is_matrix {
                return see(values);
            }
            let mut rounded = Vec::with_capacity(PIECE);
            for piece in values.chunks(PIECE) {
                rounded.clear();
                rounded.extend(piece.iter().map(|x| f16::from_f32(*x).to_f32()));
                let lost =
                    |(value, rounded): (&f32, &f32)| (value.is_finite() && !rounded.is_finite()).then_some(*value);
                beyond = beyond.or_else(|| piece.iter().zip(&rounded).find_map(lost));
                see(&rounded);
            }
        });
        match beyond {
            Some(value) => Err(ModelError::Half { tensor: name.to_owned(), value }),
            None => Ok(()),
        }
    }
}

fn is_matrix(data: &TensorData) -> bool {
    data.shape().as_slice().len() > 1
}

/// A tensor as it is written.
struct Stored<'a> {
    data: &'a TensorData,
    half: bool,
}

impl View for Stored<'_> {
    fn dtype(&self) -> Dtype {
        if self.half { Dtype::F16 } else { Dtype::F32 }
    }

    fn shape(&self) -> &[usize] {
        self.data.shape().as_slice()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        if !self.half {
            return self.data.as_bytes().into();
        }
        let values = self.data.as_slice::<f32>().expect("a state is of f32");
        values.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect()
    }

    fn data_len(&self) -> usize {
        self.data.shape().as_slice().iter().product::<usize>() * if self.half { 2 } else { 4 }
    }
}
