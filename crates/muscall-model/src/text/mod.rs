//! The text branch: captions to one vector.

mod batch;
#[cfg(feature = "sentence")]
pub mod bert;
mod descriptions;
mod frontend;
mod head;
#[cfg(feature = "sentence")]
mod sentence_tower;
pub mod static_words;
pub mod tokenizer;
mod tokenizer_error;
mod transformer;
pub mod word_vectors;
mod word_vectors_tower;

pub use batch::{TextBatch, TokenBatch};
pub(crate) use descriptions::descriptions;
pub use frontend::{TextFrontend, TextProcessor};
#[cfg(feature = "sentence")]
pub use sentence_tower::SentenceTowerConfig;
pub use tokenizer_error::TokenizerError;
pub use transformer::TransformerConfig;
pub use word_vectors::WordVectors;
pub use word_vectors_tower::WordVectorsConfig;

pub use crate::tower::{TextEncoder, TextEncoderConfig};
