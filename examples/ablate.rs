//! Trains several recipes with several seeds on one data set, and writes the table of the paper.
//!
//! It is the word `ablate` of the program `muscall`, which has the code: `muscall_cli::words::ablate`.

use std::process::ExitCode;

use muscall_cli::words::{ablate, as_program};

fn main() -> ExitCode {
    muscall::model::keep_freed_memory();
    as_program("ablate", ablate::run)
}
