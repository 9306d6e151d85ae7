//! What a file says its music is.

use std::path::Path;

use lofty::config::ParseOptions;
use lofty::file::TaggedFileExt;
use lofty::id3::v1::GENRES;
use lofty::probe::Probe;
use lofty::tag::ItemKey;
use symphonia::core::meta::{Metadata, MetadataRevision, StandardTag};

use super::foreign::Readers;
use super::opened::{is_npy, open};
use super::stream::Stream;
use crate::{AudioError, guarded};

/// What is kept, and what `lofty` calls it.
const KEYS: [(&str, ItemKey); 9] = [
    ("title", ItemKey::TrackTitle),
    ("artist", ItemKey::TrackArtist),
    ("album", ItemKey::AlbumTitle),
    ("composer", ItemKey::Composer),
    ("genre", ItemKey::Genre),
    ("mood", ItemKey::Mood),
    ("year", ItemKey::RecordingDate),
    ("year", ItemKey::Year),
    ("year", ItemKey::ReleaseDate),
];
/// Longest value that is kept, in characters.
const MAX_CHARS: usize = 200;

/// Title, artist, album, composer, genre, mood and year as a file names them, each as `key=value` such as
/// `genre=Jazz`; nothing that it does not name, and nothing twice.
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
    let listed = listed(path);
    if !listed.is_empty() {
        return Ok(listed);
    }
    let mut stream = Stream::open(opened, readers)?;
    // A reader without tags has none to tell.
    Ok(stream.packets.demuxer.tags(collect)?.unwrap_or_default())
}

/// What `lofty` reads, which knows all kinds of tags, and several values of one, where symphonia 0.6.1 loses a frame of ID3;
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
            if !tags.iter().any(|known| known.split('=').next() == Some(name)) {
                tag.get_strings(key).for_each(|value| push(&mut tags, name, value));
            }
        }
    }
    tags
}

/// Keeps a value, unless it is empty or known.
fn push(tags: &mut Vec<String>, key: &str, value: &str) {
    let value = match key {
        "year" => match value.trim().get(..4) {
            Some(year) if year.bytes().all(|byte| byte.is_ascii_digit()) => year,
            _ => return,
        },
        "genre" => named_genre(value.trim()),
        _ => value,
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
    let known = number.parse::<usize>().ok().and_then(|number| GENRES.get(number));
    match known {
        Some(_) if !rest.is_empty() => rest,
        Some(genre) => genre,
        None => value,
    }
}

fn collect(mut metadata: Metadata<'_>) -> Vec<String> {
    let mut tags = Vec::new();
    // An ID3 tag before the stream is a revision of its own.
    while let Some(revision) = metadata.pop() {
        add(&revision, &mut tags);
    }
    if let Some(revision) = metadata.current() {
        add(revision, &mut tags);
    }
    tags
}

fn add(revision: &MetadataRevision, tags: &mut Vec<String>) {
    let per_track = revision.per_track.iter().flat_map(|track| &track.metadata.tags);
    for tag in revision.media.tags.iter().chain(per_track) {
        let (key, value) = match &tag.std {
            Some(StandardTag::TrackTitle(value)) => ("title", value.to_string()),
            Some(StandardTag::Artist(value)) => ("artist", value.to_string()),
            Some(StandardTag::Album(value)) => ("album", value.to_string()),
            Some(StandardTag::Composer(value)) => ("composer", value.to_string()),
            Some(StandardTag::Genre(value)) => ("genre", value.to_string()),
            Some(StandardTag::Mood(value)) => ("mood", value.to_string()),
            Some(StandardTag::ReleaseYear(year)) => ("year", year.to_string()),
            Some(StandardTag::ReleaseDate(date) | StandardTag::RecordingDate(date)) => ("year", date.to_string()),
            _ => continue,
        };
        push(tags, key, &value);
    }
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
        ]
        .concat();
        let file = with_id3(4, &frames, &music[own..]);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tagged.mp3");
        std::fs::write(&path, file).unwrap();
        let mut tags = file_tags(&path).unwrap();
        tags.sort();
        assert_eq!(tags, ["artist=Miles", "genre=Jazz", "title=So  What", "year=1959"]);
        // Several values, as ID3 2.4 has them.
        let several = [frame("TIT2", "a"), frame("TCON", "Rock\0Shoegaze\0(17)"), frame("TPE1", "B\0C")].concat();
        std::fs::write(&path, with_id3(4, &several, &music[own..])).unwrap();
        let expected = ["artist=B", "artist=C", "genre=Rock", "genre=Shoegaze", "title=a"];
        assert_eq!(file_tags(&path).map(sorted).unwrap(), expected);
        // A year of ID3 2.3, and a genre by its number.
        let year = [old_frame("TYER", "1999"), old_frame("TCON", "(8)")].concat();
        std::fs::write(&path, with_id3(3, &year, &music[own..])).unwrap();
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
