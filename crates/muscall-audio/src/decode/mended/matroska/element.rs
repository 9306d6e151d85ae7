//! One element of EBML: an identity, a size, and a content.

use std::io;

use super::super::super::bytes::Bytes;
use super::super::patch::Patch;
use super::ids::{ATTACHMENTS, CHAPTERS, CLUSTER, CRC, CUES, INFO, SEEK_HEAD, TAGS, TRACKS, VOID};

/// Longest head.
const HEAD: usize = 12;

/// Where an element is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element {
    pub(super) id: u64,
    pub(super) at: u64,
    pub(super) content: u64,
    /// Of its content; None if its writer did not know.
    pub(super) size: Option<u64>,
    /// Bytes of the size itself.
    width: usize,
}

impl Element {
    pub(super) fn end(&self) -> Option<u64> {
        self.size.and_then(|size| self.content.checked_add(size))
    }

    /// Whether it is one of those that a segment holds.
    pub(super) fn is_top(&self) -> bool {
        let kinds = [CLUSTER, SEEK_HEAD, INFO, TRACKS, CUES, ATTACHMENTS, CHAPTERS, TAGS, VOID, CRC];
        kinds.contains(&self.id) && (self.size.is_some() || self.id == CLUSTER)
    }

    /// Another size in the place of its own, unknown if there is no room for it.
    pub(super) fn resized(&self, size: u64) -> Patch {
        let bytes = sized(size, self.width).unwrap_or_else(|| unknown(self.width));
        Patch::new(self.content - self.width as u64, bytes)
    }
}

/// A size in so many bytes, if it has room there.
fn sized(size: u64, width: usize) -> Option<Vec<u8>> {
    let has_room = width <= 8 && size < (1 << (7 * width)) - 1;
    has_room.then(|| (size | 1 << (7 * width)).to_be_bytes()[8 - width..].to_vec())
}

fn unknown(width: usize) -> Vec<u8> {
    let ones: u64 = (1 << (7 * width + 1)) - 1;
    ones.to_be_bytes()[8 - width..].to_vec()
}

/// An element that holds nothing, from one place to another.
pub(super) fn void(from: u64, to: u64) -> Option<Patch> {
    let length = to.checked_sub(from)?.checked_sub(1)?;
    let size = (1..=8).find_map(|width| sized(length.checked_sub(width as u64)?, width))?;
    Some(Patch::new(from, [&[0xec], &size[..]].concat()))
}

/// The element at a place before `end`; None where there is none.
pub(super) fn element(file: &mut Bytes, at: u64, end: u64) -> io::Result<Option<Element>> {
    let length = HEAD.min(usize::try_from(end.saturating_sub(at)).unwrap_or(HEAD));
    let head = file.get(at, length)?;
    Ok(parse(head).map(|(id, size, first, width)| Element {
        id,
        at,
        content: at + (first + width) as u64,
        size,
        width,
    }))
}

/// Elements one behind the other that fill a content to its end.
pub(super) fn elements(mut content: &[u8]) -> Option<Vec<(u64, &[u8])>> {
    let mut found = Vec::new();
    while !content.is_empty() {
        let (id, size, first, width) = parse(content)?;
        let end = usize::try_from(size?).ok()?.checked_add(first + width)?;
        found.push((id, content.get(first + width..end)?));
        content = &content[end..];
    }
    Some(found)
}

/// Identity, size, and how many bytes each of them takes.
fn parse(head: &[u8]) -> Option<(u64, Option<u64>, usize, usize)> {
    let (id, first) = number(head).filter(|&(_, first)| first <= 4)?;
    let (size, width) = number(&head[first..])?;
    let size = unsigned(size, width);
    Some((id, (size != (1 << (7 * width)) - 1).then_some(size), first, width))
}

/// A number and how many bytes it takes, which is one more than the zeros that it starts with.
pub(super) fn number(bytes: &[u8]) -> Option<(u64, usize)> {
    let width = bytes.first()?.leading_zeros() as usize + 1;
    let bytes = bytes.get(..width).filter(|_| width <= 8)?;
    Some((bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)), width))
}

/// A number without the bit that tells how long it is.
pub(super) fn unsigned(number: u64, width: usize) -> u64 {
    number & ((1 << (7 * width)) - 1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_nothing_has_every_length() {
        for length in (2..400).chain([16_383, 16_384, 16_385, 2_097_153, 1 << 40]) {
            let bytes = void(10, 10 + length).unwrap().bytes;
            let (id, size, first, width) = parse(&bytes).unwrap();
            assert_eq!((id, size.unwrap() + (first + width) as u64), (VOID, length));
        }
        assert_eq!([void(5, 5), void(5, 6), void(5, 4)], [const { None }; 3]);
    }

    #[test]
    fn a_size_keeps_its_width() {
        let at = |width: usize| Element { id: CLUSTER, at: 0, content: 4 + width as u64, size: None, width };
        assert_eq!(at(8).resized(5), Patch::new(4, [1, 0, 0, 0, 0, 0, 0, 5]));
        assert_eq!(at(2).resized(300), Patch::new(4, [0x41, 0x2c]));
        assert_eq!(at(1).resized(300), Patch::new(4, [0xff]));
        assert_eq!(at(2).resized(127 << 7 | 127), Patch::new(4, [0x7f, 0xff]));
    }
}
