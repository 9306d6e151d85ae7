//! One index out of several.

use std::path::{Path, PathBuf};

use muscall_retrieval::{Fingerprint, Index, IndexConfig, IndexWriter};

use crate::{Done, IndexingError};

/// Segments after which a part is committed.
const COMMIT: usize = 1 << 16;

/// A shard that is done.
struct Part<'a> {
    path: &'a PathBuf,
    /// The name of the model that finished it; the index may have a former name of its space.
    finished_by: String,
    index: Index,
}

/// Adds the tracks of all shards to an index, which is made if it is not there. A track that the index has
/// under the same name is replaced. Gives the number of tracks taken.
///
/// Shards that an earlier version began, and shards of this one, may be merged once this one has finished both: their
/// markers tell that it is one model.
///
/// # Errors
/// [`IndexingError::NotDone`] if a shard has no marker; [`IndexingError::OtherShard`]; if a shard cannot be
/// read. It may be run again then.
pub fn merge(into: &Path, shards: &[PathBuf]) -> Result<usize, IndexingError> {
    let mut parts = Vec::with_capacity(shards.len());
    for path in shards {
        let Some(Done { fingerprint: finished_by, .. }) = Done::read(path)? else {
            return Err(IndexingError::NotDone { path: path.clone() });
        };
        parts.push(Part { path, finished_by, index: Index::open(path)? });
    }
    let mut writer = IndexWriter::open_or_create(into, &common(&parts)?)?;
    let mut taken = 0;
    for Part { index: part, .. } in &parts {
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

/// What all parts are for.
fn common(parts: &[Part<'_>]) -> Result<IndexConfig, IndexingError> {
    let first = parts.first().ok_or(IndexingError::NoShards)?;
    let mut config = first.index.config().clone();
    let mut space = Fingerprint::new(&first.finished_by).with_former(first.index.config().fingerprint.name());
    loop {
        let known = space.names().count();
        for Part { finished_by, index, .. } in parts {
            let own = [finished_by, index.config().fingerprint.name()];
            if own.iter().any(|name| space.accepts(name)) {
                for name in own {
                    space = if space.accepts(name) { space } else { space.with_former(name) };
                }
            }
        }
        // A part may have become one of them by the names of a later one.
        if space.names().count() == known {
            break;
        }
    }
    let windows = |config: &IndexConfig| (config.dim, config.window_s, config.hop_s);
    for Part { path, index, .. } in parts {
        let own = index.config();
        if windows(own) != windows(&config) || !space.accepts(&own.fingerprint) {
            return Err(IndexingError::OtherShard { path: (*path).clone() });
        }
    }
    config.fingerprint = space;
    Ok(config)
}
