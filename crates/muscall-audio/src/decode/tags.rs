//! What a file says its music is.

mod matroska;
mod quicktime;

use std::borrow::Cow;
use std::path::Path;

use lofty::config::ParseOptions;
use lofty::file::TaggedFileExt;
use lofty::id3::v1::GENRES;
use lofty::probe::Probe;
use lofty::tag::ItemKey;
use muscall_files::FileError;
use symphonia::core::meta::{Metadata, MetadataRevision, RawTag, RawValue, StandardTag};

use super::bytes::Bytes;
use super::foreign::Readers;
use super::ogg::comments;
use super::opened::{is_npy, open};
use super::stream::Stream;
use crate::{AudioError, guarded};

/// What is kept, and what `lofty` calls it.
const KEYS: [(&str, ItemKey); 10] = [
    ("title", ItemKey::TrackTitle),
    ("artist", ItemKey::TrackArtist),
    ("album", ItemKey::AlbumTitle),
    ("composer", ItemKey::Composer),
    ("genre", ItemKey::Genre),
    ("mood", ItemKey::Mood),
    ("year", ItemKey::RecordingDate),
    ("year", ItemKey::Year),
    ("year", ItemKey::ReleaseDate),
    ("track", ItemKey::TrackNumber),
];
/// Longest value that is kept, in characters.
const MAX_CHARS: usize = 200;

/// Title, artist, album, composer, genre, mood, year and the track's number as a file names them, each as `key=value`
/// such as `genre=Jazz` or `track=3`; nothing that it does not name, and nothing twice.
///
/// # Errors
/// As [`probe`](super::probe).
pub fn file_tags(path: &Path) -> Result<Vec<String>, AudioError> {
    file_tags_with(path, Readers::SYMPHONIA)
}

pub(super) fn file_tags_with(path: &Path, readers: Readers) -> Result<Vec<String>, AudioError> {
    let opened = open(path)?;
    if is_npy(&opened)? {
        return Ok(Vec::new());
    }
    let again = opened.clone();
    // Damaged comments of an Ogg file are none, or, if they could be put right, those that our reader shows.
    let mut bytes = Bytes::new(again.file.clone(), again.bytes());
    let is_mended = comments::mend(&mut bytes).map_err(FileError::reading(path))?.is_some();
    let listed = if is_mended { Vec::new() } else { listed(path) };
    if !listed.is_empty() {
        return Ok(listed);
    }
    let mut stream = Stream::open(opened, readers)?;
    // A reader without tags has none to tell.
    let mut tags = stream.packets.demuxer.tags(collect)?.unwrap_or_default();
    drop(stream);
    let (bytes, mut file) = (again.bytes(), again.file);
    // What can't be read any more was read before, and this is no more than texts.
    let title = matroska::title(&mut file, bytes).ok().flatten();
    let texts = quicktime::texts(&mut file, bytes).unwrap_or_default();
    add_missing(title.map(|title| ("title", title)).into_iter().chain(texts), &mut tags);
    Ok(tags)
}

/// What `lofty` reads, which knows all kinds of tags, and several values of one, where symphonia 0.6.1 has no standard tag for a frame of ID3;
/// nothing of a file that it can't read.
fn listed(path: &Path) -> Vec<String> {
    let options = ParseOptions::new().read_properties(false).read_cover_art(false);
    let read = guarded(path, "reading the tags", || {
        let probe = Probe::open(path).ok()?.options(options).guess_file_type().ok()?;
        probe.read().ok()
    });
    let Ok(Some(file)) = read else { return Vec::new() };
    let own = file.primary_tag_type();
    let (first, others): (Vec<_>, Vec<_>) = file.tags().iter().partition(|tag| tag.tag_type() == own);
    let mut tags: Vec<String> = Vec::new();
    for tag in first.into_iter().chain(others) {
        for (name, key) in KEYS {
            // An older tag beside the file's own one says the same in fewer letters, and a release has one year.
            if !has(&tags, name) {
                tag.get_strings(key).for_each(|value| push(&mut tags, name, value));
            }
        }
    }
    tags
}

fn has(tags: &[String], key: &str) -> bool {
    tags.iter().any(|known| known.split('=').next() == Some(key))
}

/// Keeps those of whose kind there is nothing.
fn add_missing<'a>(found: impl IntoIterator<Item = (&'a str, String)>, tags: &mut Vec<String>) {
    let known = tags.clone();
    for (key, value) in found.into_iter().filter(|(key, _)| !has(&known, key)) {
        push(tags, key, &value);
    }
}

