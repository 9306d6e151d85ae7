//! SIMD kernels of the encoders, on plain slices of `f32`.
//!
//! Feature maps are `[images, height, width, channels]`, so that a pixel's channels lie side by
//! side. One source gives every instruction set: [`Level`] is chosen once at run time, and can be
//! forced. No result depends on the number of threads: every output is one sum in one order.
//!
//! `unsafe` is for the inner loops of the matrix products, for outputs that are written before they are
//! read, and for one call of the allocator. Lengths are checked once before a loop: the bench `layers`
//! shows what a check at each access would cost.

// Loops over registers use one index for several arrays.
#![allow(clippy::needless_range_loop)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod activation;
mod attention;
mod conv;
mod conv_norm;
mod elementwise;
mod feature_map;
mod layer_norm;
mod level;
mod linear;
mod mapped;
mod memory;
mod output;
mod pack;
mod pool;
mod row_linear;
mod rows;
mod scan;
mod tile;
mod weight_gradient;
mod winograd;

pub use activation::gelu;
pub use attention::{attention, causal_attention, read_out, weighted_sum};
pub use conv::{Conv, Epilogue};
pub use conv_norm::{ConvNorm, ConvNormGradients, Normed, NormedRef, Wanted};
pub use feature_map::{FeatureMap, FeatureView};
pub use layer_norm::LayerNorm;
pub use level::Level;
pub use linear::{Linear, RowEpilogue};
pub use mapped::MappedFile;
pub use memory::keep_freed_memory;
pub use pool::{append_average2x2, average2x2, average2x2_backward};
pub use row_linear::RowLinear;
pub use rows::{Rows, StoredAs};
pub use scan::{ByteQuery, Quantised, dot, quantise_row};
