//! Buckets of S3, or of what speaks like it: their objects, and stretches of them.
//!
//! A [`Bucket`] is opened by its address and lists or finds [`Object`]s, which are fetched as files or read in part.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod bucket;
mod error;
mod listing;
mod object;
mod registered;

pub use bucket::Bucket;
pub use error::BucketError;
pub use object::Object;
