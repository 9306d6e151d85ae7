//! A folder that says how good a bundle is, and what it gets wrong.
//!
//! It is the command `report` of the program `muscall`, which has the code: `muscall_cli::commands::report`.

use std::process::ExitCode;

use muscall_cli::commands::{as_program, report};

fn main() -> ExitCode {
    as_program("report", report::run)
}
