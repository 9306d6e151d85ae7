//! The same index without what was removed.

use std::fs;

use crate::RetrievalError;
use crate::index::Index;
use crate::index::append::{Appender, beside, sync_folder};

/// Writes the live tracks to a new file and puts it in the place of the old one.
pub(super) fn rewrite(index: &Index) -> Result<(), RetrievalError> {
    let path = &index.path;
    let new = beside(path, ".compacting");
    let copy = || {
        let mut appender = Appender::create(&new, index.config(), index.sequence() + 1)?;
        for track in index.tracks() {
            let segments = index.segments(track)?;
            appender.add(&index.track(track)?, segments.starts_s, segments.rows)?;
        }
        appender.commit()
    };
    let replace = || fs::rename(&new, path).and_then(|()| sync_folder(path));
    let io = |source| RetrievalError::Io { path: path.clone(), source };
    let done = copy().and_then(|()| replace().map_err(io));
    if done.is_err() {
        let _ = fs::remove_file(&new);
    }
    done
}
