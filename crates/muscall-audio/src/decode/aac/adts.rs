//! ADTS: packets one behind the other, each with a header that says how long it is.

use crate::stretch::Stretch;
use std::io;

use symphonia::core::errors::Error;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use super::super::bytes::Bytes;
use super::super::id3::{APE_HEAD, ape_bytes, id3_bytes};
use super::{BLOCK, RATES, foreign};

/// Bytes of a header without checksum.
const HEADER: usize = 7;
/// Headers that have to follow one another where a packet is looked for.
const IN_A_ROW: usize = 3;
/// Looked through at a time.
const STEP: usize = 1 << 13;
/// What may follow the last packet of a file.
const MARKERS: [&[u8]; 4] = [b"ID3", b"APETAGEX", b"TAG", b"LYRICS"];
/// Least length of zeros that are no damaged packet, but the end of a copy.
const ZEROS: usize = 8;

/// What a header says.
#[derive(Clone, Copy)]
struct Header {
    /// All that is the same in every packet of a stream.
    stream: [u8; 3],
    /// Of itself, and of the packet with it.
    bytes: usize,
    length: usize,
}

impl Header {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let &[0xff, second, third, fourth, fifth, sixth, seventh, ..] = bytes else { return None };
        // One packet behind each header is all that anybody writes.
        let is_one = seventh & 3 == 0;
        let length = length(fourth, fifth, sixth);
        let header = if second & 1 == 1 { HEADER } else { HEADER + 2 };
        // The version and the private bit are left out.
        let stream = [second & 0xf7, third & 0xfd, fourth & 0xc0];
        let is_sound = second & 0xf6 == 0xf0 && is_one && length > header && usize::from(third >> 2 & 15) < RATES.len();
        is_sound.then_some(Self { stream, bytes: header, length })
    }
}

fn length(fourth: u8, fifth: u8, sixth: u8) -> usize {
    usize::from(fourth & 3) << 11 | usize::from(fifth) << 3 | usize::from(sixth >> 5)
}

fn is_off_by_a_bit(said: u64, length: u64) -> bool {
    (said ^ length).is_power_of_two()
}

/// A packet that was found.
struct Found {
    at: u64,
    header: Header,
    /// How many were lost before it.
    lost: u64,
}

/// The packets of a file, whose timestamps count samples: one that is late follows lost ones.
pub(in crate::decode) struct Frames {
    bytes: Bytes,
    /// The first packet.
    start: u64,
    stream: [u8; 3],
    at: u64,
    position: u64,
    /// Bytes of a packet, as the last ones had them; 0 before the first.
    usual: u64,
}

impl Frames {
    /// None if it does not begin with packets. `end` is where the file ends for its reader.
    pub(in crate::decode) fn open(file: Stretch, end: u64) -> io::Result<Option<Self>> {
        let mut frames = Self { bytes: Bytes::new(file, end), start: 0, stream: [0; 3], at: 0, position: 0, usual: 0 };
        while let Some(bytes) = frames.tag(frames.start)? {
            frames.start += bytes;
        }
        let first = Header::parse(frames.bytes.get(frames.start, HEADER)?);
        let Some((at, header)) = frames.first_in_a_row()?.or(first.map(|first| (frames.start, first))) else {
            return Ok(None);
        };
        frames.stream = header.stream;
        // What begins like a packet is one, if a damaged one; what doesn't is a rest of one before the file.
        if first.is_none() {
            frames.start = at;
        }
        frames.at = frames.start;
        Ok(Some(frames))
    }

    /// The first packets that agree with each other on what they are: the very first one may be damaged, or cut.
    fn first_in_a_row(&mut self) -> io::Result<Option<(u64, Header)>> {
        for at in self.start..self.start + STEP as u64 {
            let Some(header) = Header::parse(self.bytes.get(at, HEADER)?) else { continue };
            if let Some(header) = self.in_a_row(at, IN_A_ROW, header.stream)? {
                return Ok(Some((at, header)));
            }
        }
        Ok(None)
    }

    /// How long a tag is that begins at a place: between packets where files were joined, or in streams over the web.
    fn tag(&mut self, at: u64) -> io::Result<Option<u64>> {
        let head = self.bytes.get(at, APE_HEAD)?;
        Ok(id3_bytes(head).or_else(|| ape_bytes(head)))
    }

