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
use super::format::{STEPS, WeightFormat, in_steps, step_of};
use super::tensors::Tensors;
use crate::ModelError;

/// Writes f32 tensors and flushes them to the disk.
///
/// # Errors
/// [`ModelError::Io`] or [`ModelError::Weights`], with the file's name.
pub fn write_safetensors(path: &Path, state: &StateDict) -> Result<(), ModelError> {
    write(path, state, WeightFormat::F32, ("format", "pt"))
}

/// The same with one word of the header's own. Tensors of more than one dimension are [rounded](Rounded).
///
/// # Errors
/// The same.
pub(crate) fn write(
    path: &Path,
    state: &StateDict,
    format: WeightFormat,
    (key, value): (&str, &str),
) -> Result<(), ModelError> {
    let tensors = state.iter().flat_map(|(name, data)| {
        let (numbers, steps) = match format {
            _ if !is_matrix(data) => (Numbers::F32, false),
            WeightFormat::F32 => (Numbers::F32, false),
            WeightFormat::F16 => (Numbers::F16, false),
            WeightFormat::I8 => (Numbers::I8, true),
        };
        let steps = steps.then(|| (format!("{name}{STEPS}"), Stored { data, numbers: Numbers::Steps }));
        std::iter::once((name.clone(), Stored { data, numbers })).chain(steps)
    });
    // One word alone: the library writes several in any order.
    let metadata = HashMap::from([(key.to_owned(), value.to_owned())]);
    safetensors::serialize_to_file(tensors, Some(metadata), path).map_err(|error| match error {
        SafeTensorError::IoError(source) => FileError::writing(path)(source).into(),
        source => ModelError::Weights { path: path.to_owned(), source },
    })?;
    let flush = || fs::OpenOptions::new().write(true).open(path)?.sync_all();
    Ok(flush().map_err(FileError::writing(path))?)
}

/// What a file in this format holds of tensors.
///
/// A value that the format cannot hold is [`ModelError::Unstorable`].
pub(crate) struct Rounded<'a>(pub(crate) &'a StateDict, pub(crate) WeightFormat);

impl Tensors for Rounded<'_> {
    type Error = ModelError;

    fn names(&self) -> Vec<&str> {
        self.0.names()
    }

    fn visit(&self, name: &str, see: &mut dyn FnMut(&[f32])) -> Result<(), ModelError> {
        let Self(state, format) = *self;
        match state.get(name) {
            Some(data) if is_matrix(data) && format != WeightFormat::F32 => {
                for row in rows(data) {
                    if let Some(&value) = row.iter().find(|value| !format.takes(**value)) {
                        return Err(ModelError::Unstorable { tensor: name.to_owned(), value, format });
                    }
                    see(&format.rounded(row));
                }
            }
            _ => {
                let Ok(()) = state.visit(name, see);
            }
        }
        Ok(())
    }
}

fn is_matrix(data: &TensorData) -> bool {
    data.shape().as_slice().len() > 1
}

/// What belongs to one output of a matrix or a convolution.
fn rows(data: &TensorData) -> impl Iterator<Item = &[f32]> {
    let values = data.as_slice::<f32>().expect("a state is of f32");
    let rows = data.shape().as_slice().first().copied().unwrap_or(1);
    values.chunks(values.len().checked_div(rows).unwrap_or(0).max(1))
}

/// A tensor as it is written.
struct Stored<'a> {
    data: &'a TensorData,
    numbers: Numbers,
}

#[derive(Clone, Copy)]
enum Numbers {
    F32,
    F16,
    I8,
    /// The sizes of the steps of `I8`, one per row.
    Steps,
}

impl View for Stored<'_> {
    fn dtype(&self) -> Dtype {
        match self.numbers {
            Numbers::F32 | Numbers::Steps => Dtype::F32,
            Numbers::F16 => Dtype::F16,
            Numbers::I8 => Dtype::I8,
        }
    }

    fn shape(&self) -> &[usize] {
        let shape = self.data.shape().as_slice();
        match self.numbers {
            Numbers::Steps => &shape[..1],
            _ => shape,
        }
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let values = self.data.as_slice::<f32>().expect("a state is of f32");
        match self.numbers {
            Numbers::F32 => self.data.as_bytes().into(),
            Numbers::F16 => values.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect(),
            Numbers::Steps => rows(self.data).flat_map(|row| step_of(row).to_le_bytes()).collect(),
            Numbers::I8 => {
                let in_row = |row: &'_ [f32]| -> Vec<u8> {
                    let step = step_of(row);
                    row.iter().map(|value| in_steps(*value, step).cast_unsigned()).collect()
                };
                rows(self.data).flat_map(in_row).collect()
            }
        }
    }

    fn data_len(&self) -> usize {
        let bytes = match self.numbers {
            Numbers::F32 | Numbers::Steps => 4,
            Numbers::F16 => 2,
            Numbers::I8 => 1,
        };
        self.shape().iter().product::<usize>() * bytes
    }
}
