//! How an index is brought up to date.

use std::time::Duration;

use muscall_model::{LEAST_HOP_S, ModelError, Muscall};
use muscall_retrieval::IndexConfig;

/// What an index of this model is made for.
///
/// # Errors
/// [`ModelError`] with the file of the model's bundle that cannot be read, or if its windows are so close that a song would
/// have more of them than an index has songs.
pub fn index_config(model: &Muscall) -> Result<IndexConfig, ModelError> {
    let config = model.config();
    let hop_s = config.segment_hop_s();
    let valid = hop_s >= LEAST_HOP_S.min(config.clip_s / 2.0);
    ModelError::check(valid, "segment_hop_s", hop_s, "at least 0.01 s in an index")?;
    let index = IndexConfig::new(config.projection_dim, model.fingerprint()?);
    Ok(index.with_windows(config.clip_s, hop_s))
}

/// How an index is brought up to date.
#[derive(Debug, Clone, PartialEq)]
pub struct Indexer {
    /// Threads that read files; as many as there are cores by default.
    pub threads: usize,
    /// Windows that go through the encoder together, of as many tracks as it takes.
    pub batch: usize,
    /// What an interruption may cost.
    pub commit_every: Duration,
    /// How often a listener is told of a recording that takes long, and may break off within it.
    pub tell_every: Duration,
    /// Reads all of every file, also of those whose size, times and inode are what they were: to find what was changed
    /// without them, such as in the middle of a file whose times were put back.
    pub rehash: bool,
}

impl Default for Indexer {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            threads,
            batch: 32,
            commit_every: Duration::from_secs(5),
            tell_every: Duration::from_millis(200),
            rehash: false,
        }
    }
}
