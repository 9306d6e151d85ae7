//! Embeddings as rows of `f32`, and what is done with them whoever made them.
//!
//! [`Embeddings`] is a view of rows that are known to be finite, [`OwnedEmbeddings`] holds its rows. [`top_k`] ranks
//! rows by cosine, [`mean_direction`] sums up a track of several segments, [`class_scores`] compares clips with
//! classes, and a [`Fingerprint`] names the space in which vectors may be compared.
//!
//! Nothing here knows of audio, of a neural network or of files.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod embeddings;
mod error;
mod fingerprint;
mod owned;
mod ranking;
mod zero_shot;

pub use embeddings::Embeddings;
pub use error::VectorError;
pub use fingerprint::Fingerprint;
pub use owned::{OwnedEmbeddings, Ranking};
pub use ranking::{Hit, dot, mean_direction, top_k};
pub use zero_shot::{class_embeddings, class_scores};
