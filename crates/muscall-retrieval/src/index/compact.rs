//! The same index without what was removed.

use muscall_files::replace;

use crate::RetrievalError;
use crate::index::Index;
use crate::index::append::Appender;

/// Writes the live tracks to a new file and puts it in the place of the old one.
pub(super) fn rewrite(index: &Index) -> Result<(), RetrievalError> {
    let path = &index.path;
    replace(path, |new| {
        let mut appender = Appender::begin(new, path, index.config(), index.sequence() + 1)?;
        for track in index.tracks() {
            let segments = index.segments(track)?;
            appender.add(&index.track(track)?, segments.starts_s, segments.rows)?;
        }
        appender.commit()
    })
}
