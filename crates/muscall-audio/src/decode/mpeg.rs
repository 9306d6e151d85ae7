//! Frames of MPEG audio, layer 3: what their headers say, and whether a file holds streams of several kinds.

use std::io::{self, Read, Seek, SeekFrom};

use super::id3::id3_bytes;
use crate::stretch::Stretch;

/// Read at each of a few places: as much as three frames take at most.
const WINDOW: u64 = 1 << 13;
/// Places that are looked at.
const PLACES: u64 = 8;

/// What all frames of one stream have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    /// In Hz.
    pub(crate) rate: u32,
    pub(crate) channels: u16,
}

/// The kind of a frame with this header, and how many bytes it takes.
///
/// # Source
/// ISO/IEC 11172-3, 2.4.1.3, and 13818-3 for the lower rates.
pub(crate) fn frame(head: &[u8]) -> Option<(Kind, usize)> {
    const KBPS_1: [usize; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    const KBPS_2: [usize; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    let &[0xff, version, rates, mode, ..] = head else { return None };
    if version & 0xe6 != 0xe2 {
        return None;
    }
    let (kbps, slots, divisor) = match version >> 3 & 3 {
        3 => (KBPS_1, 144, 1),
        2 => (KBPS_2, 72, 2),
        0 => (KBPS_2, 72, 4),
        _ => return None,
    };
    let kbps = *kbps.get(usize::from(rates >> 4)).filter(|&&kbps| kbps > 0)?;
    let hz = *[44_100, 48_000, 32_000].get(usize::from(rates >> 2 & 3))? / divisor;
    let kind = Kind { rate: hz as u32, channels: if mode >> 6 == 3 { 1 } else { 2 } };
    Some((kind, slots * 1000 * kbps / hz + usize::from(rates >> 1 & 1)))
}

/// Where the music starts.
fn behind_id3(file: &mut Stretch) -> io::Result<u64> {
    let mut at = 0_u64;
    loop {
        let mut head = Vec::new();
        file.seek(SeekFrom::Start(at))?;
        file.take(10).read_to_end(&mut head)?;
        match id3_bytes(&head).and_then(|bytes| at.checked_add(bytes)) {
            Some(next) => at = next,
            None => return Ok(at),
        }
    }
}

/// Whether much more follows than the first frame of a stream declares for all of it. Goes back to the start.
///
/// # Source
/// The header that Xing's encoder wrote first: its letters, which fields there are, then frames and bytes.
pub(super) fn is_followed(file: &mut Stretch, bytes: u64) -> io::Result<bool> {
    /// More than tags take, unless they have pictures.
    const SLACK: u64 = 1 << 16;
    let start = behind_id3(file)?;
    let mut head = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.take(64).read_to_end(&mut head)?;
    file.rewind()?;
    let Some(at) = head.windows(4).position(|name| name == b"Xing" || name == b"Info") else { return Ok(false) };
    let four =
        |at: usize| head.get(at..).and_then(|four| four.first_chunk()).map_or(0, |four| u32::from_be_bytes(*four));
    let flags = four(at + 4);
    let declared = if flags & 2 != 0 { four(at + 8 + if flags & 1 != 0 { 4 } else { 0 }) } else { 0 };
    Ok(declared > 0 && bytes > start.saturating_add(u64::from(declared)).saturating_add(SLACK))
}

/// Whether frames here and there are of another kind than `first`. Goes back to the start.
pub(super) fn is_mixed(file: &mut Stretch, bytes: u64, first: Kind) -> io::Result<bool> {
    let mut window = Vec::new();
    for place in 1..=PLACES {
        let from = (bytes / PLACES * place).min(bytes.saturating_sub(WINDOW));
        window.clear();
        file.seek(SeekFrom::Start(from))?;
        file.take(WINDOW).read_to_end(&mut window)?;
        // Two headers that point at each other, and a third behind them, are no chance.
        let found = (0..window.len()).find_map(|at| {
            let (kind, length) = frame(&window[at..])?;
            let (second, more) = frame(window.get(at + length..)?)?;
            let (third, _) = frame(window.get(at + length + more..)?)?;
            (kind == second && kind == third && kind != first).then_some(kind)
        });
        if found.is_some() {
            file.rewind()?;
            return Ok(true);
        }
    }
    file.rewind()?;
    Ok(false)
}
