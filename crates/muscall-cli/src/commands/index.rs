//! `muscall index`: analyses music.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use super::choice::{LibraryArgument, tell_unreadable};
use super::folder_watch::FolderWatch;
use crate::Failed;
use crate::console::{IndexConsole, count, say, with_causes};
use crate::home::{Held, Home, IndexState, Kept, Model, Updated};

/// Between two looks at whether another process still changes the library.
const PAUSE: Duration = Duration::from_millis(200);

/// Analyse the music of your folders, so that it can be searched.
///
/// Folders that were given once are remembered. New and changed files are analysed, moved ones are recognised, and those
/// that are gone are removed; a folder whose disk is not mounted is left as it is. It may be stopped at any time: the same
/// command continues.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  muscall index ~/Music\n  muscall index                    what is new in the same folders\n  muscall index --watch            and whatever comes later\n  muscall index --model runs/clap\n  muscall index --forget /mnt/old"
)]
pub(super) struct Arguments {
    /// Folders of music, at any depth, or manifests. By default those that were given before, or `music` of the settings.
    folders: Vec<PathBuf>,
    /// Index everything again with another model, a bundle. Searches use the old one until that is done.
    #[arg(long, value_name = "BUNDLE", conflicts_with = "boxed")]
    model: Option<PathBuf>,
    /// Index everything again with the model that comes with this program.
    #[arg(long)]
    boxed: bool,
    /// Forget a folder that was given before, with all its tracks.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["folders", "model", "boxed"])]
    forget: Option<PathBuf>,
    /// Keep running until Ctrl-C, and analyse new files as they appear.
    #[arg(long, conflicts_with = "forget")]
    watch: bool,
    #[command(flatten)]
    library: LibraryArgument,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failed> {
    let settings = Home::find()?.settings()?;
    let mut held = arguments.library.hold()?;
    if let Some(folder) = &arguments.forget {
        let forgotten = held.forget(folder)?;
        say(format!("{}: forgotten, with {}", folder.display(), count(forgotten, "track")));
        return Ok(());
    }
    held.add_music(&arguments.folders)?;
    if held.kept.music().is_empty() {
        held.add_music(&settings.music)?;
    }
    if held.kept.music().is_empty() {
        return Err("which music? Give a folder, such as: muscall index ~/Music".into());
    }
    let known = held.kept.next_model().or(held.kept.model()).cloned();
    let name = match (&arguments.model, arguments.boxed, known, settings.model) {
        (_, true, ..) => Model::Boxed,
        (Some(bundle), ..) => Model::Bundle(std::path::absolute(bundle)?),
        (.., Some(known), _) => known,
        (.., Some(bundle)) => Model::Bundle(bundle),
        _ => Model::Boxed,
    };
    let model = arguments.library.load(&name)?;
    if held.kept.index_state(&model.fingerprint()?) != IndexState::OfAnother {
        held.keep_model();
    } else {
        let (left, seconds) = held.kept.to_analyse()?;
        let time = seconds.map(|seconds| format!(", in about {}", duration(seconds))).unwrap_or_default();
        eprintln!(
            "a different model: {} to be indexed again{time}; until then searches use the old index",
            count(left, "track")
        );
    }
    let (started, mut console) = (Instant::now(), IndexConsole::new()?);
    // Whatever changes from here on is noticed.
    let mut watch = arguments.watch.then(|| FolderWatch::new(held.kept.music()));
    let updated = held.update((&model, &name), &mut console)?;
    if updated.stopped {
        return Err("stopped; progress is kept: run the same command to continue".into());
    }
    held.remove_others();
    tell_unreadable(&held.kept, updated.unreadable.len(), &updated.news);
    let all = tell(&held.kept, &updated, started)?;
    updated.beside.line().into_iter().for_each(say);
    let Some(watch) = &mut watch else {
        return if all == 0 { Err("no audio files that can be read".into()) } else { Ok(()) };
    };
    // Others may search, and look for news themselves.
    drop(held);
    console = console.with_bar_alone();
    say("watching; Ctrl-C ends it");
    while watch.wait(|| console.is_stopped()) {
        let started = Instant::now();
        let Some(mut held) = hold_patiently(arguments, &console)? else { break };
        if held.kept.index_state(&model.fingerprint()?) == IndexState::OfAnother {
            return Err("this library has another model now; start `muscall index --watch` again".into());
        }
        watch.renew(held.kept.music());
        let updated = match held.update((&model, &name), &mut console) {
            Ok(updated) => updated,
            // A bucket or a manifest that can't be asked now may be there the next time.
            Err(error) => {
                eprintln!("{}", with_causes(error.as_ref()));
                continue;
            }
        };
        if updated.embedded + updated.removed + updated.newly_unreadable > 0 {
            tell_unreadable(&held.kept, updated.newly_unreadable, &updated.news);
            tell(&held.kept, &updated, started)?;
        }
    }
    Ok(())
}

/// The library as soon as no other process changes it; nothing if this one is stopped meanwhile.
fn hold_patiently(arguments: &Arguments, console: &IndexConsole) -> Result<Option<Held>, Failed> {
    while !console.is_stopped() {
        if let Some(held) = arguments.library.hold_if_free()? {
            return Ok(Some(held));
        }
        thread::sleep(PAUSE);
    }
    Ok(None)
}

/// What there is now; gives the number of tracks.
fn tell(kept: &Kept, updated: &Updated, started: Instant) -> Result<usize, Failed> {
    let (all, moments) = kept.index()?.map_or((0, 0), |index| (index.len(), index.segments_len()));
    let (Updated { embedded, removed, .. }, took) = (updated, duration(started.elapsed().as_secs_f64()));
    if all > 0 {
        let counts = [count(all, "track"), count(moments, "moment")].join(", ");
        say(format!("{counts}; {embedded} analysed and {removed} removed in {took}"));
    }
    Ok(all)
}

fn duration(seconds: f64) -> String {
    match seconds.round() as u64 {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ ..7200 => format!("{} minutes", seconds / 60),
        seconds => format!("{} hours", seconds / 3600),
    }
}
