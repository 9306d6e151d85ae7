//! Finds music by text, and the moment in it.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[path = "search/kept_index.rs"]
mod kept_index;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use muscall::audio::Part;
use muscall::library::{Library, Request, Response};
use muscall::retrieval::{Answer, Playlist, PlaylistEntry, PlaylistFormat};
use muscall_cli::console;

use crate::kept_index::kept_index;

/// Finds the tracks of a folder or manifest that fit a description best, and where in each track. An index is kept
/// in the bundle's folder `index/`, or for the model in the box in the user's data directory, so that a second query is instant; new and changed files are added.
///
/// A query is words; ` -drums` or ` -0.7*"electric guitar"` takes something away, ` +0.5*strings` adds a
/// little, and `"song.mp3"@30-45` is what those seconds of a file sound like.
#[derive(Parser)]
#[command(
    version,
    after_help = "Example: cargo run --release --example search -- --bundle runs/quickstart --music demo/audio \"calm solo piano -drums\""
)]
struct Arguments {
    #[command(flatten)]
    bundle: console::BundleArgument,
    /// A folder, searched at any depth, or a manifest.
    #[arg(long)]
    music: PathBuf,
    /// How many tracks to show.
    #[arg(long, default_value_t = 5)]
    top: usize,
    /// How much the answers should differ from each other, from 0 to 1.
    #[arg(long)]
    diversity: Option<f32>,
    /// Show only tracks with this tag, such as genre=jazz; may be given several times.
    #[arg(long = "tag", value_name = "KEY=VALUE")]
    tags: Vec<String>,
    /// Write the moments found as a playlist: .m3u8, .xspf or .json.
    #[arg(long, value_name = "FILE")]
    playlist: Option<PathBuf>,
    #[command(flatten)]
    device: console::DeviceArgument,
    /// What to look for.
    #[arg(allow_hyphen_values = true)]
    query: String,
}

fn main() -> ExitCode {
    console::exit(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let format = arguments.playlist.as_deref().map(PlaylistFormat::from_path).transpose()?;
    let mut request = Request::parse_words(&arguments.query)?.with_top(arguments.top);
    if arguments.query.starts_with("--") {
        return Err(format!("unknown option `{}` (a query may begin with one hyphen)", arguments.query).into());
    }
    request.diversity = arguments.diversity;
    request.filter.tags.clone_from(&arguments.tags);
    request.validate()?;
    let model = arguments.bundle.load(&arguments.device.open()?)?;
    let index = kept_index(&model, arguments.bundle.path(), &arguments.music)?;
    let library = Library::new(model, &index)?;
    if library.index().is_empty() {
        return Err(format!("{}: no audio file can be read", arguments.music.display()).into());
    }
    let Response { answers, verdict, .. } = library.answer(&request)?;
    if answers.is_empty() {
        eprintln!("no track has the tags {}", arguments.tags.join(" and "));
    }
    console::warning(verdict).into_iter().for_each(|line| eprintln!("{line}"));
    for answer in &answers {
        let times = answer.moments.first().map(|moment| (console::clock(moment.start_s), console::clock(moment.end_s)));
        let (start, end) = times.unwrap_or_default();
        println!("{:.3}  {start:>5}–{end:<5}  {}", answer.score, answer.path);
    }
    if let (Some(path), Some(format)) = (&arguments.playlist, format) {
        let playlist = Playlist { title: arguments.query.clone(), entries: answers.iter().map(entry).collect() };
        console::write_playlist(path, playlist, format, false)?;
    }
    Ok(())
}

fn entry(answer: &Answer) -> PlaylistEntry {
    let path = PathBuf::from(Part::split_name(&answer.path).0);
    let title = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let moment = answer.moments.first();
    PlaylistEntry {
        path,
        title,
        artist: None,
        album: None,
        start_s: moment.map(|moment| moment.start_s),
        end_s: moment.map(|moment| moment.end_s),
        duration_s: Some(answer.duration_s),
        score: answer.score,
    }
}
