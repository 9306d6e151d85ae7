//! Retrieval metrics of a bundle on a manifest, with their uncertainty.
//!
//! It is the word `evaluate` of the program `muscall`, which has the code: `muscall_cli::words::evaluate`.

use std::process::ExitCode;

use muscall_cli::words::{as_program, evaluate};

fn main() -> ExitCode {
    as_program("evaluate", evaluate::run)
}
