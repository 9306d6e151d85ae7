//! Is one model better than another?
//!
//! It is the word `compare` of the program `muscall`, which has the code: `muscall_cli::words::compare`.

use std::process::ExitCode;

use muscall_cli::words::{as_program, compare};

fn main() -> ExitCode {
    as_program("compare", compare::run)
}
