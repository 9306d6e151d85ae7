//! Embeddings of files and texts as safetensors, for scripts.
//!
//! It is the command `embed` of the program `muscall`, which has the code: `muscall_cli::commands::embed`.

use std::process::ExitCode;

use muscall_cli::commands::{as_program, embed};

fn main() -> ExitCode {
    as_program("embed", embed::run)
}
