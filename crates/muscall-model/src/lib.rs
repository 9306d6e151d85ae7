//! The MusCALL dual encoder of music and text.
//!
//! [`MuscallConfig`] describes a model, [`DualEncoder`] is the trainable module, and [`Muscall`]
//! is a trained one together with its tokenizer and frontend: the thing that embeds files and
//! words.
//!
//! No backend is compiled in by this crate; choose one with burn's features, or take them from
//! the facade crate `muscall`.

mod activations;
pub mod audio;
mod bundle;
mod embed;
mod embedding;
mod error;
mod inference;
mod layers;
mod muscall;
mod precision;
#[cfg(feature = "sentence")]
pub mod sentence;
mod space;
pub mod text;
pub mod weights;
mod windows;

pub use activations::Activations;
pub use audio::AudioBatch;
pub use bundle::Muscall;
pub use embedding::{AudioEmbedding, Embeddings, Ranking, TextEmbedding};
pub use error::{Differences, ModelError};
pub use layers::{NormGroup, with_norm_group};
pub use muscall::{DualEncoder, MuscallConfig, OtherLengths, Temperature, WindowPooling};
pub use muscall_kernels::keep_freed_memory;
pub use precision::Precision;
pub use text::tokenizer::ClipTokenizer;
pub use text::{TextBatch, TextFrontend, TokenBatch};

/// Whether a device is burn's own CPU backend. Its type is not there unless a program has compiled
/// that backend in, but its name is.
pub fn is_cpu(device: &burn::tensor::Device) -> bool {
    format!("{device:?}").contains("Flex")
}

/// burn's own CPU backend, if it is compiled in: what other devices are compared with.
pub fn cpu() -> Option<burn::tensor::Device> {
    #[cfg(feature = "kernels")]
    return Some(burn::tensor::Device::flex());
    #[cfg(not(feature = "kernels"))]
    None
}
