//! Retrieval metrics of a bundle on a manifest.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod console;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use muscall::{Device, Manifest, Muscall, Split, evaluate};

#[derive(Clone, Copy, ValueEnum)]
enum SplitName {
    Train,
    Val,
    Test,
}

/// Ranks every track by every caption and the other way round.
#[derive(Parser)]
#[command(
    version,
    after_help = "Example: cargo run --release --example evaluate -- --bundle runs/quickstart --data demo/manifest.jsonl --split val"
)]
struct Arguments {
    /// A trained model.
    #[arg(long)]
    bundle: PathBuf,
    /// A manifest or a folder, as for `train`.
    #[arg(long)]
    data: PathBuf,
    /// Which rows.
    #[arg(long, value_enum, default_value = "val")]
    split: SplitName,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    console::exit(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let model = Muscall::load(&arguments.bundle, &Device::default())?;
    let split = match arguments.split {
        SplitName::Train => Split::Train,
        SplitName::Val => Split::Val,
        SplitName::Test => Split::Test,
    };
    let manifest = Manifest::read(&arguments.data, split)?;
    let result = evaluate(&model, &manifest)?;
    for error in &result.unreadable {
        eprintln!("left out: {error}");
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&result.metrics)?);
    } else {
        println!("{} tracks, {} captions\n{}", result.tracks, result.captions, console::table(&result.metrics));
    }
    Ok(())
}