    /// The name of what it is, if that is not decoded.
    pub(in crate::decode) fn foreign(&self) -> Option<&'static str> {
        foreign(u32::from(self.stream[1] >> 6) + 1)
    }

    /// The next packet, of track 0.
    pub(in crate::decode) fn next_packet(&mut self) -> Result<Option<Packet>, Error> {
        while let Some(bytes) = self.tag(self.at)? {
            self.at += bytes;
        }
        let from = self.at;
        if self.is_other(from)? {
            return Err(Error::Unsupported("a stream of a different kind follows"));
        }
        let Some(Found { at, header, lost }) = self.find()? else { return Ok(self.lost_end(from)?) };
        self.position += lost * u64::from(BLOCK);
        let data = self.bytes.get(at, header.length)?[header.bytes..].into();
        self.at = at + header.length as u64;
        let length = header.length as u64;
        self.usual = if self.usual == 0 { length } else { (self.usual * 15 + length).div_ceil(16) };
        Ok(Some(self.packet(data, 1)))
    }

    /// The first packet again.
    pub(in crate::decode) fn rewind(&mut self) {
        (self.at, self.position, self.usual) = (self.start, 0, 0);
    }

    fn packet(&mut self, data: Box<[u8]>, count: u64) -> Packet {
        let timestamp = Timestamp::new(i64::try_from(self.position).unwrap_or(i64::MAX));
        let length = count * u64::from(BLOCK);
        self.position += length;
        Packet::new(0, timestamp, Duration::from(length), data)
    }

    /// The next packet, over all that is none.
    fn find(&mut self) -> io::Result<Option<Found>> {
        // What is followed by another one is sound.
        if let Some(header) = self.in_a_row(self.at, 2, self.stream)? {
            return Ok(Some(Found { at: self.at, header, lost: 0 }));
        }
        let bytes = self.bytes.get(self.at, HEADER)?;
        let here = Header::parse(bytes).filter(|header| header.stream == self.stream);
        let said = if let &[_, _, _, d, e, f, ..] = bytes { length(d, e, f) as u64 } else { 0 };
        let Some((at, header)) = self.search(self.at + 1)? else {
            let left = self.bytes.end.saturating_sub(self.at);
            let here = here.filter(|header| header.length as u64 <= left && !is_off_by_a_bit(said, left));
            return Ok(here.map(|header| Found { at: self.at, header, lost: 0 }));
        };
        if self.usual == 0 {
            self.usual = header.length as u64;
        }
        let distance = at - self.at;
        // Its length is right, or all but one bit of it: what is damaged is this packet and no other one.
        let lost = if said == distance || is_off_by_a_bit(said, distance) { 1 } else { self.lost(distance) };
        // Else it may be sound, and the one behind it is damaged.
        Ok(Some(match here {
            Some(header) if lost > 1 && header.length as u64 <= distance => Found { at: self.at, header, lost: 0 },
            _ => Found { at, header, lost },
        }))
    }

    /// The first place from one on where packets follow one another.
    fn search(&mut self, mut from: u64) -> io::Result<Option<(u64, Header)>> {
        loop {
            let bytes = self.bytes.get(from, STEP)?;
            let is_last = bytes.len() < STEP;
            let starts = bytes.windows(2).enumerate().filter(|(_, two)| two[0] == 0xff && two[1] & 0xf6 == 0xf0);
            let starts: Vec<usize> = starts.map(|(at, _)| at).collect();
            for at in starts {
                if let Some(header) = self.in_a_row(from + at as u64, IN_A_ROW, self.stream)? {
                    return Ok(Some((from + at as u64, header)));
                }
            }
            if is_last {
                return Ok(None);
            }
            from += STEP as u64 - 1;
        }
    }

    /// Whether packets of another stream stand at a place.
    fn is_other(&mut self, at: u64) -> io::Result<bool> {
        let Some(header) = Header::parse(self.bytes.get(at, HEADER)?) else { return Ok(false) };
        if header.stream == self.stream {
            return Ok(false);
        }
        // One alone may be a damaged header of this stream.
        let next = Header::parse(self.bytes.get(at + header.length as u64, HEADER)?);
        let is_same = next.is_some_and(|next| next.stream == header.stream);
        Ok(is_same && self.in_a_row(at, IN_A_ROW, header.stream)?.is_some())
    }

    /// The header at a place, if so many follow one another there or lead to the end of the packets.
    fn in_a_row(&mut self, at: u64, count: usize, stream: [u8; 3]) -> io::Result<Option<Header>> {
        let (mut next, mut first) = (at, None);
        for _ in 0..count {
            let header = Header::parse(self.bytes.get(next, HEADER)?).filter(|header| header.stream == stream);
            match (first, header) {
                (_, Some(header)) if next + header.length as u64 <= self.bytes.end => {
                    first = first.or(Some(header));
                    next += header.length as u64;
                }
                // The last packet may be cut off.
                (Some(_), Some(_)) => break,
                (Some(_), None) if self.is_end(next)? => break,
                _ => return Ok(None),
            }
        }
        Ok(first)
    }

    /// Whether nothing more is to come.
    fn is_end(&mut self, at: u64) -> io::Result<bool> {
        let rest = self.bytes.get(at, ZEROS)?;
        // A line's end or the like is shorter than any header.
        Ok(rest.len() < HEADER
            || rest.iter().all(|&byte| byte == 0)
            || MARKERS.iter().any(|marker| rest.starts_with(marker)))
    }

    /// How many packets so many bytes were, by those before.
    fn lost(&self, bytes: u64) -> u64 {
        match bytes {
            0 => 0,
            bytes => (bytes + self.usual / 2).checked_div(self.usual).unwrap_or(1).max(1),
        }
    }

    /// In the place of what stands at the end and is no packet, one without content.
    fn lost_end(&mut self, from: u64) -> io::Result<Option<Packet>> {
        let left = self.bytes.end.saturating_sub(from);
        self.at = self.bytes.end;
        if left == 0 || self.is_end(from)? {
            return Ok(None);
        }
        let head = self.bytes.get(from, HEADER)?;
        let is_headed = Header::parse(head).is_some_and(|header| header.stream == self.stream);
        // What is much shorter than a packet was none.
        if !is_headed && 2 * left < self.usual {
            return Ok(None);
        }
        let said = if let &[_, _, _, d, e, f, ..] = head { length(d, e, f) as u64 } else { 0 };
        let lost = if is_off_by_a_bit(said, left) { 1 } else { self.lost(left) };
        Ok(Some(self.packet(Box::default(), lost)))
    }
}
