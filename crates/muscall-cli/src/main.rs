//! `muscall`: finds music in words.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

fn main() -> ExitCode {
    muscall::model::keep_freed_memory();
    muscall_cli::main()
}
