//! Retrieval metrics of a bundle on a manifest, with their uncertainty.
//!
//! It is the command `evaluate` of the program `muscall`, which has the code: `muscall_cli::commands::evaluate`.

use std::process::ExitCode;

use muscall_cli::commands::{as_program, evaluate};

fn main() -> ExitCode {
    as_program("evaluate", evaluate::run)
}
