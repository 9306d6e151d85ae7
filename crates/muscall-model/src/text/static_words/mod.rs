//! A text branch of a few megabytes: a vector per word piece in 8 bits, and a caption as their weighted sum.
//!
//! The vectors are distilled from a sentence encoder by [`distil`]: what it makes of each entry of its vocabulary.
//! There is no network, so that a query takes microseconds; the order of words is lost.

#[cfg(feature = "sentence")]
mod distil;
mod pieces;
#[cfg(feature = "sentence")]
mod principal;
mod table;
mod tower;

#[cfg(feature = "sentence")]
pub use distil::{Distillation, distil};
pub use table::StaticWords;
pub use tower::StaticWordsConfig;
