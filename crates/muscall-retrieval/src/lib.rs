//! Ranking by cosine, retrieval and tagging metrics, zero-shot scores, and an exact index.
//!
//! Everything works on slices of `f32`; nothing here knows of audio or of a neural network.

mod error;
mod index;
mod metrics;
mod ranking;
mod tagging;
mod zero_shot;

pub use error::RetrievalError;
pub use index::Index;
pub use metrics::{BothDirections, Pairs, RetrievalMetrics, chance, evaluate};
pub use ranking::{Embeddings, Hit, top_k};
pub use tagging::{TaggingMetrics, tagging};
pub use zero_shot::{accuracy, class_embeddings, class_scores};
