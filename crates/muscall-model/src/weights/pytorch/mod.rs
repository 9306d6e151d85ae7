//! Checkpoints of PyTorch, read without executing anything.

mod archive;
mod constructors;
mod error;
mod object;
mod pickle;
mod value;

pub use error::PytorchError;
pub use value::{ElementType, TensorRef, Value};

use std::path::Path;

use archive::Archive;

/// How often the bytes of a file may be read: a few tied weights, or half precision that doubles.
const READINGS: usize = 4;
/// Numbers that are read at once.
const PIECE: usize = 1 << 18;

/// A file of `torch.save`: what it holds, and the values of its tensors.
///
/// The pickle in it is interpreted by a machine that knows a closed list of constructors; anything
/// else that it names is refused. Sizes that a file claims are checked against the file before
/// anything is allocated.
#[derive(Debug)]
pub struct TorchFile {
    archive: Archive,
    root: Value,
    /// Bytes of values that may still be read.
    allowance: usize,
}

impl TorchFile {
    /// Opens a `.pt`, `.pth` or `.pth.tar` file.
    ///
    /// # Errors
    /// [`PytorchError`] with the file, what is wrong with it, and what to do.
    pub fn open(path: &Path) -> Result<Self, PytorchError> {
        let mut archive = Archive::open(path)?;
        let bytes = archive.pickle()?;
        let root = pickle::interpret(path, &bytes)?;
        root.check_tensors(&archive)?;
        let allowance = archive.total_size().saturating_mul(READINGS);
        Ok(Self { archive, root, allowance })
    }

    /// What was saved.
    pub fn root(&self) -> &Value {
        &self.root
    }

    /// The values of a tensor in row-major order, whatever its strides; other element types become
    /// f32.
    ///
    /// # Errors
    /// [`PytorchError::Io`] if the file has changed or cannot be read.
    pub fn read(&mut self, tensor: &TensorRef) -> Result<Vec<f32>, PytorchError> {
        tensor.check(&self.archive)?;
        let Some(span) = tensor.span() else {
            return Ok(Vec::new());
        };
        let needed = 4 * tensor.shape.iter().product::<usize>();
        let Some(rest) = self.allowance.checked_sub(needed.max(span.len() * tensor.kind.size())) else {
            let (path, expected) = (self.archive.path().to_owned(), "each value to belong to one tensor or two");
            return Err(PytorchError::Content { path, found: "tensors that share their values".to_owned(), expected });
        };
        self.allowance = rest;
        let size = tensor.kind.size();
        if tensor.is_contiguous() {
            // Piece by piece: a large tensor is never there as bytes and as numbers.
            let mut values = Vec::with_capacity(span.len());
            for start in span.clone().step_by(PIECE) {
                let count = PIECE.min(span.end - start);
                tensor.kind.decode_all(&self.archive.read(&tensor.storage, start * size, count * size)?, &mut values);
            }
            return Ok(values);
        }
        let bytes = self.archive.read(&tensor.storage, span.start * size, span.len() * size)?;
        Ok(tensor.gather(&bytes))
    }
}
