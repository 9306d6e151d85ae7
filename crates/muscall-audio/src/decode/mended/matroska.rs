//! The elements of a Matroska or WebM file that breaks off, or is damaged somewhere.
//!
//! # Source
//! RFC 8794 (EBML) and RFC 9559 (Matroska).

mod element;
mod ids;

use std::io;

use self::element::{Element, element, elements, number, unsigned, void};
use self::ids::{
    ATTACHMENTS, BLOCK, CHAPTERS, CLUSTER, CRC, CUES, GROUP, HEADER, INFO, SEEK_HEAD, SEGMENT, SIMPLE_BLOCK, TAGS,
    TIME, TRACKS, VOID,
};
use super::super::bytes::Bytes;
use super::patch::Patch;

/// Of a cluster: how far it is, how long the one before is, and tracks without sound.
const SMALL: [u64; 4] = [TIME, 0xa7, 0xab, 0x5854];

/// Most bytes of a description that are read.
const MOST_BYTES: u64 = 1 << 20;
/// Most damaged places that are mended; behind them a file ends.
const MOST_PATCHES: usize = 1 << 14;
/// Looked through at a time.
const STEP: usize = 1 << 16;

/// Goes through a file ahead of its reader, and gives what makes no sense the form of an element that readers step over.
pub(in crate::decode) struct Walk {
    file: Bytes,
    /// Where the segment ends, or the file.
    end: u64,
    /// Up to here all is known.
    pub(in crate::decode) at: u64,
    tracks: Vec<u64>,
    pub(in crate::decode) patches: Vec<Patch>,
    /// Bytes that are missing at the end.
    pub(in crate::decode) missing: Option<u64>,
    /// Length by the header, in seconds.
    pub(in crate::decode) length_s: Option<f64>,
    /// Whether tags were left out.
    pub(in crate::decode) has_bad_tags: bool,
}

impl Walk {
    /// Reads what comes before the first cluster; None of what is no Matroska, or is damaged before its tracks.
    pub(in crate::decode) fn new(mut file: Bytes) -> io::Result<Option<Self>> {
        let end = file.end;
        let Some(header) = element(&mut file, 0, end)?.filter(|header| header.id == HEADER) else { return Ok(None) };
        let Some(at) = header.end() else { return Ok(None) };
        let Some(segment) = element(&mut file, at, end)?.filter(|segment| segment.id == SEGMENT) else {
            return Ok(None);
        };
        let mut walk = Self {
            file,
            end,
            at: segment.content,
            tracks: Vec::new(),
            patches: Vec::new(),
            missing: None,
            length_s: None,
            has_bad_tags: false,
        };
        if let Some(claimed) = segment.end() {
            if claimed > end {
                walk.missing = Some(claimed - end);
                walk.patches.push(segment.resized(end - segment.content));
            }
            walk.end = claimed.min(end);
        }
        walk.describe(segment.content)?;
        walk.patches.sort_by_key(|patch| patch.at);
        Ok((!walk.tracks.is_empty()).then_some(walk))
    }

    /// Up to the first cluster.
    fn describe(&mut self, segment: u64) -> io::Result<()> {
        let mut index = None;
        while let Some(found) = element(&mut self.file, self.at, self.end)? {
            let Some(next) = found.end().filter(|&next| next <= self.end && found.is_top() && found.id != CLUSTER)
            else {
                break;
            };
            let content = self.content(&found)?;
            match found.id {
                SEEK_HEAD => index = Some((found, content)),
                INFO => self.length_s = length(&content),
                TRACKS => self.tracks = tracks(&content),
                TAGS if !are_sound(&content) => self.leave_out(found.at, next, true),
                _ => {}
            }
            self.at = next;
        }
        let Some((index, content)) = index else { return Ok(()) };
        let list = places(&content);
        let (mut is_sound, mut has_bad_tags) = (self.missing.is_none() && list.is_some(), false);
        for (id, place) in list.unwrap_or_default() {
            let at = segment.saturating_add(place);
            let there = element(&mut self.file, at.min(self.end), self.end)?;
            let there = there.filter(|there| there.id == id && there.end().is_some_and(|end| end <= self.end));
            let is_there = match &there {
                Some(found) if id == TAGS => are_sound(&self.content(found)?),
                // These can be elsewhere, and a reader finds them.
                found => found.is_some() || ![TAGS, CUES, INFO, TRACKS, ATTACHMENTS, CHAPTERS].contains(&id),
            };
            has_bad_tags |= id == TAGS && !is_there;
            is_sound &= is_there;
        }
        if !is_sound {
            // Without it a reader looks for nothing else than what comes in turn.
            self.leave_out(index.at, index.end().unwrap_or(index.at), has_bad_tags && self.missing.is_none());
        }
        Ok(())
    }

