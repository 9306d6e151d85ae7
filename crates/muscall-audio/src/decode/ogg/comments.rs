//! Comments in front of a stream that are damaged: without them no reader finds the music behind them.
//!
//! # Source
//! RFC 3533 for pages, RFC 7845 for Opus, the specification of Vorbis I (sections 4.2 and 5) for its comments, RFC 9639 for FLAC's.

use std::io;

use super::super::bytes::Bytes;
use super::super::mended::Patch;
use super::checksum::{HEAD, correct, is_sound, seal};
use super::page::PAGE;

/// Most pages that comments take: 16 MB with a picture.
const MOST_PAGES: usize = 256;

/// How damaged comments are shown.
#[derive(Debug, PartialEq)]
pub(in crate::decode) struct Comments {
    pub(in crate::decode) patches: Vec<Patch>,
    /// Whether one wrong byte explained a wrong checksum, so that all is as it was written.
    pub(in crate::decode) is_restored: bool,
}

/// A page with bytes of the comments.
struct Page {
    at: u64,
    bytes: Vec<u8>,
    /// Which of its bytes are comments.
    from: usize,
    to: usize,
    is_sound: bool,
}

/// What stands around the comments of a codec: letters in front of them, and how many bytes behind.
struct Frame {
    start: &'static [u8],
    behind: &'static [u8],
    /// Whether FLAC's comments are the last block before the music.
    is_last: bool,
}

/// None if the comments are sound, or nothing is known to be done.
pub(in crate::decode) fn mend(file: &mut Bytes) -> io::Result<Option<Comments>> {
    let Some(first) = page(file, 0)? else { return Ok(None) };
    let content = &first[HEAD + usize::from(first[HEAD - 1])..];
    let frame = if content.starts_with(b"\x01vorbis") {
        Frame { start: b"\x03vorbis", behind: &[1], is_last: false }
    } else if content.starts_with(b"OpusHead") {
        Frame { start: b"OpusTags", behind: &[], is_last: false }
    } else if content.starts_with(b"\x7fFLAC") {
        // The kind of a block, and its length. How many blocks there are is said at the start.
        Frame { start: &[], behind: &[], is_last: content.get(7..9) == Some(&[0, 1]) }
    } else {
        return Ok(None);
    };
    let serial = [first[14], first[15], first[16], first[17]];
    let Some(mut pages) = pages(file, first.len() as u64, serial)? else { return Ok(None) };
    let comments: Vec<u8> = pages.iter().flat_map(|page| &page.bytes[page.from..page.to]).copied().collect();
    let is_legible = frame.is_legible(&comments);
    if is_legible && pages.iter().all(|page| page.is_sound) {
        return Ok(None);
    }
    let mut is_restored = false;
    if let [page] = &mut pages[..]
        && !page.is_sound
    {
        let mut corrected = page.bytes.clone();
        if correct(&mut corrected).is_some() && frame.is_legible(&corrected[page.from..page.to]) {
            (page.bytes, is_restored) = (corrected, true);
        }
    }
    if !is_restored {
        let Some(empty) = frame.empty(&comments) else { return Ok(None) };
        let mut rest = &empty[..];
        for page in &mut pages {
            let (here, others) = rest.split_at(page.to - page.from);
            page.bytes[page.from..page.to].copy_from_slice(here);
            seal(&mut page.bytes);
            rest = others;
        }
    }
    let patches = pages.into_iter().map(|page| Patch::new(page.at, page.bytes)).collect();
    Ok(Some(Comments { patches, is_restored }))
}

/// The page that starts at a place, whatever its checksum is.
fn page(file: &mut Bytes, at: u64) -> io::Result<Option<Vec<u8>>> {
    let head = file.get(at, HEAD)?;
    let Some(segments) = head.get(HEAD - 1).filter(|_| head.starts_with(PAGE)).map(|&count| usize::from(count)) else {
        return Ok(None);
    };
    let lacing = file.get(at, HEAD + segments)?.get(HEAD..).unwrap_or_default();
    let length = HEAD + segments + lacing.iter().map(|&length| usize::from(length)).sum::<usize>();
    let bytes = file.get(at, length)?;
    Ok((bytes.len() == length).then(|| bytes.to_vec()))
}

/// The pages of the second packet of a stream; None if they do not follow one another.
fn pages(file: &mut Bytes, mut at: u64, serial: [u8; 4]) -> io::Result<Option<Vec<Page>>> {
    let mut found: Vec<Page> = Vec::new();
    for _ in 0..MOST_PAGES {
        let Some(bytes) = page(file, at)? else { return Ok(None) };
        let (start, length) = (at, bytes.len());
        at += length as u64;
        if bytes[14..18] != serial {
            continue;
        }
        let is_continued = bytes[5] & 1 == 1;
        if is_continued == found.is_empty() {
            return Ok(None);
        }
        let lacing = &bytes[HEAD..HEAD + usize::from(bytes[HEAD - 1])];
        let ends = lacing.iter().position(|&length| length < 255);
        let of_it = &lacing[..ends.map_or(lacing.len(), |last| last + 1)];
        let from = HEAD + lacing.len();
        let to = from + of_it.iter().map(|&length| usize::from(length)).sum::<usize>();
        let is_sound = is_sound(&bytes, length);
        found.push(Page { at: start, bytes, from, to, is_sound });
        if ends.is_some() {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

impl Frame {
    /// Where the comments themselves start: behind FLAC's head of a block, which has no letters.
    fn start(&self) -> usize {
        if self.start.is_empty() { 4 } else { self.start.len() }
    }

    /// Whether all texts lie within the packet.
    fn is_legible(&self, packet: &[u8]) -> bool {
        let is_block = |head: &[u8]| {
            head[0] & 0x7f == 4
                && head[1..4].iter().fold(0, |size, &byte| size << 8 | usize::from(byte)) == packet.len() - 4
        };
        let Some((start, mut rest)) = packet.split_at_checked(self.start()) else { return false };
        let is_framed = if self.start.is_empty() { is_block(start) } else { start == self.start };
        let mut text = || {
            let (length, behind) = rest.split_first_chunk()?;
            let (text, behind) = behind.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
            rest = behind;
            Some(text)
        };
        let Some(_) = text().filter(|_| is_framed) else { return false };
        let Some((count, behind)) = rest.split_first_chunk() else { return false };
        rest = behind;
        // Texts in other encodings, and a last bit that is missing, are common and keep nobody from reading on.
        (0..u32::from_le_bytes(*count)).all(|_| {
            let Some((length, behind)) = rest.split_first_chunk() else { return false };
            let length = u32::from_le_bytes(*length) as usize;
            rest = behind.get(length..).unwrap_or_default();
            length <= behind.len()
        })
    }

    /// As many bytes as a packet has, without comments; the name of the program that wrote it takes the room.
    fn empty(&self, packet: &[u8]) -> Option<Vec<u8>> {
        let name = packet.len().checked_sub(self.start() + 8 + self.behind.len())?;
        let start = match self.start {
            [] => {
                let size = u32::try_from(packet.len() - 4).ok().filter(|&size| size < 1 << 24)?;
                [&[if self.is_last { 0x84 } else { 4 }][..], &size.to_be_bytes()[1..]].concat()
            }
            start => start.to_vec(),
        };
        let length = u32::try_from(name).ok()?;
        Some([&start[..], &length.to_le_bytes(), &vec![b' '; name], &[0; 4], self.behind].concat())
    }
}
