//! Ranking by cosine, an index of tracks and their moments, weighted queries and playlists, retrieval and
//! tagging metrics, zero-shot scores.
//!
//! Everything works on slices of `f32`; nothing here knows of audio or of a neural network. The rows themselves
//! ([`Embeddings`], [`top_k`], [`Fingerprint`]) are those of `muscall-vectors`.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod analysis;
mod bootstrap;
mod centres;
mod classification;
mod comparison;
mod copies;
mod diversity;
mod duplicates;
mod error;
mod groups;
mod index;
mod lagged;
mod metrics;
mod pairs;
mod playlist;
mod possible_copies;
mod probe;
mod query;
mod ranks;
mod report;
mod tagging;
mod walk;

pub use analysis::{BINS, JointSpace, joint_space};
pub use bootstrap::{Bootstrap, Interval};
pub use centres::Centres;
pub use classification::{ClassificationMetrics, classification};
pub use comparison::{Difference, PairedComparison, compare};
pub use copies::{CopiesConfig, copies};
pub use diversity::mmr;
pub use duplicates::duplicates;
pub use error::RetrievalError;
pub use groups::Groups;
pub use index::{
    Answer, ExactSearch, Index, IndexConfig, IndexWriter, Moment, Search, SearchMethod, Searcher, SegmentHit, Segments,
    Stages, TrackRecord,
};
#[cfg(feature = "ann")]
pub use index::{Approximate, GraphConfig, SegmentGraph};
pub use metrics::{BothDirections, RetrievalMetrics, chance, evaluate};
pub use muscall_vectors::{
    Embeddings, Fingerprint, Hit, VectorError, class_embeddings, class_scores, dot, mean_direction, top_k,
};
pub use pairs::Pairs;
pub use playlist::{Playlist, PlaylistEntry, PlaylistFormat};
pub use possible_copies::{PossibleCopy, possible_copies};
pub use probe::LinearProbe;
pub use query::Query;
pub use ranks::Ranks;
pub use report::{DirectionReport, GalleryReport, MetricIntervals, RetrievalReport, Spread, galleries};
pub use tagging::{TaggingMetrics, tagging};
pub use walk::walk;
