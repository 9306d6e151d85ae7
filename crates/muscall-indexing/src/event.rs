//! What a program can listen to.

use crate::Unreadable;

/// What happened while an index was brought up to date.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// It is known what there is to do.
    Planned {
        /// Files that are read.
        files: usize,
        /// Their bytes.
        bytes: u64,
        /// Files that are in the index as they are.
        unchanged: usize,
        /// Tracks whose files are gone.
        gone: usize,
    },
    /// A file is done, if not committed yet.
    File {
        /// Its name in the index.
        path: &'a str,
        /// Its size.
        bytes: u64,
        /// What became of it.
        outcome: Outcome<'a>,
    },
    /// All that was done so far is in the index, whatever happens now.
    Committed {
        /// Tracks in the index.
        tracks: usize,
    },
}

/// What became of a file.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Outcome<'a> {
    /// It was heard.
    Embedded {
        /// How long it is.
        duration_s: f64,
        /// In how many windows.
        segments: usize,
    },
    /// Its content was in the index, under this name.
    Moved {
        /// The old name, or its own if only its time has changed.
        from: &'a str,
    },
    /// It was left out.
    Unreadable(&'a Unreadable),
}
