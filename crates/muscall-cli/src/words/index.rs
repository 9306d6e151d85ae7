//! `muscall index`: hears music.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;

use super::choice::LibraryArgument;
use crate::Failed;
use crate::console::IndexConsole;
use crate::home::{Home, Updated};

/// How many files that can't be read are named; the list has them all.
const NAMED: usize = 20;

/// Hears the music of your folders, so that it can be searched.
///
/// Folders that were given once are remembered. New and changed files are heard, moved ones are recognised, those that are
/// gone are forgotten; a folder whose disk is away is left as it is. It may be stopped at any time and goes on where it was.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  muscall index ~/Music\n  muscall index                 what is new in the same folders\n  muscall index --forget /mnt/old\n  muscall index --model runs/clap"
)]
pub(super) struct Arguments {
    /// Folders of music, at any depth, or manifests. By default those that were given before, or `music` of the settings.
    folders: Vec<PathBuf>,
    /// Hear everything with another model: a bundle. The library is searched with the old one until that is done.
    #[arg(long, value_name = "BUNDLE", conflicts_with = "boxed")]
    model: Option<PathBuf>,
    /// Hear everything with the model that comes with this program.
    #[arg(long)]
    boxed: bool,
    /// Forget a folder that was given before, with all its tracks.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["folders", "model", "boxed"])]
    forget: Option<PathBuf>,
    #[command(flatten)]
    library: LibraryArgument,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failed> {
    let settings = Home::find()?.settings()?;
    let mut kept = arguments.library.kept()?;
    if let Some(folder) = &arguments.forget {
        let forgotten = kept.forget(folder)?;
        println!("{forgotten} tracks forgotten");
        return Ok(());
    }
    kept.add_music(&arguments.folders)?;
    if kept.music().is_empty() {
        kept.add_music(&settings.music)?;
    }
    if kept.music().is_empty() {
        return Err("which music? Give a folder, such as: muscall index ~/Music".into());
    }
    let former = if kept.index_file().is_some() { kept.model() } else { settings.model.as_deref() };
    let bundle = match (&arguments.model, arguments.boxed) {
        (_, true) => None,
        (Some(bundle), _) => Some(std::path::absolute(bundle)?),
        _ => former.map(Path::to_owned),
    };
    let model = arguments.library.load(bundle.as_deref())?;
    if kept.index_file().is_some() && !kept.is_heard_by(&model.fingerprint()?) {
        let (tracks, seconds) = kept.to_hear_anew()?;
        let time = seconds.map(|seconds| format!(", in about {}", duration(seconds))).unwrap_or_default();
        eprintln!("another model: {tracks} tracks are heard anew{time}; until then they are searched with the old one");
    }
    let (started, mut console) = (Instant::now(), IndexConsole::new()?);
    let Updated { embedded, removed, unreadable, stopped } = kept.update((&model, bundle.as_deref()), &mut console)?;
    if stopped {
        return Err("stopped; what was heard is kept: the same command goes on".into());
    }
    for file in unreadable.iter().take(NAMED) {
        eprintln!("left out: {}: {}", file.path, file.reason);
    }
    if !unreadable.is_empty() {
        eprintln!("{} files can't be read; why is in {}", unreadable.len(), kept.left_out().display());
    }
    let (tracks, moments) = kept.index()?.map_or((0, 0), |index| (index.len(), index.segments_len()));
    let took = duration(started.elapsed().as_secs_f64());
    println!("{tracks} tracks, {moments} moments; {embedded} heard and {removed} forgotten in {took}");
    Ok(())
}

fn duration(seconds: f64) -> String {
    match seconds.round() as u64 {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ ..7200 => format!("{} minutes", seconds / 60),
        seconds => format!("{} hours", seconds / 3600),
    }
}
