//! Files whose numbers say where each frame belongs: from 0 up to the length that the file declares.

use std::io;

use super::finder::Finder;
use super::header::Header;
use super::layout::Layout;
use super::numbering::position;

/// Up to this length all frames are looked at, in bytes.
const WALKED: u64 = 1 << 20;
/// In a longer file the last frame is looked for in so many bytes, more than nearly all frames take.
const TAIL: u64 = 1 << 18;
/// And so many frames are looked at in between, at equal distances.
const PROBES: u64 = 16;
/// A search by halves ends at so many bytes, a few frames.
const NEAR: u64 = 1 << 15;

pub(super) struct Whole {
    /// Of all blocks but the last, where frames are numbered.
    block: u32,
    /// Of the last frame.
    last: u64,
}

/// A frame and where it belongs.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) at: u64,
    pub(super) header: Header,
    /// In samples.
    pub(super) position: u64,
}

impl Whole {
    /// None if numbers start late, start again, or do not end at the declared length: the file was cut, joined or
    /// truncated. In a long file a repetition that is shorter than the distance between two probes is not noticed.
    pub(super) fn check(finder: &mut Finder, layout: &Layout) -> io::Result<Option<Self>> {
        let Some(first) = finder.next()?.filter(|first| first.header.number == 0 && layout.total > 0) else {
            return Ok(None);
        };
        let (block, mut last) = (first.header.samples, Found { at: first.at, header: first.header, position: 0 });
        let goes_on = |last: &Found, header: &Header| {
            // Only the last of numbered blocks may have another length.
            let is_block = header.is_variable || last.header.samples == block && header.samples <= block;
            is_block && header.is_variable == first.header.is_variable && header.number > last.header.number
        };
        let length = finder.end().saturating_sub(layout.frames);
        if length > WALKED {
            for probe in 1..PROBES {
                finder.at = layout.frames + length / PROBES * probe;
                match finder.next()? {
                    // Within the last frame.
                    None => break,
                    Some(frame) if goes_on(&last, &frame.header) => {
                        last = Found { at: frame.at, header: frame.header, position: position(&frame.header, block) };
                    }
                    Some(_) => return Ok(None),
                }
            }
            finder.at = last.at.max(finder.end() - TAIL);
        }
        while let Some(frame) = finder.next()? {
            if frame.at == last.at {
                continue;
            }
            if !goes_on(&last, &frame.header) {
                return Ok(None);
            }
            last = Found { at: frame.at, header: frame.header, position: position(&frame.header, block) };
        }
        let end = last.position + u64::from(last.header.samples);
        Ok((end == layout.total && !finder.at_other_kind).then_some(Self { block, last: last.at }))
    }

    /// A frame near a sample, before it or the one that holds it; None if there is none or numbers contradict.
    pub(super) fn find(&self, finder: &mut Finder, layout: &Layout, sample: u64) -> io::Result<Option<Found>> {
        let (mut low, mut high) = (layout.frames, self.last);
        let mut best: Option<Found> = None;
        while high.saturating_sub(low) > NEAR {
            let middle = low + (high - low) / 2;
            finder.at = middle;
            let Some(frame) = finder.next()?.filter(|frame| frame.at < high) else {
                high = middle;
                continue;
            };
            let position = position(&frame.header, self.block);
            if best.is_some_and(|best| position <= best.position) {
                return Ok(None);
            }
            if position <= sample {
                low = frame.at;
                best = Some(Found { at: frame.at, header: frame.header, position });
            } else {
                high = middle;
            }
        }
        Ok(best)
    }
}
