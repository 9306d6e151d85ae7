//! Turns a checkpoint of LAION-CLAP into a bundle, with which everything here works, and such a bundle into the hub's files.
//!
//! The former is the command `import` of the program `muscall`, which has the code: `muscall_cli::commands::import`.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use muscall::Muscall;
use muscall::model::weights::clap::export_clap;
use muscall_cli::commands::{as_program, import};
use muscall_cli::console;

/// Writes a bundle of LAION-CLAP as the files that transformers reads.
#[derive(Parser)]
struct Export {
    /// The bundle.
    #[arg(long)]
    export: PathBuf,
    /// The folder to write.
    #[arg(long)]
    to: PathBuf,
    #[command(flatten)]
    device: console::DeviceArgument,
}

fn main() -> ExitCode {
    let is_export = std::env::args().any(|argument| argument == "--export" || argument.starts_with("--export="));
    if is_export { console::exit(export(&Export::parse())) } else { as_program("import_clap", import::run) }
}

fn export(Export { export, to, device }: &Export) -> Result<(), Box<dyn Error>> {
    export_clap(&Muscall::load(export, &device.open()?)?, to)?;
    println!("{}: {} in the hub's layout", to.display(), export.display());
    Ok(())
}
