//! Which frames of an MP4's audio are heard: encoders put frames before it and behind it, and the container says how many.
//!
//! symphonia steps over edit lists, so that what it decodes starts a block or two early.

use std::io::{self, Read, Seek, SeekFrom};

/// The boxes that hold what is looked for.
const PARENTS: [&[u8; 4]; 10] =
    [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"udta", b"meta", b"ilst", b"----"];
/// Most boxes that are looked at. A file that was recorded in pieces has a pair for each, all of them behind the `moov`.
const MOST_BOXES: usize = 1 << 16;
/// Most bytes of a box that are read.
const MOST_BYTES: u64 = 4096;
/// Longest that an encoder's delay is believed to be, in seconds.
const MAX_DELAY_S: u64 = 1;

/// The frames of a stream that are heard; all of them by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) start: u64,
    /// `u64::MAX` where nobody says.
    pub(super) frames: u64,
}

impl Default for Heard {
    fn default() -> Self {
        Self { start: 0, frames: u64::MAX }
    }
}

impl Heard {
    /// How many of `frames` are heard.
    pub(super) fn of(self, frames: u64) -> u64 {
        frames.saturating_sub(self.start).min(self.frames)
    }
}

/// What the boxes of the first audio track of a file say.
#[derive(Debug, Default)]
pub(super) struct Edits {
    movie_rate: u64,
    track: Track,
    is_audio: bool,
    /// Delay, padding and length by iTunes, in frames.
    comment: Option<[u64; 3]>,
}

#[derive(Debug, Default)]
struct Track {
    /// Of the ticks below.
    rate: u64,
    ticks: u64,
    /// Edits but for those of nothing: length, in ticks of the movie, and start.
    edits: Vec<(u64, u64)>,
    is_audio: bool,
    /// The letters of its codec.
    codec: Option<[u8; 4]>,
}

impl Edits {
    /// Looks for the edit list and for the comment `iTunSMPB`; finds nothing in what is no MP4 or is damaged.
    pub(super) fn read(file: &mut (impl Read + Seek), bytes: u64) -> io::Result<Self> {
        let mut found = Self::default();
        let mut boxes = Boxes { file, left: MOST_BOXES };
        if boxes.starts_like_mp4(bytes)? {
            boxes.walk(0, bytes, &mut found)?;
        }
        Ok(found)
    }

    /// The letters of the codec of the first audio track.
    pub(super) fn codec(&self) -> Option<[u8; 4]> {
        self.track.codec.filter(|_| self.is_audio)
    }

    /// What they mean at a rate. Without any, or if the audio is put together from several pieces, all of it is heard.
    pub(super) fn heard(&self, sample_rate: u32) -> Heard {
        self.one(sample_rate).unwrap_or_default()
    }

    fn one(&self, sample_rate: u32) -> Option<Heard> {
        let Track { rate, ticks, ref edits, .. } = self.track;
        let frames =
            |ticks: u64| (u128::from(ticks) * u128::from(sample_rate) + u128::from(rate) / 2) / u128::from(rate);
        let frames = |ticks: u64| u64::try_from(frames(ticks)).ok();
        if !self.is_audio || rate == 0 {
            return None;
        }
        let is_delay = |start: u64| (1..=MAX_DELAY_S.saturating_mul(u64::from(sample_rate))).contains(&start);
        if let &[(length, start)] = edits.as_slice()
            && is_delay(frames(start)?)
        {
            let left = ticks.saturating_sub(start);
            // The movie's clock may tick more slowly than the audio's. An end is believed where that explains what it
            // leaves out, or where it leaves out more.
            let tick = rate.div_ceil(self.movie_rate.max(1)) + 1;
            let length = u128::from(length) * u128::from(rate) / u128::from(self.movie_rate.max(1));
            let length = u64::try_from(length).ok()?;
            let end = match (length, left) {
                (0, 0) => None,
                (0, _) => Some(left),
                (_, 0) => Some(length),
                _ if length.saturating_add(tick) >= left => Some(left),
                _ => Some(length),
            };
            return Some(Heard { start: frames(start)?, frames: end.map_or(Some(u64::MAX), frames)? });
        }
        let [delay, _, length] = self.comment?;
        (edits.len() < 2 && is_delay(delay) && length > 0).then_some(Heard { start: delay, frames: length })
    }
}

/// The boxes of a file.
struct Boxes<'a, F> {
    file: &'a mut F,
    left: usize,
}

