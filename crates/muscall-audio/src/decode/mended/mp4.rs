//! The boxes of an MP4 that breaks off, or is damaged between or within its fragments.

use std::io;

use super::super::bytes::Bytes;
use super::fragment::{self, Run};
use super::patch::Patch;

/// Most boxes that are looked at. A file that was recorded in pieces has a pair for each.
const MOST_BOXES: usize = 1 << 17;
/// Most bytes of the description of a piece.
const MOST_BYTES: u64 = 1 << 22;
/// Looked through at a time.
const STEP: usize = 1 << 16;
/// Most tracks that are looked at.
const MOST_TRACKS: usize = 16;
/// Bytes of a head that tell of what kind it is: with the head of its first child.
const HEAD: usize = 16;

/// How the boxes of a file are shown, and what is known to be missing.
#[derive(Debug, Default)]
pub(in crate::decode) struct Mended {
    pub(in crate::decode) patches: Vec<Patch>,
    /// Bytes that the last box should have had.
    pub(in crate::decode) missing: Option<u64>,
    /// What a file without an index lacks; it can't be read.
    pub(in crate::decode) lacks: Option<&'static str>,
    pub(in crate::decode) late: Vec<Late>,
    /// Of a file in fragments, the ticks of the longest track that are there.
    pub(in crate::decode) ticks: Option<u64>,
}

/// Fragments before this one are lost, so that it is later than its reader believes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decode) struct Late {
    pub(in crate::decode) track: u32,
    /// Where the reader believes that it starts, in ticks.
    pub(in crate::decode) at: i64,
    /// All ticks that are lost before it.
    pub(in crate::decode) ticks: i64,
}

/// Boxes that stand beside each other in a file; other letters are no box, but something else.
const KINDS: [&[u8; 4]; 16] = [
    b"ftyp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"udta", b"uuid", b"meta", b"sidx", b"styp",
    b"mfra", b"emsg", b"prft", b"ssix",
];

/// Nothing is changed in what is no MP4, or is sound.
pub(in crate::decode) fn mend(file: &mut Bytes) -> io::Result<Mended> {
    let end = file.end;
    let is_mp4 = file.get(0, 8)?.ends_with(b"ftyp");
    if !is_mp4 {
        return Ok(Mended::default());
    }
    let mut boxes = Boxes { file, end, found: Mended::default(), index: None, usual: None, is_picture: false };
    let pieces = boxes.walk()?;
    let Boxes { mut found, index, usual, is_picture, .. } = boxes;
    if index.is_none() && !is_picture {
        found.lacks = Some("its index (the box `moov`), which is at the end of such a file");
    }
    if let Some(tracks) = &usual {
        let of = |track: u32| {
            let runs = pieces.iter().flatten().flatten().filter(|run| run.track == track);
            runs.fold(0_u64, |ticks, run| ticks.saturating_add(run.ticks))
        };
        found.ticks = tracks.iter().take(MOST_TRACKS).map(|(track, _)| of(*track)).max();
    }
    if pieces.iter().any(Option::is_none) {
        found.late = late(&pieces, usual.unwrap_or_default().len());
    }
    Ok(found)
}

/// A head of a box.
struct Head {
    kind: [u8; 4],
    /// Of itself.
    header: u64,
    /// With it.
    size: u64,
}

/// The fragments of a file in their order; None is a damaged one.
type Pieces = Vec<Option<Vec<Run>>>;

struct Boxes<'a> {
    file: &'a mut Bytes,
    end: u64,
    found: Mended,
    /// Where the content of `moov` starts and ends.
    index: Option<(u64, u64)>,
    /// What samples last by default, of a file in fragments.
    usual: Option<Vec<(u32, u32)>>,
    /// A picture has no `moov`.
    is_picture: bool,
}

