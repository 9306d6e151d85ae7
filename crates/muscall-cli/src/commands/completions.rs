//! `muscall completions`: for shells.

use clap::{Args, Command};
use clap_complete::{Shell, generate};

use crate::Failed;
use crate::console::say;

/// Print what a shell needs to complete this program's commands.
#[derive(Debug, Args)]
#[command(after_help = "Example: muscall completions bash > ~/.local/share/bash-completion/completions/muscall")]
pub(super) struct Arguments {
    /// The shell.
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments, mut program: Command) -> Result<(), Failed> {
    let mut script = Vec::new();
    generate(arguments.shell, &mut program, "muscall", &mut script);
    say(String::from_utf8(script)?.trim_end());
    Ok(())
}
