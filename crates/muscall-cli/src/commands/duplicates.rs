//! `muscall duplicates`: what a library has twice.

mod second_look;

use clap::Args;
use muscall::retrieval::{CopiesConfig, Index, copies, possible_copies};
use serde::Serialize;

use self::second_look::heard_groups;
use super::answers::printable;
use super::choice::LibraryArgument;
use super::found::Found;
use crate::Failed;
use crate::console::{clock, count, say};
use crate::names::{Names, length_s};
use crate::number::within;

/// Find recordings that your library has more than once, whatever their names, formats and tags.
///
/// Two tracks count as one recording if they are about as long and their sound is the same second by second, however it was
/// compressed. Files that may be copies are read again for that. Nothing is deleted.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  muscall duplicates\n  muscall duplicates --json")]
pub(super) struct Arguments {
    /// Compare two tracks only if their vectors have at least this cosine. By default 0.85, or 0.93 with --vectors-only.
    #[arg(long, allow_negative_numbers = true, value_parser = within(0.01_f32, 1.0))]
    threshold: Option<f32>,
    /// Compare only what the index has, and don't read any file again. Quicker; misses copies that start at another moment.
    #[arg(long)]
    vectors_only: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Don't look for new files first.
    #[arg(long)]
    as_is: bool,
    #[command(flatten)]
    library: LibraryArgument,
}

/// One of several that are the same.
#[derive(Serialize)]
struct Copy {
    #[serde(flatten)]
    names: Names,
    duration_s: f64,
    path: String,
}

impl Arguments {
    /// Groups of tracks that are one recording.
    fn groups(&self, index: &Index) -> Result<Vec<Vec<usize>>, Failed> {
        let usual = if self.vectors_only { CopiesConfig::default() } else { CopiesConfig::WORTH_HEARING };
        let config = CopiesConfig { threshold: self.threshold.unwrap_or(usual.threshold), ..usual };
        match self.vectors_only {
            true => Ok(copies(index, &config)?),
            false => heard_groups(index, &possible_copies(index, &config)?),
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Found, Failed> {
    let library = arguments.library.open(!arguments.as_is)?;
    let index = library.index();
    let found = arguments.groups(index)?;
    let mut groups = Vec::with_capacity(found.len());
    for group in &found {
        let copy = |&track: &usize| {
            let record = index.track(track)?;
            Ok::<_, Failed>(Copy {
                names: Names::of(&record),
                duration_s: length_s(&record.path, record.duration_s),
                path: record.path,
            })
        };
        groups.push(group.iter().map(copy).collect::<Result<Vec<_>, _>>()?);
    }
    if arguments.json {
        say(serde_json::to_string_pretty(&serde_json::json!({ "tracks": index.len(), "groups": groups }))?);
    } else {
        for group in &groups {
            say(format!("{}  ({})", printable(&group[0].names.line()), clock(group[0].duration_s)));
            group.iter().for_each(|copy| say(format!("    {}", printable(&copy.path))));
        }
        let found = match groups.len() {
            0 => "no recording occurs more than once".to_owned(),
            1 => "1 recording occurs more than once".to_owned(),
            count => format!("{count} recordings occur more than once"),
        };
        say(format!("{}: {found}", count(index.len(), "track")));
    }
    Ok(if groups.is_empty() { Found::Nothing } else { Found::Something })
}
