//! Embeddings of files and texts as safetensors, for scripts.
//!
//! It is the word `embed` of the program `muscall`, which has the code: `muscall_cli::words::embed`.

use std::process::ExitCode;

use muscall_cli::words::{as_program, embed};

fn main() -> ExitCode {
    as_program("embed", embed::run)
}
