//! `muscall manual`: pages for `man`.

use std::fs;
use std::path::PathBuf;

use clap::{Args, Command};
use clap_mangen::generate_to;

use crate::Failed;
use crate::console::say;

/// Write the pages of the manual, one per command, for `man`.
#[derive(Debug, Args)]
#[command(after_help = "Example: muscall manual ~/.local/share/man/man1")]
pub(super) struct Arguments {
    /// The folder to write them into; it is made.
    folder: PathBuf,
}

pub(super) fn run(arguments: &Arguments, mut program: Command) -> Result<(), Failed> {
    let folder = &arguments.folder;
    let told = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(told)?;
    // `help` would have a page for each command as well.
    program = program.disable_help_subcommand(true);
    let pages = program.get_subcommands().count();
    generate_to(program, folder).map_err(told)?;
    say(format!("{}: muscall.1 and {} more; read them with `man muscall`", folder.display(), pages));
    Ok(())
}
