//! What an index knows of the tracks among themselves: duplicates, and ways from one to another.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use muscall::Index;
use muscall::audio::Part;
use muscall::retrieval::{CopiesConfig, Embeddings, Playlist, PlaylistEntry, PlaylistFormat, copies, walk};
use muscall_cli::console;

/// Finds recordings that are there more than once, or a path from one track to another in small steps.
#[derive(Parser)]
#[command(version, after_help = "Example: cargo run --release --example curate -- --index music.index duplicates")]
struct Arguments {
    /// The index file.
    #[arg(long)]
    index: PathBuf,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Find recordings that are there more than once.
    Duplicates {
        /// Compare two tracks window by window only if their vectors have at least this cosine.
        #[arg(long, default_value_t = CopiesConfig::default().threshold)]
        threshold: f32,
    },
    /// Make a playlist that goes from one track to another.
    Walk {
        /// Part of the first track's path.
        from: String,
        /// Part of the last track's path.
        to: String,
        /// Number of tracks between them.
        #[arg(long, default_value_t = 8)]
        steps: usize,
        /// Write it as a playlist: .m3u8, .xspf or .json.
        #[arg(long, value_name = "FILE")]
        playlist: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    console::exit(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let index = Index::open(&arguments.index)?;
    let (mut paths, mut values) = (Vec::new(), Vec::new());
    for track in index.tracks() {
        paths.push(index.track(track)?.path);
        values.extend_from_slice(index.vector(track)?);
    }
    let vectors = Embeddings::new(&values, index.config().dim)?;
    match &arguments.what {
        What::Duplicates { threshold } => {
            let groups = copies(&index, &CopiesConfig { threshold: *threshold, ..CopiesConfig::default() })?;
            for group in &groups {
                for &track in group {
                    println!("{}", index.track(track)?.path);
                }
                println!();
            }
            println!("{} groups among {} tracks", groups.len(), paths.len());
        }
        What::Walk { from, to, steps, playlist } => {
            let format = playlist.as_deref().map(PlaylistFormat::from_path).transpose()?;
            let way = walk(vectors, named(&paths, from)?, named(&paths, to)?, *steps)?;
            way.iter().for_each(|&track| println!("{}", paths[track]));
            if let (Some(file), Some(format)) = (playlist, format) {
                let title = format!("{from} to {to}");
                let entries = way.iter().map(|&track| entry(&paths[track])).collect();
                console::write_playlist(file, Playlist { title, entries }, format, false)?;
            }
        }
    }
    Ok(())
}

/// The one track whose path contains this.
fn named(paths: &[String], part: &str) -> Result<usize, String> {
    let mut found = (0..paths.len()).filter(|&track| paths[track].contains(part));
    match (found.next(), found.next()) {
        (Some(track), None) => Ok(track),
        (Some(first), Some(second)) => Err(format!(
            "`{part}` is in several paths, such as {} and {}: give more of it",
            paths[first], paths[second]
        )),
        (None, _) => Err(format!("no track has `{part}` in its path")),
    }
}

fn entry(path: &str) -> PlaylistEntry {
    let (path, part) = Part::split_name(path);
    let path = PathBuf::from(path);
    let title = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let (start_s, end_s) = (part.map(|part| part.start_s()), part.and_then(|part| part.end_s()));
    PlaylistEntry { path, title, artist: None, album: None, start_s, end_s, duration_s: None, score: 0.0 }
}
