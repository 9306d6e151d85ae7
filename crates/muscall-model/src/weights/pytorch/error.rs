//! What can be wrong with a checkpoint.

use std::path::PathBuf;

use muscall_files::FileError;

/// Errors of reading PyTorch's files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PytorchError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] FileError),
    /// The file is not a complete archive.
    #[error(
        "{path}: {reason}; expected a whole file of torch.save (1.6 or newer): copy it again, or save it again with a current PyTorch or as safetensors"
    )]
    NotAnArchive {
        /// The checkpoint's file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// An entry of the archive is not as torch.save makes them.
    #[error("{path}: the entry `{entry}` {reason}; this was not written by torch.save, and was not read any further")]
    Entry {
        /// The checkpoint's file.
        path: PathBuf,
        /// Its name.
        entry: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The pickle names something that is not data.
    #[error(
        "{path}: the file asks for `{name}` to be called, which is not a part of a checkpoint; nothing was executed: do not load this file with other tools"
    )]
    Global {
        /// The checkpoint's file.
        path: PathBuf,
        /// Module and name.
        name: String,
    },
    /// The pickle is damaged, or uses what checkpoints do not.
    #[error("{path}: byte {offset} of its pickle: {reason}; expected the plain data of a checkpoint")]
    Pickle {
        /// The checkpoint's file.
        path: PathBuf,
        /// Where.
        offset: usize,
        /// What is wrong.
        reason: String,
    },
    /// A tensor does not fit into the file.
    #[error("{path}: a tensor of shape {shape:?} in `{storage}` {reason}; the file is damaged")]
    Tensor {
        /// The checkpoint's file.
        path: PathBuf,
        /// Where its values are.
        storage: String,
        /// Its shape.
        shape: Vec<usize>,
        /// What is wrong.
        reason: String,
    },
    /// What was saved is not what a trainer saves.
    #[error("{path}: found {found}; expected {expected}")]
    Content {
        /// The checkpoint's file.
        path: PathBuf,
        /// What is there.
        found: String,
        /// What should be.
        expected: &'static str,
    },
}
