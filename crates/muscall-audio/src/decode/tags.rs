//! What a file says its music is.

use std::path::Path;

use symphonia::core::meta::{Metadata, MetadataRevision, StandardTag};

use super::foreign::Readers;
use super::opened::{is_npy, open};
use super::stream::Stream;
use crate::AudioError;

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
    let mut stream = Stream::open(opened, readers)?;
    // A reader without tags has none to tell.
    Ok(stream.packets.demuxer.tags(collect)?.unwrap_or_default())
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
            Some(StandardTag::ReleaseDate(date) | StandardTag::RecordingDate(date)) => match date.get(..4) {
                Some(year) if year.bytes().all(|byte| byte.is_ascii_digit()) => ("year", year.to_owned()),
                _ => continue,
            },
            _ => continue,
        };
        let value: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_CHARS).collect();
        let tag = format!("{key}={}", value.trim());
        if !value.trim().is_empty() && !tags.contains(&tag) {
            tags.push(tag);
        }
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
        let size = frames.len();
        let mut file = b"ID3\x04\x00\x00".to_vec();
        file.extend([21, 14, 7, 0].map(|shift| (size >> shift & 0x7f) as u8));
        file.extend(frames);
        file.extend(&music[own..]);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tagged.mp3");
        std::fs::write(&path, file).unwrap();
        let mut tags = file_tags(&path).unwrap();
        tags.sort();
        assert_eq!(tags, ["artist=Miles", "genre=Jazz", "title=So  What", "year=1959"]);
        std::fs::write(&path, "no audio").unwrap();
        assert!(file_tags(&path).is_err());
    }
}
