//! From music to an index: finds the files that are new, changed, moved or deleted, decodes ahead of the encoder, and
//! commits as it goes, so that an interruption costs seconds.
//!
//! An [`Indexer`] brings an index up to date with a list of [`Item`]s; a [`Shard`] is one of several jobs
//! that share a list, whose indexes [`merge`] puts together.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod ahead;
mod albums;
mod away;
#[cfg(feature = "s3")]
mod bucket_items;
mod contents;
mod error;
mod event;
mod folder_items;
mod forget;
mod indexer;
mod item;
mod load;
mod loader;
mod merge;
mod origin;
mod pass;
mod place;
mod plan;
mod report;
mod run;
mod scope;
mod settle;
mod shard;
mod underway;
mod unfinished;
mod unreadable;
mod waiting;

pub use away::away_place;
pub use error::IndexingError;
pub use event::{Event, Outcome};
pub use folder_items::FolderItems;
pub use forget::forget;
pub use indexer::{Indexer, index_config};
pub use item::Item;
pub use merge::merge;
pub use origin::Origin;
pub use report::Report;
pub use scope::Scope;
pub use shard::{Done, Shard};
pub use unreadable::{Unreadable, write_unreadable};