    fn content(&mut self, found: &Element) -> io::Result<Vec<u8>> {
        let length = found.size.unwrap_or(0).min(MOST_BYTES);
        let is_wanted = [SEEK_HEAD, INFO, TRACKS, TAGS].contains(&found.id);
        Ok(if is_wanted { self.file.get(found.content, length as usize)?.to_vec() } else { Vec::new() })
    }

    /// Mends all that lies before a place.
    pub(in crate::decode) fn up_to(&mut self, to: u64) -> io::Result<()> {
        while self.at < to.min(self.end) {
            if self.patches.len() >= MOST_PATCHES {
                self.leave_out(self.at, self.end, false);
                self.at = self.end;
                return Ok(());
            }
            match element(&mut self.file, self.at, self.end)?.filter(Element::is_top) {
                Some(cluster) if cluster.id == CLUSTER => self.cluster(&cluster)?,
                Some(other) if other.end().is_some_and(|end| end <= self.end) => {
                    self.at = other.end().unwrap_or(self.end)
                }
                _ => {
                    let next = self.search(self.at + 1, self.end, true, false)?;
                    self.leave_out(self.at, next, false);
                    self.at = next;
                }
            }
        }
        Ok(())
    }

    fn cluster(&mut self, cluster: &Element) -> io::Result<()> {
        let claimed = cluster.end();
        let is_known = match claimed {
            Some(end) => end == self.end || end < self.end && self.begins(end)?,
            None => false,
        };
        let end = if is_known { claimed.unwrap_or(self.end) } else { self.end };
        let found = self.children(cluster.content, end, !is_known)?;
        if let (Some(claimed), false) = (claimed, is_known) {
            if claimed > self.end && found == self.end {
                self.missing.get_or_insert(claimed - self.end);
            }
            let resized = cluster.resized(found - cluster.content);
            let place = self.patches.partition_point(|patch| patch.at < cluster.at);
            self.patches.insert(place, resized);
        }
        self.at = found;
        Ok(())
    }

    /// Goes through the children of a cluster; gives where they end. `is_open`: at the next cluster, which may come before.
    fn children(&mut self, mut at: u64, end: u64, is_open: bool) -> io::Result<u64> {
        while at < end && self.patches.len() < MOST_PATCHES {
            if is_open && self.begins(at)? {
                return Ok(at);
            }
            at = match self.child(at, end)? {
                Some((next, _)) => next,
                None => {
                    let next = self.search(at + 1, end, is_open, true)?;
                    self.leave_out(at, next, false);
                    next
                }
            };
        }
        Ok(end)
    }

    /// Whether the next cluster, or something beside clusters, begins at a place.
    fn begins(&mut self, at: u64) -> io::Result<bool> {
        let Some(found) = element(&mut self.file, at, self.end)?.filter(Element::is_top) else { return Ok(false) };
        if [VOID, CRC].contains(&found.id) {
            return Ok(false);
        }
        if found.id != CLUSTER {
            return Ok(found.end().is_some_and(|end| end <= self.end));
        }
        let first = element(&mut self.file, found.content, self.end)?;
        Ok(first.is_some_and(|first| [VOID, CRC].contains(&first.id) || SMALL.contains(&first.id)))
    }

    /// Where the child of a cluster ends, and whether it is a block; None if it is none.
    fn child(&mut self, at: u64, end: u64) -> io::Result<Option<(u64, bool)>> {
        let Some(found) = element(&mut self.file, at, end)? else { return Ok(None) };
        let (Some(next), Some(size)) = (found.end().filter(|&next| next <= end), found.size) else { return Ok(None) };
        let is_block = match found.id {
            SIMPLE_BLOCK => self.is_block(found.content, size)?,
            GROUP => self.is_group(found.content, next)?,
            VOID | CRC => return Ok(Some((next, false))),
            id if SMALL.contains(&id) && size <= 64 => return Ok(Some((next, false))),
            _ => false,
        };
        Ok(is_block.then_some((next, true)))
    }

    fn is_block(&mut self, at: u64, size: u64) -> io::Result<bool> {
        let track = number(self.file.get(at, 8.min(size as usize))?);
        Ok(track
            .is_some_and(|(track, width)| size >= width as u64 + 3 && self.tracks.contains(&unsigned(track, width))))
    }

    /// Whether a group has a block, and nothing else than elements.
    fn is_group(&mut self, mut at: u64, end: u64) -> io::Result<bool> {
        let mut has_block = false;
        while at < end {
            let Some(found) = element(&mut self.file, at, end)? else { return Ok(false) };
            let (Some(next), Some(size)) = (found.end().filter(|&next| next <= end), found.size) else {
                return Ok(false);
            };
            has_block |= found.id == BLOCK && self.is_block(found.content, size)?;
            at = next;
        }
        Ok(has_block)
    }

