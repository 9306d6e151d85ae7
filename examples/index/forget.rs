//! Leaves out what is gone for good.

use std::error::Error;
use std::path::Path;

use muscall::Index;
use muscall::indexing::forget;
use muscall::retrieval::IndexWriter;
use muscall_cli::console::count;

use crate::report::finish;

/// Removes all tracks at or below a place; needs no model.
pub(crate) fn forget_place(index: &Path, place: &str) -> Result<(), Box<dyn Error>> {
    let fingerprint = Index::open(index)?.config().fingerprint.clone();
    let mut writer = IndexWriter::open(index, &fingerprint)?;
    let forgotten = forget(&mut writer, place)?;
    if forgotten == 0 {
        return Err(
            format!("{place}: {} has no track at or below this path; nothing was removed", index.display()).into()
        );
    }
    writer.compact_where_it_pays()?;
    finish(index, &format!("{} forgotten", count(forgotten, "track")))
}
