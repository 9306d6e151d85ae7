//! Evaluates a bundle on a public data set, as it lies on the disk.
//!
//! It is the word `benchmark` of the program `muscall`, which has the code: `muscall_cli::words::benchmark`.

use std::process::ExitCode;

use muscall_cli::words::{as_program, benchmark};

fn main() -> ExitCode {
    as_program("benchmark", benchmark::run)
}
