//! `muscall playlist`: so many minutes of music for a description.

use std::path::PathBuf;

use clap::Args;
use muscall::library::{MAX_TOP, Request, Response};
use muscall::model::Verdict;
use muscall::retrieval::{Playlist, PlaylistFormat};

use super::answers::entries;
use super::choice::LibraryArgument;
use super::found::Found;
use crate::Failed;
use crate::console::{clock, count, say, write_playlist};
use crate::names::length_s;
use crate::number::{positive, within};

/// Ten weeks, more than a thousand tracks fill.
const MOST_MINUTES: f64 = 100_000.0;

/// Write a playlist of whole tracks that fit your words, as long as you like.
#[derive(Debug, Args)]
#[command(after_help = "Example: muscall playlist evening.m3u8 calm piano for the evening --minutes 45")]
pub(super) struct Arguments {
    /// The file: .m3u8, .xspf or .json.
    out: PathBuf,
    /// What to look for, as for `search`.
    #[arg(required = true, num_args = 1..)]
    words: Vec<String>,
    /// At most this long.
    #[arg(long, allow_negative_numbers = true, value_parser = positive(MOST_MINUTES), default_value_t = 60.0)]
    minutes: f64,
    /// How much the tracks should differ from each other, from 0 to 1.
    #[arg(long, allow_negative_numbers = true, value_parser = within(0.0_f32, 1.0), default_value_t = 0.2)]
    diversity: f32,
    /// Write paths relative to the playlist's folder, so that both can be moved together.
    #[arg(long)]
    relative: bool,
    #[command(flatten)]
    library: LibraryArgument,
}

pub(super) fn run(arguments: &Arguments) -> Result<Found, Failed> {
    let format = PlaylistFormat::from_path(&arguments.out)?;
    let title = arguments.words.join(" ");
    let mut request = Request::parse_words(&title)?;
    request.diversity = Some(arguments.diversity);
    request.validate()?;
    let library = arguments.library.open(true)?;
    // More than would fit if all were as short as a quarter of a minute.
    let top = (4.0 * arguments.minutes).ceil() as usize + 10;
    request.top = top.min(MAX_TOP).min(library.index().len().max(1));
    let Response { answers, verdict, .. } = library.answer(&request)?;
    if verdict == Some(Verdict::Nothing) {
        eprintln!("nothing here fits these words well; no playlist was written");
        return Ok(Found::Nothing);
    }
    let mut left_s = 60.0 * arguments.minutes;
    let mut fitting = answers;
    fitting.retain(|answer| {
        let length_s = length_s(&answer.path, answer.duration_s);
        let fits = length_s <= left_s;
        left_s -= if fits { length_s } else { 0.0 };
        fits
    });
    let entries = entries(&library, &fitting, true)?;
    if entries.is_empty() {
        eprintln!("no matching track is that short; no playlist was written");
        return Ok(Found::Nothing);
    }
    let (tracks, length) = (entries.len(), clock(60.0 * arguments.minutes - left_s));
    write_playlist(&arguments.out, Playlist { title, entries }, format, arguments.relative)?;
    say(format!("{}: {}, {length}", arguments.out.display(), count(tracks, "track")));
    Ok(Found::Something)
}
