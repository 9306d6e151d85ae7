//! HTSAT, the audio encoder of LAION-CLAP.

mod block;
mod config;
mod image;
mod network;

pub use config::HtsatConfig;
pub use network::Htsat;
