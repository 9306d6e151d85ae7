//! `muscall tags`: what can be asked for with --tag.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::json;

use super::answers::printable;
use super::choice::LibraryArgument;
use super::found::Found;
use crate::Failed;
use crate::console::{count, say};
use crate::number::whole;

/// List the tags of your music, and how many tracks have each.
///
/// These are what `search --tag` takes: `--tag genre=jazz` finds all that have the word in their genre.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  muscall tags\n  muscall tags genre\n  muscall tags artist --top 100")]
pub(super) struct Arguments {
    /// Only this one: title, artist, album, composer, genre, mood, year or track.
    key: Option<String>,
    /// How many values of each to show, the most frequent first.
    #[arg(long, short = 'n', allow_negative_numbers = true, value_parser = whole(1_usize, 1_000_000), default_value_t = 20)]
    top: usize,
    /// Print JSON, with all values.
    #[arg(long)]
    json: bool,
    /// Don't look for new files first.
    #[arg(long)]
    as_is: bool,
    #[command(flatten)]
    library: LibraryArgument,
}

pub(super) fn run(arguments: &Arguments) -> Result<Found, Failed> {
    let library = arguments.library.open(!arguments.as_is)?;
    let index = library.index();
    let mut counts: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for track in index.tracks() {
        for tag in &index.track(track)?.tags {
            let (key, value) = tag.split_once('=').unwrap_or(("", tag));
            if arguments.key.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(key)) {
                *counts.entry(key.to_owned()).or_default().entry(value.to_owned()).or_default() += 1;
            }
        }
    }
    let mut all = serde_json::Map::new();
    for (key, values) in &counts {
        let mut values: Vec<(&String, &usize)> = values.iter().collect();
        values.sort_by_key(|(_, tracks)| std::cmp::Reverse(**tracks));
        let left = values.len().saturating_sub(arguments.top);
        if arguments.json {
            let values = values.iter().map(|(value, tracks)| json!({ "value": value, "tracks": tracks }));
            all.insert(key.clone(), values.collect());
            continue;
        }
        say(format!("{}:", printable(key)));
        values.iter().take(arguments.top).for_each(|(value, tracks)| say(format!("{tracks:>8}  {}", printable(value))));
        if left > 0 {
            say(format!("{:>8}  and {left} more", ""));
        }
    }
    if arguments.json {
        say(serde_json::to_string_pretty(&all)?);
    } else if counts.is_empty() {
        let what = arguments.key.as_ref().map_or("tags".to_owned(), |key| format!("tag `{key}`"));
        say(format!("{}, none of which has {what}", count(index.len(), "track")));
    }
    Ok(if counts.is_empty() { Found::Nothing } else { Found::Something })
}
