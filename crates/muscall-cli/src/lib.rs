//! What the program `muscall` and the examples share: the terminal, where music comes from, the page.
//!
//! Nothing here knows how music is heard, searched or learned: that is in the crates that [`muscall`] gathers. This crate
//! reads arguments, shows progress, and writes answers for people.
//!
//! - [`main`] is the program; each of its commands is a file in [`commands`].
//! - [`console`] is for any program on a terminal: the model and the device as arguments, progress, tables.
//! - [`serve`] is the page and its API.
//! - [`Source`] is where music comes from, [`Beside`] what else is there.

// A program speaks on its terminal.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod beside;
pub mod commands;
pub mod console;
mod home;
mod names;
mod number;
mod open_index;
mod playlist_entry;
pub mod serve;
mod source;

use std::error::Error;

pub use beside::Beside;
pub use commands::{command, main};
pub use open_index::open_index;
pub use source::Source;

/// Anything that ends a program, in words for whoever started it.
pub type Failed = Box<dyn Error>;
