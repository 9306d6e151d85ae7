//! SIMD kernels of the encoders, on plain slices of `f32`.
//!
//! Feature maps are `[images, height, width, channels]`, so that a pixel's channels lie side by
//! side. One source gives every instruction set: [`Level`] is chosen once at run time, and can be
//! forced. No result depends on the number of threads: every output is one sum in one order.
//!
//! `unsafe` is for the inner loops of the matrix products, for an output that is written before it is
//! read, and for one call of the allocator: lengths are checked once before a loop, since with a check
//! at each step it ran at half of the machine's peak (54 of 101 GFLOP/s), and without at 87.

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
mod winograd;

pub use attention::{causal_attention, read_out, weighted_sum};
pub use conv::{Conv, Epilogue};
pub use conv_norm::{ConvNorm, ConvNormGradients, Normed, NormedRef, Wanted};
pub use elementwise::{gelu, layer_norm};
pub use feature_map::{FeatureMap, FeatureView};
pub use level::Level;
pub use linear::Linear;
pub use memory::keep_freed_memory;
pub use pool::{average2x2, average2x2_backward};