impl<F: Read + Seek> Boxes<'_, F> {
    fn starts_like_mp4(&mut self, bytes: u64) -> io::Result<bool> {
        let mut head = [0; 8];
        if bytes < 16 {
            return Ok(false);
        }
        self.file.rewind()?;
        self.file.read_exact(&mut head)?;
        Ok(head.ends_with(b"ftyp"))
    }

    /// Goes through boxes from `at` to `end`, and stops behind the one of the movie.
    fn walk(&mut self, mut at: u64, end: u64, found: &mut Edits) -> io::Result<()> {
        while at.saturating_add(8) <= end && self.left > 0 {
            self.left -= 1;
            let mut head = [0; 16];
            let known = (end - at).min(16) as usize;
            self.file.seek(SeekFrom::Start(at))?;
            self.file.read_exact(&mut head[..known])?;
            let [_, _, _, _, a, b, c, d, ..] = head;
            let kind = [a, b, c, d];
            let (size, header) = match number(&head[..4]) {
                0 => (end - at, 8),
                1 if known == 16 => (number(&head[8..]), 16),
                size => (size, 8),
            };
            let Some(next) = at.checked_add(size).filter(|&next| size >= header && next <= end) else {
                return Ok(());
            };
            self.look(&kind, at + header, next, found)?;
            if kind == *b"moov" {
                return Ok(());
            }
            at = next;
        }
        Ok(())
    }

    /// Looks at one box, whose content lies from `at` to `end`.
    fn look(&mut self, kind: &[u8; 4], at: u64, end: u64, found: &mut Edits) -> io::Result<()> {
        if PARENTS.contains(&kind) {
            // The first audio track stays.
            let is_known = found.is_audio && [b"trak", b"mdia", b"minf", b"stbl", b"edts"].contains(&kind);
            if is_known {
                return Ok(());
            }
            if kind == b"trak" {
                found.track = Track::default();
            }
            // As a full box it starts with 4 bytes of its own.
            let skip = if kind == b"meta" { 4 } else { 0 };
            self.walk((at + skip).min(end), end, found)?;
            if kind == b"trak" {
                found.is_audio = found.track.is_audio;
            }
            return Ok(());
        }
        if ![b"mvhd", b"mdhd", b"elst", b"hdlr", b"data", b"stsd"].contains(&kind) {
            return Ok(());
        }
        let mut bytes = vec![0; (end - at).min(MOST_BYTES) as usize];
        self.file.seek(SeekFrom::Start(at))?;
        self.file.read_exact(&mut bytes)?;
        let is_long = bytes.first() == Some(&1);
        // Two times come first.
        let clock = if is_long { (20, 8) } else { (12, 4) };
        match kind {
            b"mvhd" => found.movie_rate = field(&bytes, clock.0, 4),
            b"mdhd" => {
                found.track.rate = field(&bytes, clock.0, 4);
                found.track.ticks = field(&bytes, clock.0 + 4, clock.1);
                // All ones: unknown.
                if found.track.ticks == u64::MAX >> (64 - 8 * clock.1) {
                    found.track.ticks = 0;
                }
            }
            // A count, then the first entry with its size.
            b"stsd" => found.track.codec = bytes.get(12..16).and_then(|letters| letters.first_chunk()).copied(),
            b"hdlr" => found.track.is_audio |= bytes.get(8..12) == Some(b"soun"),
            b"elst" => {
                let width = clock.1;
                let entries = bytes.get(8..).unwrap_or_default().chunks_exact(2 * width + 4);
                let nothing = u64::MAX >> (64 - 8 * width);
                let edits = entries.take(field(&bytes, 4, 4) as usize);
                let edits = edits.map(|entry| (field(entry, 0, width), field(entry, width, width)));
                found.track.edits.extend(edits.filter(|&(_, start)| start != nothing));
            }
            _ => found.comment = found.comment.or_else(|| comment(bytes.get(8..)?)),
        }
        Ok(())
    }
}

/// What iTunes writes: ` 00000000 00000840 000001CA 00000000003F31F6`, and more numbers.
fn comment(text: &[u8]) -> Option<[u64; 3]> {
    let text = str::from_utf8(text).ok()?.strip_prefix(" 00000000 ")?;
    let mut fields = text.split(' ');
    let mut next = |digits: usize| {
        let field = fields.next().filter(|field| field.len() == digits)?;
        u64::from_str_radix(field, 16).ok()
    };
    Some([next(8)?, next(8)?, next(16)?])
}

/// A number of a box, 0 where the box is too short for it.
fn field(bytes: &[u8], at: usize, width: usize) -> u64 {
    bytes.get(at..at + width).map_or(0, number)
}

