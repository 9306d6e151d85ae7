//! What a run of an indexer did.

use muscall_audio::Repair;

use crate::Unreadable;

/// What was done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Files that were heard, and how long they are together.
    pub embedded: usize,
    /// Their length.
    pub audio_s: f64,
    /// Those of them that are damaged, and what was mended: the rest of them is in the index.
    pub repaired: Vec<(String, Vec<Repair>)>,
    /// Files whose content was there under a name that no file has any more.
    pub moved: usize,
    /// Files whose content is there under the name of another file as well, in the index or among the new ones.
    pub copied: usize,
    /// Files that were in the index already.
    pub unchanged: usize,
    /// Tracks whose files are gone.
    pub removed: usize,
    /// Tracks of the scope that stay because nobody could look at their files; they are below what is
    /// [unreadable](Self::unreadable).
    pub kept: usize,
    /// Files that were left out, and folders without anything in them of which tracks are kept.
    pub unreadable: Vec<Unreadable>,
    /// Whether the listener stopped it; what was done so far is in the index.
    pub stopped: bool,
}
