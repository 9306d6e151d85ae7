//! An index of segments in one memory-mapped file: which moment of which track.
//!
//! [`IndexWriter`] appends and commits, [`Index`] is one committed state, to be searched while a writer
//! goes on. docs/INDEX.md describes the file.

mod append;
mod batch;
mod best;
mod block;
mod compact;
mod format;
#[cfg(feature = "ann")]
mod graph;
mod lock;
mod moments;
mod record;
mod scan;
mod search;
mod searcher;
mod snapshot;
mod verified;
mod writer;

#[cfg(feature = "ann")]
pub use graph::{Approximate, GraphConfig, SegmentGraph};
pub use moments::Moment;
pub use record::{IndexConfig, Segments, TrackRecord};
pub use scan::SegmentHit;
pub use search::{Answer, Search, Stages};
pub use searcher::{ExactSearch, SearchMethod, Searcher};
pub use snapshot::Index;
pub use writer::IndexWriter;