impl Boxes<'_> {
    fn walk(&mut self) -> io::Result<Pieces> {
        let (mut at, mut pieces) = (0, Pieces::new());
        for _ in 0..MOST_BOXES {
            if self.end.saturating_sub(at) < 8 {
                break;
            }
            let next = match self.head(at)? {
                Some(head) if at.saturating_add(head.size) <= self.end => {
                    self.look(at, &head, &mut pieces)?;
                    at + head.size
                }
                // Behind the index of a file in one piece come only packets.
                Some(head) if head.kind == *b"mdat" && self.index.is_some() && self.usual.is_none() => {
                    self.clip(at, &head);
                    self.end
                }
                head => {
                    pieces.push(None);
                    self.behind(at, head.as_ref())?
                }
            };
            at = next;
        }
        Ok(pieces)
    }

    fn head(&mut self, at: u64) -> io::Result<Option<Head>> {
        let bytes = self.file.get(at, HEAD)?;
        let Some(&[a, b, c, d, e, f, g, h]) = bytes.first_chunk::<8>() else { return Ok(None) };
        let kind = [e, f, g, h];
        let long = bytes.get(8..16).and_then(|size| size.first_chunk()).map(|size| u64::from_be_bytes(*size));
        let (size, header) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (self.end - at, 8),
            1 => (long.unwrap_or(0), 16),
            size => (u64::from(size), 8),
        };
        let is_name = kind.iter().all(|&letter| matches!(letter, 0x20..=0x7e | 0xa9));
        Ok((is_name && size >= header).then_some(Head { kind, header, size }))
    }

    /// Looks at a box that is all there.
    fn look(&mut self, at: u64, head: &Head, pieces: &mut Pieces) -> io::Result<()> {
        let content = at + head.header;
        match &head.kind {
            b"moov" => {
                self.index = Some((content, at + head.size));
                self.usual = self.defaults()?;
            }
            b"meta" => self.is_picture = true,
            b"moof" => {
                let length = (head.size - head.header).min(MOST_BYTES) as usize;
                let usual = self.usual.as_deref().unwrap_or_default();
                let runs = fragment::runs(self.file.get(content, length)?, usual);
                if runs.is_none() {
                    self.found.patches.push(Patch::new(at + 4, *b"free"));
                }
                pieces.push(runs);
            }
            // Its name may be what is damaged.
            kind if self.usual.is_some() && !KINDS.contains(&kind) => pieces.push(None),
            _ => {}
        }
        Ok(())
    }

    /// Of each track, what its samples last in fragments; None of a file without any.
    fn defaults(&mut self) -> io::Result<Option<Vec<(u32, u32)>>> {
        let Some((at, end)) = self.index else { return Ok(None) };
        let (mut at, mut found) = (at, None);
        while end - at >= 8 {
            let Some(head) = self.head(at)?.filter(|head| head.size <= end - at) else { break };
            if head.kind == *b"mvex" {
                let length = (head.size - head.header).min(MOST_BYTES) as usize;
                let content = self.file.get(at + head.header, length)?;
                let boxes = fragment::children(content).unwrap_or_default();
                let four = |bytes: &[u8], at: usize| {
                    bytes.get(at..).and_then(|four| four.first_chunk()).map_or(0, |four| u32::from_be_bytes(*four))
                };
                let tracks = boxes.iter().filter(|(kind, _)| kind == b"trex");
                found = Some(tracks.map(|(_, content)| (four(content, 4), four(content, 12))).collect());
            }
            at += head.size;
        }
        Ok(found)
    }

    /// Steps over what is no box, or one that claims more than there is.
    fn behind(&mut self, at: u64, head: Option<&Head>) -> io::Result<u64> {
        let next = self.search(at + 8)?;
        match (head, next) {
            (Some(head), None) if head.kind == *b"mdat" => {
                self.clip(at, head);
                return Ok(self.end);
            }
            (Some(head), None) if KINDS.contains(&&head.kind) => self.found.missing = Some(head.size - (self.end - at)),
            _ => {}
        }
        let next = next.unwrap_or(self.end);
        let is_media = head.is_some_and(|head| head.kind == *b"mdat" && head.header == 8);
        let kind = if is_media { *b"mdat" } else { *b"free" };
        // What is too long for the number reaches to the end.
        let size = u32::try_from(next - at).unwrap_or(0);
        self.found.patches.push(Patch::new(at, [size.to_be_bytes(), kind].concat()));
        Ok(next)
    }

    /// Lets the last box end with the file.
    fn clip(&mut self, at: u64, head: &Head) {
        let left = self.end - at;
        self.found.missing = Some(head.size - left);
        self.found.patches.push(match head.header {
            16 => Patch::new(at + 8, left.to_be_bytes()),
            _ => Patch::new(at, u32::try_from(left).unwrap_or(0).to_be_bytes()),
        });
    }

    /// The next box that begins a fragment, or the index, from a place on.
    fn search(&mut self, mut from: u64) -> io::Result<Option<u64>> {
        loop {
            let bytes = self.file.get(from, STEP)?;
            let is_last = bytes.len() < STEP;
            let begins =
                |window: &[u8]| matches!((&window[4..8], &window[12..16]), (b"moof", b"mfhd") | (b"moov", b"mvhd"));
            let found: Vec<u64> =
                (from..).zip(bytes.windows(HEAD)).filter(|(_, window)| begins(window)).map(|(at, _)| at).collect();
            for at in found {
                if self.head(at)?.is_some_and(|head| head.size <= self.end - at) {
                    return Ok(Some(at));
                }
            }
            if is_last {
                return Ok(None);
            }
            from += (STEP - HEAD + 1) as u64;
        }
    }
}

/// What is late behind lost pieces. A reader that steps over them lets the next one follow at once.
fn late(pieces: &Pieces, tracks: usize) -> Vec<Late> {
    /// Of a track: its number, where a reader is, what its clock shows there more, and what is lost.
    struct Clock {
        track: u32,
        at: u64,
        base: Option<u64>,
        lost: u64,
    }
    let mut clocks: Vec<Clock> = Vec::new();
    let (mut found, mut has_lost) = (Vec::new(), false);
    for piece in pieces {
        let Some(runs) = piece else {
            has_lost = true;
            continue;
        };
        for run in runs {
            let known = clocks.iter().position(|clock| clock.track == run.track);
            let place = known.unwrap_or_else(|| {
                // If the first piece is lost, time starts at 0, as it mostly does.
                clocks.push(Clock {
                    track: run.track,
                    at: 0,
                    base: if has_lost { Some(0) } else { run.start },
                    lost: 0,
                });
                clocks.len() - 1
            });
            if clocks.len() > tracks.max(1) {
                return Vec::new();
            }
            let clock = &mut clocks[place];
            if let (Some(start), Some(base), true) = (run.start, clock.base, has_lost) {
                let lost = start.saturating_sub(base).saturating_sub(clock.at);
                if lost > clock.lost {
                    clock.lost = lost;
                    let number = |ticks: u64| i64::try_from(ticks).unwrap_or(i64::MAX);
                    found.push(Late { track: run.track, at: number(clock.at), ticks: number(lost) });
                }
            }
            clock.at = clock.at.saturating_add(run.ticks);
        }
    }
    found
}
