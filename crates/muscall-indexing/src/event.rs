//! What a program can listen to.

use muscall_audio::Repair;

use crate::Unreadable;

/// What happened while an index was brought up to date.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// It is known what there is to do.
    Planned {
        /// Files that are looked at.
        files: usize,
        /// Their bytes.
        bytes: u64,
        /// Files that are in the index as they are, by their size, times and inode.
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
    /// A file takes long, and a part of it was heard. Told every so often of the first file that is not done, so that a
    /// listener can break off within a long one.
    Underway {
        /// Its name in the index; none while files that are done are written down.
        path: Option<&'a str>,
        /// Seconds of it so far; 0 before there is sound.
        heard_s: f64,
    },
    /// Nothing is in a folder any more, as if its disk were not mounted, and its tracks are kept.
    Away(&'a Unreadable),
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
        /// What was wrong with it, and how it was mended: silence in the place of lost sound, or an end before its time.
        repairs: &'a [Repair],
    },
    /// It is what it was, though its times or its inode are not.
    Unchanged,
    /// Its content was in the index, under a name that no file has any more.
    Moved {
        /// The old name, which is removed.
        from: &'a str,
    },
    /// Its content is that of another file.
    Copied {
        /// The name of that one.
        from: &'a str,
    },
    /// It was left out.
    Unreadable(&'a Unreadable),
}
