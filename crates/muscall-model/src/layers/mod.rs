//! Layers whose behaviour or layout differs from burn's own.

#[cfg(any(feature = "kernels", feature = "gpu"))]
mod activated_norm;
mod batch_norm;
#[cfg(feature = "kernels")]
pub(crate) mod fused;
mod gru;
mod head;
mod linear;
mod norm_group;
mod normalise;
#[cfg(any(feature = "kernels", feature = "gpu"))]
mod register;
#[cfg(any(feature = "kernels", feature = "gpu"))]
mod shared_norm;

pub use batch_norm::BatchNorm;
pub use gru::Gru;
pub use head::{Activation, Head, HeadConfig};
pub use linear::Linear;
#[cfg(any(feature = "kernels", feature = "gpu"))]
pub(crate) use norm_group::norm_group;
pub use norm_group::{NormGroup, with_norm_group};
pub(crate) use normalise::normalise;
