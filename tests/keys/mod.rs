//! From the sources of structs to a page of their keys.

pub mod page;
pub mod source;
