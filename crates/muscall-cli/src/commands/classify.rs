//! `muscall classify`: which of some words fits best.

use std::path::PathBuf;

use clap::Args;
use muscall::Muscall;
use muscall::train::benchmark::ClassPrompts;
use muscall::vectors::{Embeddings, class_scores};
use serde::Serialize;

use super::answers::printable;
use super::choice::LibraryArgument;
use super::embed::left_out;
use crate::Failed;
use crate::console::{self, Progress, say};
use crate::number::whole;

/// Say which of some labels fits each file best, such as genres, instruments or moods.
///
/// Without files, all tracks of your library. A file that can't be read is named, and the others are classified.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  muscall classify --labels jazz,rock,folk song.mp3 other.flac\n  muscall classify --labels calm,energetic --json    all tracks of the library"
)]
pub(super) struct Arguments {
    /// The labels, separated by commas. The model reads each as "A … track".
    #[arg(long, required = true, value_delimiter = ',')]
    labels: Vec<String>,
    /// A TOML file with other `templates`, and `words` for labels.
    #[arg(long, value_name = "FILE")]
    prompts: Option<PathBuf>,
    /// Labels to show per file.
    #[arg(long, short = 'n', allow_negative_numbers = true, value_parser = whole(1_usize, 1_000_000), default_value_t = 1)]
    top: usize,
    /// Print one JSON object per line, with the scores of all labels.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    bundle: console::BundleArgument,
    #[command(flatten)]
    library: LibraryArgument,
    /// Audio files; they need not be in the library.
    files: Vec<PathBuf>,
}

/// A file with its labels, the best one first.
#[derive(Serialize)]
struct Classified<'a> {
    path: &'a str,
    labels: Vec<Scored<'a>>,
}

#[derive(Serialize)]
struct Scored<'a> {
    label: &'a str,
    score: f32,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failed> {
    let labels: Vec<&str> = arguments.labels.iter().map(|label| label.trim()).collect();
    if labels.iter().any(|label| label.is_empty()) {
        return Err("--labels has an empty one; separate labels by single commas".into());
    }
    if arguments.files.is_empty() {
        if arguments.bundle.path().is_some() {
            return Err("--bundle is for files: the tracks of a library were analysed with its own model".into());
        }
        let library = arguments.library.open(true)?;
        let index = library.index();
        let (mut paths, mut audio) = (Vec::new(), Vec::new());
        for track in index.tracks() {
            paths.push(index.track(track)?.path);
            audio.extend_from_slice(index.vector(track)?);
        }
        return tell(arguments, &labels, library.model(), (&paths, &audio));
    }
    let model = arguments.bundle.load(&arguments.library.device()?)?;
    let progress = Progress::files(arguments.files.len(), "heard");
    let heard = model.in_windows().embed_readable_whole(&arguments.files, |_| progress.file())?;
    progress.finish();
    let paths: Vec<_> =
        heard.readable.iter().map(|&file| arguments.files[file].to_string_lossy().into_owned()).collect();
    tell(arguments, &labels, &model, (&paths, heard.audio.values()))?;
    left_out(&heard, arguments.files.len())
}

/// A line per file.
fn tell(
    arguments: &Arguments,
    labels: &[&str],
    model: &Muscall,
    (paths, audio): (&[String], &[f32]),
) -> Result<(), Failed> {
    if paths.is_empty() {
        return Ok(());
    }
    let dim = model.config().projection_dim;
    let prompts = match &arguments.prompts {
        Some(path) => ClassPrompts::read(path)?,
        None => ClassPrompts::default(),
    };
    let text = prompts.embed(model, labels)?;
    let scores = class_scores(Embeddings::new(audio, dim)?, Embeddings::new(&text, dim)?)?;
    for (path, scores) in paths.iter().zip(scores.chunks_exact(labels.len())) {
        let mut scored: Vec<_> = labels.iter().zip(scores).map(|(label, &score)| Scored { label, score }).collect();
        scored.sort_by(|a, b| b.score.total_cmp(&a.score));
        if arguments.json {
            say(serde_json::to_string(&Classified { path, labels: scored })?);
        } else {
            let best: Vec<_> =
                scored.iter().take(arguments.top.max(1)).map(|one| format!("{} {:.2}", one.label, one.score)).collect();
            say(format!("{}  {}", best.join(", "), printable(path)));
        }
    }
    Ok(())
}
