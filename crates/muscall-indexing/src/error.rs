//! What can go wrong on the way to an index.

use std::path::PathBuf;

use muscall_files::FileError;
use muscall_model::ModelError;
use muscall_retrieval::RetrievalError;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexingError {
    /// A file or folder cannot be read or written.
    #[error(transparent)]
    Io(#[from] FileError),
    /// A folder of music cannot be looked into.
    #[error("{path}: {source}; check the path and its permissions, and that its disk is mounted")]
    Folder {
        /// The folder of music.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A shard's name is not one.
    #[error("shard `{found}`: expected i/n, with i from 0 and below n, such as 0/8")]
    Shard {
        /// What was given.
        found: String,
    },
    /// A variable that a cluster sets makes no sense.
    #[error("{variable} is `{found}`: expected a number below {count}; set it, or give the shard as i/n")]
    ShardVariable {
        /// Its name.
        variable: &'static str,
        /// What the variable holds.
        found: String,
        /// Number of shards.
        count: u64,
    },
    /// A shard's marker cannot be read.
    #[error("{path}: not a marker of a finished shard ({source}); remove it and run the shard again")]
    Marker {
        /// The marker.
        path: PathBuf,
        /// What the JSON parser says.
        source: serde_json::Error,
    },
    /// Shards are missing.
    #[error("{path}: the shard is not finished; run it again before merging")]
    NotDone {
        /// The shard's index.
        path: PathBuf,
    },
    /// There is nothing to merge.
    #[error("no shards were given; name their index files")]
    NoShards,
    /// A shard is of another kind than the first one.
    #[error("{path}: its windows or its model differ from those of the other shards; index it again")]
    OtherShard {
        /// The shard's index.
        path: PathBuf,
    },
    /// A bucket cannot be opened or read.
    #[cfg(feature = "s3")]
    #[error(transparent)]
    Bucket(#[from] muscall_bucket::BucketError),
    /// The model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The index failed.
    #[error(transparent)]
    Retrieval(#[from] RetrievalError),
}
