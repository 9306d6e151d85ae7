//! The MusCALL dual encoder of music and text.
//!
//! [`MuscallConfig`] describes a model, [`DualEncoder`] is the trainable module, and [`Muscall`]
//! is a trained one together with its tokenizer and frontend: the thing that embeds files and
//! words.
//!
//! No backend is compiled in by this crate; choose one with burn's features, or take them from
//! the facade crate `muscall`.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod activations;
pub mod audio;
mod bundle;
mod calibrated;
mod captions;
mod dual_encoder;
mod embedding;
mod error;
mod features;
mod finite;
#[cfg(feature = "sentence")]
pub mod hub;
mod inference;
mod layers;
mod muscall;
mod network;
mod precision;
mod readable;
mod recordings;
mod score_scale;
mod segments;
mod space;
pub mod text;
pub mod tower;
mod track;
pub mod weights;
mod windows;

pub use activations::Activations;
pub use audio::AudioBatch;
pub use dual_encoder::{DualEncoder, LEAST_HOP_S, LOGIT_SCALE, MuscallConfig, Temperature};
pub use embedding::{AudioEmbedding, TextEmbedding};
pub use error::{Differences, ModelError};
pub use layers::{Activation, Head, HeadConfig, NormGroup, with_norm_group};
pub use muscall::Muscall;
pub use muscall_kernels::keep_freed_memory;
pub use muscall_vectors::{OwnedEmbeddings, Ranking};
pub use precision::Precision;
pub use readable::ReadableFiles;
pub use recordings::{OtherLengths, Segments, WindowPooling};
pub use score_scale::{ScaleQuality, ScoreScale, Verdict};
pub use space::Description;
pub use text::tokenizer::ClipTokenizer;
pub use text::{TextBatch, TextFrontend, TokenBatch};
pub use track::{Track, TrackPass, WindowPass};
pub use weights::weights_file;

/// Whether a device is burn's own CPU backend.
pub fn is_cpu(device: &burn::tensor::Device) -> bool {
    match cpu() {
        // Whether it records gradients makes no difference.
        Some(cpu) => *device == cpu,
        // The backend's type is not there unless it is compiled in by us, but its name is, whoever has done so.
        None => format!("{device:?}").contains("Flex"),
    }
}

/// Whether a device is an NVIDIA GPU that is reached by CUDA, whose matrix products see 19 of 32 bits.
pub fn is_cuda(device: &burn::tensor::Device) -> bool {
    #[cfg(feature = "gpu")]
    {
        use burn::backend::{DispatchDevice, RuntimeId};

        let device = device.as_dispatch().clone().inner();
        matches!(device, DispatchDevice::Cube(cube) if cube.runtime() == RuntimeId::Cuda)
    }
    #[cfg(not(feature = "gpu"))]
    {
        // Networks do not run on GPUs without that feature.
        let _ = device;
        false
    }
}

/// burn's own CPU backend, if it is compiled in: what other devices are compared with.
pub fn cpu() -> Option<burn::tensor::Device> {
    #[cfg(feature = "kernels")]
    return Some(burn::tensor::Device::flex());
    #[cfg(not(feature = "kernels"))]
    None
}