/// Keeps a value, unless it is empty or known.
fn push(tags: &mut Vec<String>, key: &str, value: &str) {
    let value = match key {
        "year" => match value.trim().get(..4) {
            Some(year) if year.bytes().all(|byte| byte.is_ascii_digit()) => Cow::from(year),
            _ => return,
        },
        // Of `03/12`, 3.
        "track" => match value.split('/').next().and_then(|number| number.trim().parse::<u32>().ok()) {
            Some(number) if number > 0 => Cow::from(number.to_string()),
            _ => return,
        },
        "genre" => Cow::from(named_genre(value.trim())),
        _ => Cow::from(value),
    };
    let value: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_CHARS).collect();
    let tag = format!("{key}={}", value.trim());
    if !value.trim().is_empty() && !tags.contains(&tag) {
        tags.push(tag);
    }
}

/// The name of a genre that is a number, as in `17`, `(17)` or `(17)Hard rock`, which says more.
fn named_genre(value: &str) -> &str {
    let (number, rest) = match value.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        Some((number, rest)) => (number, rest.trim()),
        None => (value, ""),
    };
    let known = number.parse::<u8>().ok().map(|number| GENRES.get(usize::from(number)).copied());
    match known {
        Some(_) if !rest.is_empty() => rest,
        // A number that nobody gave a name.
        Some(genre) => genre.unwrap_or("Unknown"),
        None => value,
    }
}

fn collect(mut metadata: Metadata<'_>) -> Vec<String> {
    let (mut tags, mut vague) = (Vec::new(), Vec::new());
    // An ID3 tag before the stream is a revision of its own.
    while let Some(revision) = metadata.pop() {
        add(&revision, &mut tags, &mut vague);
    }
    if let Some(revision) = metadata.current() {
        add(revision, &mut tags, &mut vague);
    }
    add_missing(vague, &mut tags);
    tags
}

