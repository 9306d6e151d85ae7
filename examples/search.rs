//! Finds music by text, and the moment in it.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod console;
#[path = "index/source.rs"]
mod source;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use muscall::indexing::{Indexer, index_config};
use muscall::retrieval::{IndexWriter, RetrievalError, Search};
use muscall::{Device, Index, Muscall};

use crate::console::IndexConsole;
use crate::source::Source;

/// Finds the tracks of a folder or manifest that fit a description best, and where in them. An index is kept
/// in the bundle's folder `index/`, so that a second query is instant; new and changed files are added.
#[derive(Parser)]
#[command(
    version,
    after_help = "Example: cargo run --release --example search -- --bundle runs/quickstart --music demo/audio \"calm solo piano\""
)]
struct Arguments {
    /// A trained model.
    #[arg(long)]
    bundle: PathBuf,
    /// A folder, searched at any depth, or a manifest.
    #[arg(long)]
    music: PathBuf,
    /// How many tracks to show.
    #[arg(long, default_value_t = 5)]
    top: usize,
    /// What to look for, in words.
    query: String,
}

fn main() -> ExitCode {
    console::exit(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let model = Muscall::load(&arguments.bundle, &Device::default())?;
    let index = index(&model, arguments)?;
    if index.is_empty() {
        return Err(format!("{}: no audio file can be read", arguments.music.display()).into());
    }
    let query = model.embed_text([&arguments.query])?;
    for answer in index.search(query.row(0), &Search::new(arguments.top).with_moments(1))? {
        let moment = answer.moments[0];
        println!("{:.3}  {}–{}  {}", answer.score, clock(moment.start_s), clock(moment.end_s), answer.path);
    }
    Ok(())
}

fn clock(time_s: f64) -> String {
    let seconds = time_s.round() as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// The index of this music, brought up to date.
fn index(model: &Muscall, arguments: &Arguments) -> Result<Index, Box<dyn Error>> {
    let source = Source::read(&arguments.music)?;
    let path = index_path(arguments)?;
    let mut writer = match IndexWriter::open_or_create(&path, &index_config(model)) {
        Err(error @ (RetrievalError::Fingerprint { .. } | RetrievalError::Corrupt { .. })) => {
            eprintln!("made anew: {error}");
            fs::remove_file(&path)?;
            IndexWriter::create(&path, &index_config(model))?
        }
        writer => writer?,
    };
    let mut console = IndexConsole::new()?;
    Indexer::default().run(model, &mut writer, source.items, &source.scope, |event| console.listen(&event))?;
    console.finish();
    for file in source.unreadable {
        eprintln!("left out: {}: {}", file.path, file.reason);
    }
    Ok(Index::open(&path)?)
}

fn index_path(arguments: &Arguments) -> Result<PathBuf, Box<dyn Error>> {
    let music =
        fs::canonicalize(&arguments.music).map_err(|error| format!("{}: {error}", arguments.music.display()))?;
    let name = music.to_string_lossy().replace(|c: char| !c.is_alphanumeric(), "_");
    let folder: &Path = &arguments.bundle.join("index");
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder.join(format!("{name}.index")))
}
