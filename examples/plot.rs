//! The curves of a training run, finished or not.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use muscall_cli::console;
use muscall_report::pictures::TrainingCurves;
use muscall_report::{ReportError, TrainingLog, save};

/// Draws loss and validation of a run as training-{light,dark}.{svg,png} into its folder.
#[derive(Parser)]
#[command(version, after_help = "Example: cargo run --release --example plot -- runs/quickstart --every-s 30")]
struct Arguments {
    /// The folder of the run.
    run: PathBuf,
    /// Draw again every so many seconds, until stopped.
    #[arg(long)]
    every_s: Option<u64>,
    /// The folder for the pictures; by default that of the run.
    #[arg(long)]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    console::exit(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let out = arguments.out.as_ref().unwrap_or(&arguments.run);
    loop {
        let log = TrainingLog::read(&arguments.run).map_err(|error| match error {
            ReportError::Io { .. } => format!("{error}; is {} the folder of a training run?", arguments.run.display()),
            error => error.to_string(),
        })?;
        std::fs::create_dir_all(out).map_err(|error| format!("{}: {error}", out.display()))?;
        let last =
            log.steps.last().map_or("no step yet".to_owned(), |s| format!("step {}, loss {:.3}", s.step, s.loss));
        let saved = save(&TrainingCurves { log }, out, "training")?;
        println!("{last}: {}", saved.files[1].display());
        let Some(seconds) = arguments.every_s else {
            return Ok(());
        };
        thread::sleep(Duration::from_secs(seconds.max(1)));
    }
}
