//! What the loader makes of audio files.
//!
//! It is the word `inspect` of the program `muscall`, which has the code: `muscall_cli::words::inspect`.

use std::process::ExitCode;

use muscall_cli::words::{as_program, inspect};

fn main() -> ExitCode {
    as_program("inspect", inspect::run)
}