/// Big-endian.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32 + 8).to_be_bytes()[..], kind, content].concat()
    }

    fn clock(rate: u32, ticks: u32) -> Vec<u8> {
        [&[0; 12][..], &rate.to_be_bytes(), &ticks.to_be_bytes(), &[0; 8]].concat()
    }

    fn list(edits: &[(u32, u32)]) -> Vec<u8> {
        let entries = edits.iter().flat_map(|&(length, start)| [length, start, 1 << 16]).flat_map(u32::to_be_bytes);
        boxed(
            b"edts",
            &boxed(b"elst", &[0, 0, 0, 0, 0, 0, 0, edits.len() as u8].into_iter().chain(entries).collect::<Vec<_>>()),
        )
    }

    fn track(kind: &[u8; 4], (rate, ticks): (u32, u32), edits: &[u8]) -> Vec<u8> {
        let handler = [&[0; 8][..], kind, &[0; 12]].concat();
        let media = [boxed(b"mdhd", &clock(rate, ticks)), boxed(b"hdlr", &handler)].concat();
        boxed(b"trak", &[edits, &boxed(b"mdia", &media)].concat())
    }

    fn file(tracks: &[Vec<u8>], more: &[u8]) -> Vec<u8> {
        let movie = [&boxed(b"mvhd", &clock(1000, 12_000))[..], &tracks.concat(), more].concat();
        let start = boxed(b"ftyp", b"M4A \0\0\0\0");
        // Behind the movie is nothing of ours.
        [start, boxed(b"mdat", &[0xff; 99]), boxed(b"moov", &movie), boxed(b"moof", &[0; 50])].concat()
    }

    fn smpb(text: &str) -> Vec<u8> {
        let data = boxed(b"data", &[&[0, 0, 0, 1, 0, 0, 0, 0], text.as_bytes()].concat());
        let comment = boxed(b"----", &[boxed(b"name", b"\0\0\0\0iTunSMPB"), data].concat());
        boxed(b"udta", &boxed(b"meta", &[&[0; 4][..], &boxed(b"ilst", &comment)].concat()))
    }

    fn heard(bytes: &[u8]) -> Heard {
        Edits::read(&mut Cursor::new(bytes), bytes.len() as u64).unwrap().heard(44_100)
    }

    #[test]
    fn edit_lists_and_comments_say_what_is_heard() {
        let all = Heard::default();
        let part = |start, frames| Heard { start, frames };
        let clock = (44_100, 530_224);
        let itunes = smpb(" 00000000 00000840 000001CA 000000000007F000 00000000 00000000");
        for (tracks, more, expected) in [
            // As ffmpeg writes it: the movie ticks in milliseconds, the media knows the end to the frame.
            (vec![track(b"soun", clock, &list(&[(12_000, 1024)]))], vec![], part(1024, 529_200)),
            // An edit that ends earlier, one that ends later, and one of unknown length.
            (vec![track(b"soun", clock, &list(&[(11_000, 1024)]))], vec![], part(1024, 485_100)),
            (vec![track(b"soun", clock, &list(&[(13_000, 1024)]))], vec![], part(1024, 529_200)),
            (vec![track(b"soun", clock, &list(&[(0, 1024)]))], vec![], part(1024, 529_200)),
            (vec![track(b"soun", (44_100, 0), &list(&[(0, 1024)]))], vec![], part(1024, u64::MAX)),
            // Silence before the first edit is not put there.
            (vec![track(b"soun", clock, &list(&[(500, u32::MAX), (12_000, 1024)]))], vec![], part(1024, 529_200)),
            // Other ticks than frames.
            (vec![track(b"soun", (22_050, 265_112), &list(&[(12_000, 512)]))], vec![], part(1024, 529_200)),
            // Nothing is cut, several pieces, a piece of the middle.
            (vec![track(b"soun", clock, &list(&[(12_000, 0)]))], vec![], all),
            (vec![track(b"soun", clock, &list(&[(1000, 1024), (1000, 90_000)]))], vec![], all),
            (vec![track(b"soun", clock, &list(&[(1000, 88_200)]))], vec![], all),
            // iTunes.
            (vec![track(b"soun", clock, &[])], itunes.clone(), part(2112, 0x7f000)),
            (vec![track(b"soun", clock, &list(&[(12_000, 0)]))], itunes.clone(), part(2112, 0x7f000)),
            (vec![track(b"soun", clock, &[])], smpb(" 00000000 0000084"), all),
            // The first audio track is the one.
            (
                vec![
                    track(b"vide", (600, 7200), &list(&[(12_000, 20)])),
                    track(b"soun", clock, &list(&[(12_000, 1024)])),
                ],
                vec![],
                part(1024, 529_200),
            ),
            (
                vec![track(b"soun", clock, &list(&[(12_000, 1024)])), track(b"soun", clock, &list(&[(12_000, 2048)]))],
                vec![],
                part(1024, 529_200),
            ),
        ] {
            assert_eq!(heard(&file(&tracks, &more)), expected);
        }
        assert_eq!((part(1024, 500).of(600), part(1024, 500).of(1100), part(1024, 500).of(9999)), (0, 76, 500));
    }

    #[test]
    fn a_file_that_breaks_off_or_lies_is_heard_as_a_whole_or_as_it_says() {
        let sound = file(&[track(b"soun", (44_100, 530_224), &list(&[(12_000, 1024)]))], &[]);
        let whole = heard(&sound);
        for length in 0..sound.len() {
            let found = heard(&sound[..length]);
            assert!(found == whole || found == Heard::default(), "{length}: {found:?}");
        }
        for at in 0..sound.len() {
            for byte in [0, 1, 0xff] {
                let mut changed = sound.clone();
                changed[at] = byte;
                heard(&changed);
            }
        }
    }
}
