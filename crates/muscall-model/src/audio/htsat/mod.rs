//! HTSAT, the audio encoder of LAION-CLAP.

mod block;
mod config;
mod grid;
mod image;
mod network;
mod tower;

pub use config::HtsatConfig;
