//! Evaluates a bundle on a public data set, as it lies on the disk.
//!
//! It is the command `benchmark` of the program `muscall`, which has the code: `muscall_cli::commands::benchmark`.

use std::process::ExitCode;

use muscall_cli::commands::{as_program, benchmark};

fn main() -> ExitCode {
    as_program("benchmark", benchmark::run)
}