/// Adds to `tags` what is said of the track, and to `vague` what may be said of its album as well.
fn add(revision: &MetadataRevision, tags: &mut Vec<String>, vague: &mut Vec<(&'static str, String)>) {
    let per_track = revision.per_track.iter().flat_map(|track| &track.metadata.tags);
    for tag in revision.media.tags.iter().chain(per_track) {
        let (key, value) = match &tag.std {
            Some(StandardTag::TrackTitle(value)) => ("title", value.to_string()),
            Some(StandardTag::Artist(value)) => ("artist", value.to_string()),
            Some(StandardTag::Album(value)) => ("album", value.to_string()),
            Some(StandardTag::Composer(value)) => ("composer", value.to_string()),
            Some(StandardTag::Genre(value)) => ("genre", value.to_string()),
            Some(StandardTag::Mood(value)) => ("mood", value.to_string()),
            Some(StandardTag::ReleaseYear(year) | StandardTag::RecordingYear(year)) => ("year", year.to_string()),
            Some(StandardTag::ReleaseDate(date) | StandardTag::RecordingDate(date)) => ("year", date.to_string()),
            Some(StandardTag::TrackNumber(number)) => ("track", number.to_string()),
            _ => {
                vague.extend(of_no_target(&tag.raw));
                continue;
            }
        };
        push(tags, key, &value);
    }
}

/// A tag of Matroska whose target is the album, or is not named, which means the same. ffmpeg never names one, so that
/// what it writes of a track stands here too, partly under names of its own (`ALBUM`, `DATE`).
fn of_no_target(tag: &RawTag) -> Option<(&'static str, String)> {
    let RawValue::String(value) = &tag.value else { return None };
    let key = match tag.key.strip_prefix("ALBUM@").unwrap_or(&tag.key) {
        "TITLE" => "title",
        "ARTIST" => "artist",
        "ALBUM" => "album",
        "DATE" => "year",
        "PART_NUMBER" => "track",
        _ => return None,
    };
    Some((key, value.to_string()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A frame of an ID3 2.4 tag, in UTF-8.
    fn frame(id: &str, text: &str) -> Vec<u8> {
        let mut bytes = id.as_bytes().to_vec();
        bytes.extend((text.len() as u32 + 1).to_be_bytes());
        bytes.extend([0, 0, 3]);
        bytes.extend(text.as_bytes());
        bytes
    }

    /// The same of ID3 2.3, in Latin 1.
    fn old_frame(id: &str, text: &str) -> Vec<u8> {
        let mut bytes = frame(id, text);
        bytes[10] = 0;
        bytes
    }

    /// Music behind a tag.
    fn with_id3(version: u8, frames: &[u8], music: &[u8]) -> Vec<u8> {
        let size = frames.len();
        let mut file = vec![b'I', b'D', b'3', version, 0, 0];
        file.extend([21, 14, 7, 0].map(|shift| (size >> shift & 0x7f) as u8));
        [&file, frames, music].concat()
    }

    fn sorted(mut tags: Vec<String>) -> Vec<String> {
        tags.sort();
        tags
    }

    #[test]
    fn genres_of_id3_may_be_numbers() {
        let texts = ["17", "(17)", "(17)Hard rock", "230", "(230)", "1990", "Jazz/Funk", "(Odd)", "17 Hippies", ""];
        let names = ["Rock", "Rock", "Hard rock", "Unknown", "Unknown", "1990", "Jazz/Funk", "(Odd)", "17 Hippies", ""];
        assert_eq!(texts.map(named_genre), names);
    }

    #[test]
    fn a_track_has_a_number() {
        let mut tags = Vec::new();
        for number in ["3/12", "03", "", "0", "A1", " 4 ", "-1"] {
            push(&mut tags, "track", number);
        }
        assert_eq!(tags, ["track=3", "track=4"]);
    }

    #[test]
    fn what_matroska_says_of_the_album_counts_where_nothing_is_said_of_the_track() {
        let raw = |key: &str, value: &str| RawTag::new(key, value);
        let read =
            [("ALBUM@DATE", "1997-05-12"), ("ALBUM@PART_NUMBER", "3/12"), ("ALBUM", "Rails"), ("TRACK@DATE", "1998")]
                .map(|(key, value)| of_no_target(&raw(key, value)));
        let expected = [Some(("year", "1997-05-12")), Some(("track", "3/12")), Some(("album", "Rails")), None];
        assert_eq!(read, expected.map(|one| one.map(|(key, value)| (key, value.to_owned()))));
        let mut tags = vec!["artist=Ann".to_owned()];
        let found = [("artist", "Various"), ("composer", "Jo"), ("composer", "Di")];
        add_missing(found.map(|(key, value)| (key, value.to_owned())), &mut tags);
        assert_eq!(tags, ["artist=Ann", "composer=Jo", "composer=Di"]);
    }

    #[test]
    fn an_mp3_says_what_it_is() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let music = std::fs::read(root.join("benches/music.mp3")).unwrap();
        // Behind the tag that it has.
        let own = if music.starts_with(b"ID3") {
            10 + music[6..10].iter().fold(0, |size, &byte| size << 7 | usize::from(byte))
        } else {
            0
        };
        let frames = [
            frame("TIT2", "So\u{1} What"),
            frame("TPE1", "Miles"),
            frame("TCON", "Jazz"),
            frame("TDRC", "1959-08-17"),
            frame("TALB", " "),
            frame("TRCK", "03/12"),
        ]
        .concat();
        let file = with_id3(4, &frames, &music[own..]);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tagged.mp3");
        std::fs::write(&path, file).unwrap();
        let mut tags = file_tags(&path).unwrap();
        tags.sort();
        assert_eq!(tags, ["artist=Miles", "genre=Jazz", "title=So  What", "track=3", "year=1959"]);
        // Several values, as ID3 2.4 has them.
        let several = [frame("TIT2", "a"), frame("TCON", "Rock\0Shoegaze\0(17)"), frame("TPE1", "B\0C")].concat();
        std::fs::write(&path, with_id3(4, &several, &music[own..])).unwrap();
        let expected = ["artist=B", "artist=C", "genre=Rock", "genre=Shoegaze", "title=a"];
        assert_eq!(file_tags(&path).map(sorted).unwrap(), expected);
        // A year of ID3 2.3, and a genre by its number.
        let year = [old_frame("TYER", "1999"), old_frame("TCON", "(8)")].concat();
        std::fs::write(&path, with_id3(3, &year, &music[own..])).unwrap();
        assert_eq!(file_tags(&path).map(sorted).unwrap(), ["genre=Jazz", "year=1999"]);
        // An extended header of ID3 2.3, which lofty 0.25.5 reads as one of 2.4.
        let mut extended = with_id3(3, &[&[0, 0, 0, 6, 0, 0, 0, 0, 0, 0], &year[..]].concat(), &music[own..]);
        extended[5] = 0x40;
        std::fs::write(&path, extended).unwrap();
        assert_eq!(file_tags(&path).map(sorted).unwrap(), ["genre=Jazz", "year=1999"]);
        // ID3 1, at the end of a file that has nothing else.
        let mut old = b"TAG".to_vec();
        for (text, length) in [("A song", 30), ("Somebody", 30), ("", 30), ("1987", 4), ("", 30)] {
            old.extend(text.bytes().chain(std::iter::repeat(0)).take(length));
        }
        old.push(17);
        std::fs::write(&path, [&music[own..], &old].concat()).unwrap();
        let expected = ["artist=Somebody", "genre=Rock", "title=A song", "year=1987"];
        assert_eq!(file_tags(&path).map(sorted).unwrap(), expected);
        std::fs::write(&path, "no audio").unwrap();
        assert!(file_tags(&path).is_err());
    }
}
