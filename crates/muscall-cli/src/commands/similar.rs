//! `muscall similar`: finds music like a file.

use std::path::{Path, PathBuf};

use clap::Args;
use muscall::indexing::Item;
use muscall::library::{Library, MAX_TOP, Request, Stretch, Term};

use super::answers::{hits, json};
use super::choice::LibraryArgument;
use super::found::Found;
use crate::Failed;
use crate::console::say;
use crate::number::{seconds, whole};

/// Find the tracks of your library that sound most like a file, or a part of it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  muscall similar song.mp3\n  muscall similar song.mp3 --from 30 --to 45")]
pub(super) struct Arguments {
    /// An audio file; it need not be in the library.
    file: PathBuf,
    /// From here on, in seconds.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, value_parser = seconds)]
    from: Option<f64>,
    /// Up to here, in seconds.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, value_parser = seconds)]
    to: Option<f64>,
    /// How many tracks to show.
    #[arg(long, short = 'n', allow_negative_numbers = true, value_parser = whole(1, MAX_TOP), default_value_t = 5)]
    top: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    library: LibraryArgument,
}

pub(super) fn run(arguments: &Arguments) -> Result<Found, Failed> {
    let library = arguments.library.open(true)?;
    let stretch = Stretch { start_s: arguments.from, end_s: arguments.to };
    let answers = match known(&library, &arguments.file)? {
        Some(track) => library.similar(track, stretch, arguments.top)?,
        None => library.search(&Request::new([Term::file(&arguments.file, stretch)]).with_top(arguments.top))?,
    };
    let hits = hits(&library, answers)?;
    if arguments.json {
        say(json(&hits, None)?);
    } else {
        hits.iter().zip(1..).for_each(|(hit, place)| say(hit.text(place)));
    }
    Ok(if hits.is_empty() { Found::Nothing } else { Found::Something })
}

/// The track of a file, which then isn't decoded again.
fn known(library: &Library, file: &Path) -> Result<Option<usize>, Failed> {
    match Item::file(file) {
        Ok(item) => Ok(library.index().find(&item.path)?),
        Err(refused) => Err(format!("{}: {}", refused.path, refused.reason).into()),
    }
}
