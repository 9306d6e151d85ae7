//! Where pages of an Ogg stream are lost or damaged.
//!
//! Symphonia 0.6.1 takes the first page behind a hole for the one that was to come, so that its packets get the time of the
//! lost ones, and only those of the next page are late.

use std::io;

use super::super::bytes::Bytes;
use super::checksum::{HEAD, is_sound};
use super::page::PAGE;

/// Looked through at a time.
const STEP: usize = 1 << 13;

/// The first packets behind a hole: all that end on one page.
#[derive(Debug, PartialEq)]
pub(in crate::decode) struct Hole {
    /// Number of the first of them, of those that a reader gives.
    pub(in crate::decode) packet: u64,
    /// Bytes of that one.
    pub(in crate::decode) bytes: usize,
    pub(in crate::decode) packets: usize,
    /// Where the last of them ends, in ticks.
    pub(in crate::decode) end: i64,
}

/// Reads a whole file, of which the first packets of the stream are `headers`.
pub(in crate::decode) fn holes(file: &mut Bytes, serial: u32, headers: u64) -> io::Result<Vec<Hole>> {
    let mut found = Vec::new();
    let mut stream = Stream { sequence: None, partial: None, is_behind_hole: false, packets: 0 };
    let mut at = 0;
    while let Some((start, length)) = page(file, at)? {
        let bytes = file.get(start, length)?;
        if bytes[14..18] == serial.to_le_bytes() {
            found.extend(stream.page(bytes).filter(|hole| hole.packet >= headers));
        }
        at = start + length as u64;
    }
    found.iter_mut().for_each(|hole| hole.packet -= headers);
    Ok(found)
}

/// The place and the length of the first sound page from a place on.
fn page(file: &mut Bytes, mut from: u64) -> io::Result<Option<(u64, usize)>> {
    loop {
        let bytes = file.get(from, STEP)?;
        let is_last = bytes.len() < STEP;
        let Some(at) = bytes.windows(PAGE.len()).position(|start| start == PAGE) else {
            if is_last {
                return Ok(None);
            }
            from += (STEP - PAGE.len()) as u64;
            continue;
        };
        from += at as u64;
        let head = file.get(from, HEAD)?;
        let Some(&segments) = head.get(HEAD - 1) else { return Ok(None) };
        let head = HEAD + usize::from(segments);
        let lacing = file.get(from, head)?.get(HEAD..).unwrap_or_default();
        let length = head + lacing.iter().map(|&length| usize::from(length)).sum::<usize>();
        if is_sound(file.get(from, length)?, length) {
            return Ok(Some((from, length)));
        }
        from += 1;
    }
}

/// The packets of a stream, as symphonia puts them together.
struct Stream {
    /// Number of the last page.
    sequence: Option<u32>,
    /// Bytes of a packet that goes on on the next page.
    partial: Option<usize>,
    is_behind_hole: bool,
    /// That have ended.
    packets: u64,
}

impl Stream {
    fn page(&mut self, bytes: &[u8]) -> Option<Hole> {
        let end = bytes.get(6..14)?.first_chunk().map(|end| i64::from_le_bytes(*end))?;
        let sequence = bytes.get(18..22)?.first_chunk().map(|number| u32::from_le_bytes(*number))?;
        let is_continued = bytes[5] & 1 == 1;
        let lacing = bytes.get(HEAD..HEAD + usize::from(bytes[HEAD - 1]))?;
        let is_next = self.sequence.replace(sequence).is_none_or(|last| sequence == last.wrapping_add(1));
        self.is_behind_hole |= !is_next;
        if !is_next || !is_continued {
            self.partial = None;
        }
        let is_headless = is_continued && self.partial.is_none();
        let mut lengths = Vec::new();
        let mut length = self.partial.take().unwrap_or(0);
        for &segment in lacing {
            length += usize::from(segment);
            if segment < 255 {
                lengths.push(std::mem::take(&mut length));
            }
        }
        if lacing.last() == Some(&255) && !(is_headless && lengths.is_empty()) {
            self.partial = Some(length);
        }
        // Of the first one the start is lost.
        let lengths = &lengths[usize::from(is_headless).min(lengths.len())..];
        let &first = lengths.first()?;
        let packet = self.packets;
        self.packets += lengths.len() as u64;
        let is_behind_hole = std::mem::take(&mut self.is_behind_hole);
        is_behind_hole.then_some(Hole { packet, bytes: first, packets: lengths.len(), end })
    }
}
