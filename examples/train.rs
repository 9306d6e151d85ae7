//! Trains a model as a recipe says, on your own music and captions.
//!
//! It is the command `train` of the program `muscall`, which has the code: `muscall_cli::commands::train`.

use std::process::ExitCode;

use muscall_cli::commands::{as_program, train};

fn main() -> ExitCode {
    muscall::model::keep_freed_memory();
    as_program("train", train::run)
}
