//! Music with words, from files to batches.
//!
//! A [`Manifest`] says which audio goes with which captions; [`benchmark`] reads public data sets as their authors lay
//! them out. A [`Dataset`](dataset::Dataset) crops and augments the files of a manifest, and an
//! [`EpochLoader`](batcher::EpochLoader) makes batches of log-mel spectrograms of them, ahead of whoever takes them.
//!
//! Who has tags and no captions makes [`sentences`] of them.
//!
//! Nothing here knows of a network: batches are slices of `f32` and text.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod batcher;
pub mod benchmark;
mod clip_fault;
pub mod dataset;
mod delimited;
mod error;
mod files;
pub mod manifest;
mod presence;
mod read_text;
mod seed;
pub mod sentences;
mod shards;
mod sources;

pub use clip_fault::ClipFault;
pub use error::DataError;
pub use files::Files;
pub use manifest::examined::{Examined, ExaminedSplit};
pub use manifest::hint::{ColumnsRead, Hint};
pub use manifest::{Columns, Manifest, Row, RowNumbers, Split, Stored};
pub use presence::{AbsentRows, Presence, Unread};
pub use read_text::read_text;
pub use sources::{Sources, rows_per_epoch};
