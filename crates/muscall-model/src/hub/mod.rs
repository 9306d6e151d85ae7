//! Published models from the Hugging Face hub: found in the cache that all its programs share, and downloaded into it.
//!
//! What is in the cache is used without asking the hub, so that a model that was fetched once works without a network.
//! Downloads need the feature `hub`.

mod cache;
#[cfg(feature = "hub")]
mod client;
#[cfg(feature = "hub")]
mod download;
mod error;
#[cfg(feature = "hub")]
mod newest;

pub use cache::{HubCache, is_hub_name};
pub(crate) use cache::{is_plain, main_snapshot};
#[cfg(feature = "hub")]
pub use client::Hub;
#[cfg(feature = "hub")]
pub use download::Revision;
pub use error::HubError;

/// How far a download is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The file's name in the model.
    pub file: &'a str,
    /// Bytes that are on the disk, with those of an earlier try.
    pub done: u64,
    /// Bytes of the whole file.
    pub size: u64,
}
