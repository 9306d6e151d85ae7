//! `muscall similar`: finds music like a file.

use std::path::{Path, PathBuf};

use clap::Args;
use muscall::library::{Library, Request, Stretch, Term};

use super::Found;
use super::answers::{hits, json};
use super::choice::{Chosen, LibraryArgument};
use crate::Failed;

/// Finds the tracks of your library that sound most like a file, or a part of it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  muscall similar song.mp3\n  muscall similar song.mp3 --from 30 --to 45")]
pub(super) struct Arguments {
    /// An audio file; it need not be in the library.
    file: PathBuf,
    /// From here on, in seconds.
    #[arg(long, value_name = "SECONDS")]
    from: Option<f64>,
    /// Up to here, in seconds.
    #[arg(long, value_name = "SECONDS")]
    to: Option<f64>,
    /// How many tracks.
    #[arg(long, short = 'n', default_value_t = 5)]
    top: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    library: LibraryArgument,
}

pub(super) fn run(arguments: &Arguments) -> Result<Found, Failed> {
    let Chosen { kept, model } = arguments.library.up_to_date(true)?;
    let library = kept.library(model)?;
    let stretch = Stretch { start_s: arguments.from, end_s: arguments.to };
    let answers = match known(&library, &arguments.file)? {
        Some(track) => library.similar(track, stretch, arguments.top)?,
        None => library.search(&Request::new([Term::file(&arguments.file, stretch)]).with_top(arguments.top))?,
    };
    let hits = hits(&library, answers)?;
    if arguments.json {
        println!("{}", json(&hits, None)?);
    } else {
        hits.iter().zip(1..).for_each(|(hit, place)| println!("{}", hit.text(place)));
    }
    Ok(if hits.is_empty() { Found::Nothing } else { Found::Something })
}

/// The track of a file, which then isn't heard again.
fn known(library: &Library, file: &Path) -> Result<Option<usize>, Failed> {
    let real = std::fs::canonicalize(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(real.to_str().map(|path| library.index().find(path)).transpose()?.flatten())
}
