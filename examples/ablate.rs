//! Trains several recipes with several seeds on one data set, and writes the table of the paper.
//!
//! It is the command `ablate` of the program `muscall`, which has the code: `muscall_cli::commands::ablate`.

use std::process::ExitCode;

use muscall_cli::commands::{ablate, as_program};

fn main() -> ExitCode {
    muscall::model::keep_freed_memory();
    as_program("ablate", ablate::run)
}