    /// The first place from one on where a cluster begins, or blocks follow one another; `end` if there is none.
    fn search(&mut self, mut from: u64, end: u64, is_open: bool, has_blocks: bool) -> io::Result<u64> {
        while from < end {
            let length = STEP.min((end - from) as usize);
            let bytes = self.file.get(from, length)?;
            let is_start = |four: &[u8]| match four {
                [0xa3 | 0xa0, ..] | [0xe7, 0x81..=0x88, ..] => has_blocks,
                [0x1f, 0x43, 0xb6, 0x75] | [0x1c, 0x53, 0xbb, 0x6b] | [0x12, 0x54, 0xc3, 0x67] => is_open,
                _ => false,
            };
            let places: Vec<u64> =
                (from..).zip(bytes.windows(4)).filter(|(_, four)| is_start(four)).map(|(at, _)| at).collect();
            for at in places {
                if is_open && self.begins(at)? {
                    return Ok(at);
                }
                if let (true, Some((next, _))) = (has_blocks, self.child(at, end)?) {
                    // One alone may be there by chance.
                    let is_time = self.file.get(at, 1)? == [TIME as u8];
                    let is_confirmed = next == end && !is_time
                        || self.child(next, end)?.is_some_and(|(_, is_block)| is_block)
                        || is_open && self.begins(next)?;
                    if is_confirmed {
                        return Ok(at);
                    }
                }
            }
            if length < STEP {
                break;
            }
            from += (length - 3) as u64;
        }
        Ok(end)
    }

    /// Lets a reader step over what lies between two places.
    fn leave_out(&mut self, from: u64, to: u64, has_bad_tags: bool) {
        self.has_bad_tags |= has_bad_tags;
        self.patches.extend(void(from, to));
    }
}

/// Length of the whole by the segment's description, in seconds.
fn length(info: &[u8]) -> Option<f64> {
    let (mut scale, mut length) = (1e6, None);
    for (id, content) in elements(info)? {
        match (id, content.len()) {
            (0x2a_d7b1, 1..=8) => scale = content.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)) as f64,
            (0x4489, 4) => length = content.first_chunk().map(|bytes| f64::from(f32::from_be_bytes(*bytes))),
            (0x4489, 8) => length = content.first_chunk().map(|bytes| f64::from_be_bytes(*bytes)),
            _ => {}
        }
    }
    length.map(|length| length * scale / 1e9).filter(|length| length.is_finite() && (0.0..1e7).contains(length))
}

/// The numbers of all tracks.
fn tracks(content: &[u8]) -> Vec<u64> {
    let entries = elements(content).unwrap_or_default().into_iter().filter(|(id, _)| *id == 0xae);
    let fields = entries.filter_map(|(_, entry)| elements(entry));
    let numbers = fields.flatten().filter(|(id, number)| *id == 0xd7 && number.len() <= 8);
    numbers.map(|(_, number)| number.iter().fold(0, |value, &byte| value << 8 | u64::from(byte))).collect()
}

/// What a list of places names, and where that is, from the segment on; None of a list that is damaged.
fn places(content: &[u8]) -> Option<Vec<(u64, u64)>> {
    const SEEK: u64 = 0x4dbb;
    let whole = |bytes: &[u8]| bytes.iter().take(8).fold(0, |value, &byte| value << 8 | u64::from(byte));
    let seeks = elements(content)?.into_iter().filter(|(id, _)| ![VOID, CRC].contains(id));
    seeks
        .map(|(id, seek)| {
            let fields = elements(seek).filter(|_| id == SEEK)?;
            let field = |id: u64| fields.iter().find(|(found, _)| *found == id).map(|(_, bytes)| whole(bytes));
            Some((field(0x53ab)?, field(0x53ac)?))
        })
        .collect()
}

/// Whether tags hold elements, and these hold elements, all of which are known.
fn are_sound(tags: &[u8]) -> bool {
    const TAG: u64 = 0x7373;
    const TARGETS: u64 = 0x63c0;
    const SIMPLE: u64 = 0x67c8;
    fn is_sound(content: &[u8], depth: usize) -> bool {
        let Some(fields) = elements(content) else { return false };
        fields.iter().all(|(id, content)| match *id {
            TAG | TARGETS | SIMPLE => depth > 0 && is_sound(content, depth - 1),
            0x45a3 | 0x4487 | 0x447a | 0x63ca => str::from_utf8(content).is_ok(),
            VOID | CRC | 0x4484 | 0x4485 | 0x447b | 0x44b4 | 0x68ca | 0x63c5 | 0x63c9 | 0x63c4 | 0x63c6 => true,
            _ => false,
        })
    }
    tags.len() as u64 >= MOST_BYTES || is_sound(tags, 16)
}
