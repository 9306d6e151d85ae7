//! WAV, RF64, which is WAV with sizes of 64 bits, and Sony's Wave64.

use crate::stretch::Stretch;
use std::io;

use super::chunks::{self, behind, content, read};
use super::plain::{Kind, Samples};

/// Placeholder sizes, left by writers to a pipe who could not come back: 0, or close to 2 or 4 GiB.
const UNKNOWN: [std::ops::RangeInclusive<u64>; 3] = [0..=0, 0x7fff_f000..=0x7fff_ffff, 0xffff_f000..=0xffff_ffff];
/// The rest of a format's number where it has 16 bytes.
pub(super) const NUMBERED: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];
/// What follows the four letters of most of Wave64's names.
const NAMED: [u8; 12] = [0xf3, 0xac, 0xd3, 0x11, 0x8c, 0xd1, 0, 0xc0, 0x4f, 0x8e, 0xdb, 0x8a];
/// Most bytes of a format that are looked at.
const MOST: u64 = 40;

/// WAV and RF64.
pub(super) fn wave(file: &mut Stretch, bytes: u64) -> io::Result<Option<Samples>> {
    if read::<4>(file, 8)? != Some(*b"WAVE") {
        return Ok(None);
    }
    let (mut at, mut format, mut long) = (12, None, None);
    for _ in 0..chunks::MOST {
        let Some([a, b, c, d, size @ ..]) = read::<8>(file, at)? else { break };
        let size = u64::from(u32::from_le_bytes(size));
        at += 8;
        match &[a, b, c, d] {
            b"fmt " => format = parse(&content(file, at, size, MOST)?),
            // The sizes of all, and of the samples.
            b"ds64" => {
                long = read::<16>(file, at)?.and_then(|sizes| sizes.last_chunk().copied().map(u64::from_le_bytes))
            }
            b"data" => {
                let left = bytes.saturating_sub(at);
                let size = long.filter(|_| size == u64::from(u32::MAX)).unwrap_or(size);
                let is_unknown = size > left || size == 0;
                let claimed = (!is_unknown || !UNKNOWN.iter().any(|sizes| sizes.contains(&size))).then_some(size);
                return Ok(format.map(|format: Samples| format.within(at, claimed, bytes)));
            }
            _ => {}
        }
        at = behind(file, at, size)?;
    }
    Ok(None)
}

/// Wave64, whose sizes count the chunk's head of 24 bytes, and whose chunks start at multiples of 8.
pub(super) fn wave64(file: &mut Stretch, bytes: u64) -> io::Result<Option<Samples>> {
    let (mut at, mut format) = (24 + 16, None);
    if read::<16>(file, 24)?.is_none_or(|name| !name.starts_with(b"wave") || !name.ends_with(&NAMED)) {
        return Ok(None);
    }
    for _ in 0..chunks::MOST {
        let Some(head) = read::<24>(file, at)? else { break };
        let size = head.last_chunk().map_or(0, |size| u64::from_le_bytes(*size));
        let is_known = head[4..16] == NAMED;
        match &head[..4] {
            b"fmt " if is_known => format = parse(&content(file, at + 24, size.saturating_sub(24), MOST)?),
            b"data" if is_known => {
                let claimed = size.checked_sub(24).filter(|&size| size > 0 && size < u64::MAX / 2);
                return Ok(format.map(|format: Samples| format.within(at + 24, claimed, bytes)));
            }
            _ => {}
        }
        let Some(next) = at.checked_add(size.max(24)).and_then(|next| next.checked_next_multiple_of(8)) else { break };
        at = next;
    }
    Ok(None)
}

/// What a format chunk says, if it is one of plain samples.
fn parse(format: &[u8]) -> Option<Samples> {
    let two = |at: usize| format.get(at..at + 2).map(|two| u16::from_le_bytes([two[0], two[1]]));
    let (tag, channels, bits) = (two(0)?, two(2)?, two(14)?);
    let rate = u32::from(two(6)?) << 16 | u32::from(two(4)?);
    let tag = match tag {
        0xfffe if format.get(26..40)? == NUMBERED => two(24)?,
        tag => tag,
    };
    let kind = match (tag, bits) {
        (1, 1..=8) => Kind::Unsigned,
        (1, 9..=32) => Kind::Signed,
        (3, 32 | 64) => Kind::Float,
        (6, 8) => Kind::ALaw,
        (7, 8) => Kind::MuLaw,
        _ => return None,
    };
    let bytes = u64::from(bits.div_ceil(8));
    // Samples with room around them are left to their own reader.
    if two(12)? != 0 && u64::from(two(12)?) != bytes * u64::from(channels) {
        return None;
    }
    Some(Samples { kind, bytes, is_big_endian: false, channels, rate, at: 0, length: 0, declared: 0 })
}
