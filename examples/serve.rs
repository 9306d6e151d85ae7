//! A page and an API that search an index of music.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use muscall::library::Library;
use muscall_cli::console;
use muscall_cli::serve::{Address, serve};

/// Searches an index of music from a browser: by words, by more or less of a track, showing the moments that
/// fit. Nothing leaves this computer; tracks that another program adds to the index are found at once.
#[derive(Parser)]
#[command(
    version,
    after_help = "Example: cargo run --release --example serve -- --bundle runs/quickstart --index music.index"
)]
struct Arguments {
    #[command(flatten)]
    bundle: console::BundleArgument,
    /// An index that was made with it.
    #[arg(long)]
    index: PathBuf,
    /// The graph of the index (see `index --graph`): nearly exact answers from millions of segments in a millisecond.
    #[cfg(feature = "ann")]
    #[arg(long)]
    graph: Option<PathBuf>,
    #[command(flatten)]
    address: Address,
    #[command(flatten)]
    device: console::DeviceArgument,
}

fn main() -> ExitCode {
    console::exit(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let library = Library::new(arguments.bundle.load(&arguments.device.open()?)?, &arguments.index)?;
    #[cfg(feature = "ann")]
    let library = match &arguments.graph {
        Some(graph) => library.with_graph(graph)?,
        None => library,
    };
    serve(library, &arguments.address)
}
