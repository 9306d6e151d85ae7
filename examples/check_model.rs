//! Five queries over the music of `demo/`: whether a model hears what words say.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use muscall::model::weights::clap::{COLLAPSED, text_similarity};
use muscall::{Manifest, Muscall, Split};
use muscall_cli::console;

const QUERIES: [&str; 5] = [
    "calm solo piano",
    "fast electronic dance music with a strong beat",
    "an orchestra plays a heroic march",
    "distorted electric guitars and drums",
    "a chiptune melody from a video game",
];
/// Tracks that are shown for each.
const BEST: usize = 3;

/// Asks a model for five kinds of music among the clips of demo/, and says whether its text tower tells captions apart.
#[derive(Parser)]
#[command(version, after_help = "Example: cargo run --release --example check_model -- runs/clap")]
struct Arguments {
    /// Directory of the bundle.
    bundle: PathBuf,
    #[command(flatten)]
    device: console::DeviceArgument,
}

fn main() -> ExitCode {
    console::exit(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let model = Muscall::load(&arguments.bundle, &arguments.device.open()?)?;
    let similarity = text_similarity(&model)?;
    let verdict = if similarity > COLLAPSED { "collapsed: all words find the same music" } else { "fine" };
    println!("mean cosine of a dozen unlike captions: {similarity:.3}, {verdict}");
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/manifest.jsonl");
    let rows: Vec<_> = [Split::Train, Split::Val]
        .map(|split| Manifest::read(&demo, split))
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    let rows: Vec<_> = rows.into_iter().flat_map(|manifest| manifest.rows).collect();
    let music = model.embed_audio(rows.iter().map(|row| &row.audio).collect::<Vec<_>>())?;
    let words = model.embed_text(QUERIES)?;
    let ranking = words.rank(&music);
    for (number, query) in QUERIES.iter().enumerate() {
        println!("{query}");
        for hit in ranking.row(number).take(BEST) {
            println!("  {:.3}  {}", hit.score, rows[hit.index].captions[0]);
        }
    }
    Ok(())
}
