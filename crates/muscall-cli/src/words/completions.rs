//! `muscall completions`: for shells.

use std::io;

use clap::Args;
use clap_complete::{Shell, generate};

use crate::Failed;

/// Prints what a shell needs to complete this program's words.
#[derive(Debug, Args)]
#[command(after_help = "Example: muscall completions bash > ~/.local/share/bash-completion/completions/muscall")]
pub(super) struct Arguments {
    /// The shell.
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failed> {
    generate(arguments.shell, &mut super::command(), "muscall", &mut io::stdout());
    Ok(())
}
