//! One index out of several.

use std::path::{Path, PathBuf};

use muscall_retrieval::{Index, IndexWriter};

use crate::{Done, IndexingError};

/// Segments after which a part is committed.
const COMMIT: usize = 1 << 16;

/// Adds the tracks of all shards to an index, which is made if it is not there. A track that the index has
/// under the same name is replaced. Gives the number of tracks taken.
///
/// # Errors
/// [`IndexingError::NotDone`] if a shard has no marker; [`IndexingError::OtherShard`]; if a shard cannot be
/// read. It may be run again then.
pub fn merge(into: &Path, shards: &[PathBuf]) -> Result<usize, IndexingError> {
    let mut parts = Vec::with_capacity(shards.len());
    for path in shards {
        if Done::read(path)?.is_none() {
            return Err(IndexingError::NotDone { path: path.clone() });
        }
        parts.push((path, Index::open(path)?));
    }
    let Some((_, first)) = parts.first() else {
        return Err(IndexingError::NoShards);
    };
    if let Some((path, _)) = parts.iter().find(|(_, part)| part.config() != first.config()) {
        return Err(IndexingError::OtherShard { path: (*path).clone() });
    }
    let mut writer = IndexWriter::open_or_create(into, first.config())?;
    let mut taken = 0;
    for (_, part) in &parts {
        for track in part.tracks() {
            let (record, segments) = (part.track(track)?, part.segments(track)?);
            // Merged before, and not changed since.
            if let Some(old) = writer.base().find(&record.path)?
                && writer.base().track(old)? == record
                && writer.base().segments(old)? == segments
            {
                continue;
            }
            writer.remove(&record.path)?;
            writer.add(&record, segments.starts_s, segments.rows.values())?;
            taken += 1;
            if writer.pending_segments() >= COMMIT {
                writer.commit()?;
            }
        }
    }
    writer.commit()?;
    Ok(taken)
}
