//! The text branch: tokens → causal Transformer → the state at the end token.

pub mod tokenizer;
mod transformer;

pub use transformer::{TextEncoder, TextEncoderConfig};
