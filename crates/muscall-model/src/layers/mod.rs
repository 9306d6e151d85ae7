//! Layers whose behaviour or layout differs from burn's own.

mod batch_norm;
#[cfg(feature = "kernels")]
pub(crate) mod fused;
mod gru;
mod linear;

pub use batch_norm::BatchNorm;
pub use gru::Gru;
pub use linear::Linear;
