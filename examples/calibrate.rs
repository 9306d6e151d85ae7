//! Lets a bundle say whether anything fits.
//!
//! It is the word `calibrate` of the program `muscall`, which has the code: `muscall_cli::words::calibrate`.

use std::process::ExitCode;

use muscall_cli::words::{as_program, calibrate};

fn main() -> ExitCode {
    as_program("calibrate", calibrate::run)
}
