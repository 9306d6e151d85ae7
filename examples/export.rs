//! Takes an index to other engines, and a model to other programs or sizes.
//!
//! It is the command `export` of the program `muscall`, which has the code: `muscall_cli::commands::export`.

use std::process::ExitCode;

use muscall_cli::commands::{as_program, export};

fn main() -> ExitCode {
    as_program("export", export::run)
}
