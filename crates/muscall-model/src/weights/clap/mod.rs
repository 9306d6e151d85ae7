//! Checkpoints of LAION-CLAP: the hub's layout, and laion's own `.pt` files.

mod checkpoint;
mod config;
#[cfg(feature = "hub")]
mod download;
mod export;
mod files;
mod find;
mod folder;
mod health;
mod import;
mod laion;
mod names;

#[cfg(feature = "hub")]
pub use download::download_clap;
pub use export::export_clap;
pub use find::find_clap;
pub use health::{COLLAPSED, text_similarity};
pub use import::import_clap;
pub use names::hub_name;
