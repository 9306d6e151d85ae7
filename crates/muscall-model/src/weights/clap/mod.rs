//! Checkpoints of LAION-CLAP: the hub's layout, and laion's own `.pt` files.

mod checkpoint;
mod config;
mod export;
mod folder;
mod health;
mod import;
mod laion;
mod names;

pub use export::export_clap;
pub use health::{COLLAPSED, text_similarity};
pub use import::import_clap;
pub use names::hub_name;
