//! What a tower is to the rest of the program, whatever is in it: two traits that anybody can implement.
//!
//! A tower turns one modality into vectors: what is read of a file or a caption, an encoder, and a head. An
//! [`AudioTower`] or a [`TextTower`] is a *configuration*: serde writes it into recipes and bundles under its `kind`,
//! and it knows how its encoder is made. The encoder itself is any [`Encoder`]: a burn module with a forward pass.
//!
//! The examples `own_audio_tower` and `own_text_tower` of the facade show one of each.

mod audio;
mod config;
mod encoder;
mod module;
mod text;
mod time_map;

pub use audio::{AudioEncoder, AudioEncoderConfig, AudioTower};
pub(crate) use config::MOST_UNITS;
pub use config::{ParameterGroup, TowerConfig};
pub use encoder::{AnyEncoder, Encoder};
pub use text::{TextEncoder, TextEncoderConfig, TextTower};
pub use time_map::{TimeColumns, TimeMap};
