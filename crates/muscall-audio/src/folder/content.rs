//! What the first bytes of a file say about it, whatever its name is.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::decode::{mpeg_frame, named_music};
use crate::stretch::Stretch;

/// As many bytes as two frames of mp3 take at most, behind the header of the first.
const HEAD: usize = 4096;

/// What a file seems to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Music, or a film that may have some, in a format that is read.
    Audio,
    /// Music in a format that is not read, and its name.
    Foreign(&'static str),
    /// Nothing that is known here.
    Other,
}

/// Formats that are read and say what they are at the start: where their mark lies, and the mark.
const AUDIO: [(usize, &[u8]); 11] = [
    (0, b"fLaC"),
    (0, b"OggS"),
    (0, b"ID3"),
    (8, b"WAVE"),
    (8, b"AIFF"),
    (8, b"AIFC"),
    (0, b".snd"),
    (0, b"caff"),
    // Wave64.
    (0, b"riff\x2e\x91\xcf\x11"),
    // Matroska, and so WebM.
    (0, b"\x1a\x45\xdf\xa3"),
    (4, b"ftyp"),
];
/// Pictures in MP4's container.
const PICTURES: [&[u8]; 6] = [b"heic", b"heif", b"mif1", b"msf1", b"avif", b"crx "];

impl Content {
    /// Of a file.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let mut file = Stretch::whole(File::open(path)?)?;
        let mut head = Vec::with_capacity(HEAD);
        file.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
        let content = Self::of_head(&head);
        // Sun's and Apple's files are read if their samples are plain; whoever decodes them tells.
        let is_sure = head.starts_with(b".snd") || head.starts_with(b"caff");
        match named_music(&mut file)? {
            Some(format) if !is_sure => Ok(Self::Foreign(format)),
            _ => Ok(content),
        }
    }

    fn of_head(head: &[u8]) -> Self {
        let has = |at: usize, mark: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(mark));
        let is_picture = has(4, b"ftyp") && PICTURES.iter().any(|brand| has(8, brand));
        let is_marked = !is_picture && AUDIO.iter().any(|(at, mark)| has(*at, mark));
        // Two bits in sixteen are little: only with a second frame where the first one ends is it a stream.
        let is_stream = || [mp3_frame, adts_frame].iter().any(|frame| has_two_frames(head, frame));
        if is_marked || is_stream() { Self::Audio } else { Self::Other }
    }
}

fn has_two_frames(head: &[u8], frame: &dyn Fn(&[u8]) -> Option<usize>) -> bool {
    frame(head).and_then(|bytes| head.get(bytes..)).is_some_and(|rest| frame(rest).is_some())
}

/// The bytes of a frame of mp3 with this header.
fn mp3_frame(head: &[u8]) -> Option<usize> {
    mpeg_frame(head).map(|(_, bytes)| bytes)
}

/// The bytes of a frame of AAC in an ADTS stream with this header.
fn adts_frame(head: &[u8]) -> Option<usize> {
    let &[0xff, version, format, a, b, c, ..] = head else { return None };
    // Layer 0, and one of thirteen rates.
    if version & 0xf6 != 0xf0 || format >> 2 & 15 > 12 {
        return None;
    }
    let bytes = usize::from(a & 3) << 11 | usize::from(b) << 3 | usize::from(c >> 5);
    Some(bytes).filter(|&bytes| bytes > 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_without_a_mark_are_known_by_two_frames() {
        // 128 kbit/s at 44.1 kHz, with padding.
        assert_eq!(mp3_frame(&[0xff, 0xfb, 0x92, 0]), Some(418));
        assert_eq!(mp3_frame(&[0xff, 0xf3, 0x40, 0]), Some(72 * 32 * 1000 / 22_050));
        let mut stream = vec![0; 1000];
        stream[..4].copy_from_slice(&[0xff, 0xfb, 0x92, 0]);
        assert_eq!(Content::of_head(&stream), Content::Other);
        stream[418..422].copy_from_slice(&[0xff, 0xfb, 0x90, 0]);
        assert_eq!(Content::of_head(&stream), Content::Audio);
        let adts = [0xff, 0xf1, 0x50, 0x80, 0x01, 0x3f, 0xfc, 0, 0, 0xff, 0xf1, 0x50, 0x80, 0x01, 0x3f, 0xfc];
        assert_eq!(adts_frame(&adts), Some(9));
        assert_eq!(Content::of_head(&adts), Content::Audio);
        // A text in UTF-16, and bytes that are all ones.
        assert_eq!(Content::of_head(&[0xff, 0xfe, b'a', 0, b'b', 0]), Content::Other);
        assert_eq!(Content::of_head(&[0xff; 1000]), Content::Other);
    }

    #[test]
    fn a_mark_says_what_a_file_is() {
        for (head, content) in [
            (&b"RIFF\0\0\0\0WAVEfmt "[..], Content::Audio),
            (b"RIFF\0\0\0\0AVI LIST", Content::Other),
            (b"\0\0\0\x20ftypM4A \0\0", Content::Audio),
            (b"\0\0\0\x20ftypqt  \0\0", Content::Audio),
            (b"\0\0\0\x20ftypheic\0\0", Content::Other),
            (b"ID3\x04", Content::Audio),
            (b"ID", Content::Other),
            (b"", Content::Other),
        ] {
            assert_eq!(Content::of_head(head), content, "{head:?}");
        }
    }
}
