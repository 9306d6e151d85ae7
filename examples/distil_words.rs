//! A text side of a few megabytes: static word vectors from a sentence encoder.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use muscall::Device;
use muscall::model::text::bert::{DEFAULT_MODEL, SentenceEncoder, find};
use muscall::model::text::static_words::{Distillation, distil};
use muscall_cli::console;

/// Sends every word piece of a sentence encoder's vocabulary through it, and keeps what comes out as a table of 8-bit
/// vectors, which a recipe names: `[model.text]` with `kind = "static_words"` and `file`.
#[derive(Parser)]
#[command(version, after_help = "Example: cargo run --release --example distil_words -- words.safetensors")]
struct Arguments {
    /// The file to write.
    out: PathBuf,
    /// A folder with a sentence encoder, or its name (scripts/fetch_sentence_model.sh fetches the default).
    #[arg(long, default_value = DEFAULT_MODEL)]
    model: String,
    /// Dimensions of a vector.
    #[arg(long, default_value_t = Distillation::default().dim)]
    dim: usize,
    /// How little frequent pieces count: less with a larger number.
    #[arg(long, default_value_t = Distillation::default().rarity)]
    rarity: f64,
}

fn main() -> ExitCode {
    console::exit(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let encoder = SentenceEncoder::load(&find(&arguments.model)?, &Device::default())?;
    let how = Distillation { dim: arguments.dim, rarity: arguments.rarity };
    let words = distil(&encoder, how, |done, all| {
        if done == all || done % 2048 == 0 {
            eprintln!("{done} of {all} pieces");
        }
    })?;
    words.save(&arguments.out)?;
    let bytes = std::fs::metadata(&arguments.out)?.len();
    let megabytes = bytes as f64 / 1e6;
    println!("{}: {} pieces, {} dimensions, {megabytes:.1} MB", arguments.out.display(), words.len(), words.dim());
    Ok(())
}
