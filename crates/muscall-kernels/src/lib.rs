//! SIMD kernels of the encoders, on plain slices of `f32`.
//!
//! Feature maps are `[images, height, width, channels]`, so that a pixel's channels lie side by
//! side. One source gives every instruction set: [`Level`] is chosen once at run time, and can be
//! forced. No result depends on the number of threads: every output is one sum in one order.
//!
//! The inner loop of the matrix product is the only `unsafe` code: lengths are checked once before
//! it, since a check at each step costs a third of its speed (`cargo bench -p muscall-kernels`).

// Loops over registers use one index for several arrays.
#![allow(clippy::needless_range_loop)]

mod attention;
mod conv;
mod conv_norm;
mod elementwise;
mod feature_map;
mod level;
mod linear;
mod memory;
mod pack;
mod pool;
mod tile;
mod weight_gradient;

pub use attention::{causal_attention, read_out, weighted_sum};
pub use conv::{Conv, Epilogue};
pub use conv_norm::{ConvNorm, ConvNormGradients, Normed, NormedRef, average2x2_backward};
pub use elementwise::{gelu, layer_norm};
pub use feature_map::{FeatureMap, FeatureView};
pub use level::Level;
pub use linear::Linear;
pub use memory::keep_freed_memory;
pub use pool::average2x2;
