//! Looks at a data set before training: files that cannot be read, silent or clipped clips, what
//! two splits have in common.
//!
//! It is the command `check` of the program `muscall`, which has the code: `muscall_cli::commands::check`.

use std::process::ExitCode;

use muscall_cli::commands::{as_program, check};

fn main() -> ExitCode {
    as_program("check", check::run)
}
