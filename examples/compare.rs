//! Is one model better than another?
//!
//! It is the command `compare` of the program `muscall`, which has the code: `muscall_cli::commands::compare`.

use std::process::ExitCode;

use muscall_cli::commands::{as_program, compare};

fn main() -> ExitCode {
    as_program("compare", compare::run)
}
