//! `muscall search`: finds music by a description.

use std::path::PathBuf;

use clap::Args;
use muscall::library::{MAX_TOP, Request, Response};
use muscall::model::Verdict;
use muscall::retrieval::{Playlist, PlaylistFormat};

use super::answers::{entries, hits, json};
use super::choice::LibraryArgument;
use super::found::Found;
use crate::Failed;
use crate::console::{say, warning, write_playlist};
use crate::number::{whole, within};

/// Find the tracks that fit your words best, and the moment in each.
///
/// ` -drums` takes something away, ` +0.5*strings` adds a little, and `"song.mp3"@30-45` stands for what those seconds of a
/// file sound like. What is new in your folders is analysed first.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  muscall search calm solo piano\n  muscall search \"calm solo piano -drums\" --top 20\n  muscall search slow jazz --playlist evening.m3u8\n  muscall search epic battle music --json"
)]
pub(super) struct Arguments {
    /// What to look for. Several words need no quotation marks, but for signs that your shell reads, such as `*`, and for
    /// ` -drums`.
    #[arg(required = true, num_args = 1..)]
    words: Vec<String>,
    /// How many tracks to show.
    #[arg(long, short = 'n', allow_negative_numbers = true, value_parser = whole(1, MAX_TOP), default_value_t = 5)]
    top: usize,
    /// Show only tracks with these words in a tag: genre=jazz, genre=jazz|blues for either, or jazz in any tag; may be given
    /// several times. `muscall tags` lists what there is.
    #[arg(long = "tag", value_name = "KEY=WORDS")]
    tags: Vec<String>,
    /// Show only tracks with this text in their path.
    #[arg(long = "in", value_name = "TEXT")]
    path: Option<String>,
    /// How much the answers should differ from each other, from 0 to 1.
    #[arg(long, allow_negative_numbers = true, value_parser = within(0.0_f32, 1.0))]
    diversity: Option<f32>,
    /// How much the whole track counts beside its best moment, from 0 to 1; at 1, whole tracks are ranked.
    #[arg(long, allow_negative_numbers = true, value_parser = within(0.0_f32, 1.0), default_value_t = 0.5)]
    track_weight: f32,
    /// Also write the moments that were found as a playlist: .m3u8, .xspf or .json.
    #[arg(long, value_name = "FILE")]
    playlist: Option<PathBuf>,
    /// Write paths relative to the playlist's folder.
    #[arg(long, requires = "playlist")]
    relative: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Don't look for new files first.
    #[arg(long)]
    as_is: bool,
    #[command(flatten)]
    library: LibraryArgument,
}

pub(super) fn run(arguments: &Arguments) -> Result<Found, Failed> {
    let words = arguments.words.join(" ");
    let format = arguments.playlist.as_deref().map(PlaylistFormat::from_path).transpose()?;
    let mut request = Request::parse_words(&words)?.with_top(arguments.top);
    request.diversity = arguments.diversity;
    request.track_weight = arguments.track_weight;
    request.filter.tags.clone_from(&arguments.tags);
    request.filter.path.clone_from(&arguments.path);
    request.validate()?;
    let library = arguments.library.open(!arguments.as_is)?;
    let Response { answers, verdict, .. } = library.answer(&request)?;
    if let (Some(path), Some(format)) = (&arguments.playlist, format) {
        let playlist = Playlist { title: words, entries: entries(&library, &answers, false)? };
        write_playlist(path, playlist, format, arguments.relative)?;
    }
    let hits = hits(&library, answers)?;
    if arguments.json {
        say(json(&hits, verdict)?);
    } else {
        if hits.is_empty() {
            eprintln!("none of the {} tracks matches --tag and --in", library.index().len());
        }
        warning(verdict).into_iter().for_each(|line| eprintln!("{line}"));
        hits.iter().zip(1..).for_each(|(hit, place)| say(hit.text(place)));
    }
    let nothing = hits.is_empty() || verdict == Some(Verdict::Nothing);
    Ok(if nothing { Found::Nothing } else { Found::Something })
}
