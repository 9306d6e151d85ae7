//! Layers whose behaviour or layout differs from burn's own.

mod batch_norm;
mod linear;

pub use batch_norm::BatchNorm;
pub use linear::Linear;
