//! Trains a model as a recipe says, on your own music and captions.
//!
//! It is the word `train` of the program `muscall`, which has the code: `muscall_cli::words::train`.

use std::process::ExitCode;

use muscall_cli::words::{as_program, train};

fn main() -> ExitCode {
    muscall::model::keep_freed_memory();
    as_program("train", train::run)
}
