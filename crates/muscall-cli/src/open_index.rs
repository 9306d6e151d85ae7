//! An index for a model, whatever was at its place.

use std::path::Path;

use muscall::Muscall;
use muscall::indexing::index_config;
use muscall::retrieval::{IndexWriter, RetrievalError};

use crate::Failed;

/// The index of a file, which is made if it is not there, and anew if it is another model's or damaged.
///
/// # Errors
/// If it can't be written, or another process writes it.
pub fn open_index(path: &Path, model: &Muscall) -> Result<IndexWriter, Failed> {
    let config = index_config(model)?;
    match IndexWriter::open_or_create(path, &config) {
        Err(error @ (RetrievalError::Fingerprint { .. } | RetrievalError::Corrupt { .. })) => {
            eprintln!("the index is built anew: {error}");
            Ok(IndexWriter::replace(path, &config)?)
        }
        writer => Ok(writer?),
    }
}
