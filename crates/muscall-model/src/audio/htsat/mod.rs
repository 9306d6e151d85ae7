//! HTSAT, the audio encoder of LAION-CLAP.

mod block;
mod config;
mod grid;
mod image;
mod network;
mod tower;

pub use config::HtsatConfig;
pub(crate) use grid::{BANDS, FRAMES, IMAGE, PATCH, WINDOW, region, relative_index};
pub(crate) use image::stretch_taps;
