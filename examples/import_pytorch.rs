//! Turns a checkpoint of the released PyTorch implementation into a bundle, and a bundle into
//! weights with the released names.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use muscall::Muscall;
use muscall::files::replace;
use muscall::model::weights::{to_released, write_safetensors};
use muscall_cli::commands::import;
use muscall_cli::console;

/// Reads a checkpoint of the released implementation (.pth.tar, .pt or .safetensors) without
/// executing anything in it, and writes a bundle; the optimizer's state goes beside it, so that
/// `train --init` can go on. With --export, writes a bundle's weights with the released names.
#[derive(Parser)]
#[command(
    version,
    after_help = "Example: cargo run --release --example import_pytorch -- --checkpoint best_model.pth.tar --config config.yaml --out runs/imported"
)]
struct Arguments {
    /// The checkpoint.
    #[arg(long, required_unless_present = "export", requires = "config", requires = "out")]
    checkpoint: Option<PathBuf>,
    /// The configuration that it was trained with, YAML or JSON.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Directory of the bundle to write.
    #[arg(long)]
    out: Option<PathBuf>,
    /// A bundle whose weights are written with the released names, to --to.
    #[arg(long, requires = "to", conflicts_with = "checkpoint")]
    export: Option<PathBuf>,
    /// The safetensors file to write.
    #[arg(long)]
    to: Option<PathBuf>,
    #[command(flatten)]
    device: console::DeviceArgument,
}

fn main() -> ExitCode {
    console::exit(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    if let (Some(bundle), Some(to)) = (&arguments.export, &arguments.to) {
        let model = Muscall::load(bundle, &arguments.device.open()?)?;
        replace(to, |new| write_safetensors(new, &to_released(model.state()?.into_owned())))?;
        println!("{}: the weights of {} with the released names", to.display(), bundle.display());
        return Ok(());
    }
    let (Some(checkpoint), Some(config), Some(out)) = (&arguments.checkpoint, &arguments.config, &arguments.out) else {
        return Err("give --checkpoint, --config and --out".into());
    };
    import::released(checkpoint, config, out, &arguments.device)
}
