//! What the loader makes of audio files.
//!
//! It is the command `inspect` of the program `muscall`, which has the code: `muscall_cli::commands::inspect`.

use std::process::ExitCode;

use muscall_cli::commands::{as_program, inspect};

fn main() -> ExitCode {
    as_program("inspect", inspect::run)
}
