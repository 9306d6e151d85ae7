//! Frames in the bytes of a file: a frame is what both of its checksums agree on.

use std::io;

use super::super::bytes::Bytes;
use super::header::{Format, Header, MOST_BYTES, crc16};
use super::layout::Layout;

/// Looked through at a time.
const STEP: usize = 1 << 13;
/// Headers within what seems to be one frame after which it counts as damaged: by chance hardly any frame has one.
const MOST_HEADERS: usize = 8;
/// What may follow the last frame of a file: another file, tags, and the zeros of a copy that stopped.
const MARKERS: [&[u8]; 5] = [b"fLaC", b"ID3", b"APETAGEX", b"TAG", &[0; 8]];

pub(super) struct Frame {
    /// Its first byte in the file.
    pub(super) at: u64,
    pub(super) header: Header,
    pub(super) data: Box<[u8]>,
    /// Whether bytes that belong to no frame stand before it.
    pub(super) after_damage: bool,
}

/// Goes from frame to frame.
pub(super) struct Finder {
    bytes: Bytes,
    format: Format,
    /// Where the next frame is looked for.
    pub(super) at: u64,
    /// Whether it has ended before another stream, of another kind.
    pub(super) at_other_kind: bool,
}

impl Finder {
    pub(super) fn new(bytes: Bytes, layout: &Layout) -> Self {
        Self { bytes, format: layout.format, at: layout.frames, at_other_kind: false }
    }

    /// Where the file ends.
    pub(super) fn end(&self) -> u64 {
        self.bytes.end
    }

    /// The next sound frame, over all that is none.
    pub(super) fn next(&mut self) -> io::Result<Option<Frame>> {
        let mut after_damage = false;
        // Files may have been joined, each with metadata of its own.
        while let Some(layout) = self.metadata()? {
            if layout.format != self.format {
                self.at_other_kind = true;
                return Ok(None);
            }
            self.at = layout.frames;
        }
        loop {
            let Some((at, header)) = self.header()? else { return Ok(None) };
            after_damage |= at > self.at;
            let Some(length) = self.length(at, &header)? else {
                self.at = at + 1;
                after_damage = true;
                continue;
            };
            self.at = at + length as u64;
            let data = self.bytes.get(at, length)?.into();
            return Ok(Some(Frame { at, header, data, after_damage }));
        }
    }

    fn metadata(&mut self) -> io::Result<Option<Layout>> {
        let start = self.bytes.get(self.at, 4)?;
        if start != b"fLaC" && !start.starts_with(b"ID3") {
            return Ok(None);
        }
        Layout::read(&mut self.bytes.file, self.at)
    }

    /// The first header from where it stands on, and its place.
    fn header(&mut self) -> io::Result<Option<(u64, Header)>> {
        let mut from = self.at;
        loop {
            let bytes = self.bytes.get(from, STEP)?;
            let is_last = bytes.len() < STEP;
            // A header at the end of a step is looked at in the next one.
            let step = if is_last { bytes.len() } else { STEP - MOST_BYTES };
            let found = syncs(bytes, 0, step).find_map(|at| Some((at, header(&bytes[at..], self.format)?)));
            match found {
                Some((at, header)) => return Ok(Some((from + at as u64, header))),
                None if is_last => return Ok(None),
                None => from += step as u64,
            }
        }
    }

    /// The length of the frame whose header stands at a place; None if it is damaged. It is only known from what
    /// follows: another header, a tag, or the end of the file.
    fn length(&mut self, at: u64, first: &Header) -> io::Result<Option<usize>> {
        let most = first.most_bytes(self.format);
        let (mut headers, mut from, mut sum, mut summed) = (0, first.bytes + 3, 0, 0);
        let mut step = STEP;
        loop {
            let bytes = self.bytes.get(at, step + MOST_BYTES)?;
            let is_last = bytes.len() < step + MOST_BYTES;
            let to = if is_last { bytes.len() } else { step };
            let mut ends_here = |end: usize| {
                let Some((frame, stored)) = bytes[..end].split_last_chunk::<2>() else { return false };
                sum = crc16(sum, &frame[summed..]);
                summed = frame.len();
                sum == u16::from_be_bytes(*stored)
            };
            for end in syncs(bytes, from, to) {
                if header(&bytes[end..], self.format).is_none() {
                    continue;
                }
                if ends_here(end) {
                    return Ok(Some(end));
                }
                headers += 1;
                if headers == MOST_HEADERS {
                    return Ok(before_a_marker(&bytes[..end]));
                }
            }
            if is_last && to > first.bytes + 3 && ends_here(to) {
                return Ok(Some(to));
            }
            if is_last || step >= most {
                return Ok(before_a_marker(bytes));
            }
            from = to.max(from);
            step = (2 * step).min(most.max(step + 1));
        }
    }
}

fn header(bytes: &[u8], format: Format) -> Option<Header> {
    Header::parse(bytes).filter(|header| header.fits(format))
}

/// Places of bytes with which a header may start.
fn syncs(bytes: &[u8], from: usize, to: usize) -> impl Iterator<Item = usize> {
    let stretch = bytes.get(from..to).unwrap_or_default();
    stretch.iter().enumerate().filter(|&(_, &byte)| byte == 0xff).map(move |(at, _)| from + at)
}

/// The length of a frame that something known follows.
fn before_a_marker(bytes: &[u8]) -> Option<usize> {
    let mut ends = (2..bytes.len()).filter(|&end| MARKERS.iter().any(|marker| bytes[end..].starts_with(marker)));
    let (mut sum, mut summed) = (0, 0);
    ends.find(|&end| {
        sum = crc16(sum, &bytes[summed..end - 2]);
        summed = end - 2;
        sum.to_be_bytes() == bytes[end - 2..end]
    })
}
