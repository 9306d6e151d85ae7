//! Lets a bundle say whether anything fits.
//!
//! It is the command `calibrate` of the program `muscall`, which has the code: `muscall_cli::commands::calibrate`.

use std::process::ExitCode;

use muscall_cli::commands::{as_program, calibrate};

fn main() -> ExitCode {
    as_program("calibrate", calibrate::run)
}
