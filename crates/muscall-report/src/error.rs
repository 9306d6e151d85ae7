//! What can go wrong when a report is made.

use std::path::PathBuf;

use muscall_audio::AudioError;
use muscall_files::FileError;
use muscall_model::ModelError;
use muscall_retrieval::RetrievalError;
use muscall_train::TrainError;

/// A report that could not be made or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] FileError),
    /// A log of a training run is not one.
    #[error("{path}: line {line}: found {found}, expected {expected}; is this the folder of a training run?")]
    Log {
        /// The log, such as `steps.csv`.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// The cell.
        found: String,
        /// What should be there.
        expected: &'static str,
    },
    /// A picture could not be drawn, which is a defect of this library.
    #[error("the picture {name} could not be drawn: {reason}")]
    Draw {
        /// Which.
        name: String,
        /// What the drawing library says.
        reason: String,
    },
    /// A data set whose task has no report.
    #[error("there is no report for the task of this data set")]
    Task,
    /// Numbers could not be written as JSON, which is a defect of this library.
    #[error("the report's numbers could not be written: {source}")]
    Json {
        /// What the JSON writer says.
        #[from]
        source: serde_json::Error,
    },
    /// The model could not be evaluated.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The model could not be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Audio could not be read.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// Embeddings do not fit each other.
    #[error(transparent)]
    Retrieval(#[from] RetrievalError),
    /// Rows of vectors that do not fit, or are not finite.
    #[error(transparent)]
    Vectors(#[from] muscall_retrieval::VectorError),
}
