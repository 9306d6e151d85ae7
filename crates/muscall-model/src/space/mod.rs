//! The name of a model's embedding space: a hash of what decides a vector, and of nothing else.
//!
//! Each tower writes a [`Description`] of what changes its vectors, field by field, and its weights are hashed
//! behind that. What was kept under the name that an earlier version gave is known by [`former`].

mod description;
pub(crate) mod former;
mod name;

pub(crate) use description::Description;
pub(crate) use name::name_of;
