//! The name of a model's embedding space: a hash of what decides a vector, and of nothing else.
//!
//! Each tower writes a [`Description`] of what changes its vectors, field by field, and its weights are hashed
//! behind that. What was kept under the name that an earlier version gave is known by `former`.

mod description;
mod former;
mod former_sentence;
mod name;

pub use description::Description;
#[cfg(feature = "sentence")]
pub(crate) use former_sentence::sentence_encoder as former_name_of_sentence_encoder;
pub(crate) use name::{Tower, described, name_of, tower_hash};
