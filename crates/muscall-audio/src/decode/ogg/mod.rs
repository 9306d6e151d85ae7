//! What the pages of an Ogg file tell: whether it holds streams one after the other, where pages are lost, and whether the
//! end is there.

mod checksum;
pub(super) mod comments;
mod holes;
mod page;

use crate::stretch::Stretch;
use std::io::{self, Read, Seek, SeekFrom};

use self::checksum::is_sound;
pub(super) use self::holes::{Hole, holes};
use self::page::PAGE;

/// A page is at most so long, and the last one ends the file.
const MOST_BYTES: u64 = 65_307;
/// Encoders end a page at some 4 KiB. This is done for each clip of a training, so that little is read.
const WINDOW: u64 = 1 << 13;
/// Places that are looked at.
const PLACES: u64 = 8;

/// What a page says of its stream: its number, and how far it is.
#[derive(Clone, Copy)]
struct Page {
    serial: u32,
    granule: i64,
    /// Whether it ends its stream, and is all there.
    is_end: bool,
}

/// What a few pages tell of a file.
#[derive(Clone, Copy)]
pub(super) struct Outline {
    /// Whether another stream seems to follow the first one.
    pub(super) is_chained: bool,
    /// Whether the last page is the last one of its stream; also of what is no Ogg.
    pub(super) has_end: bool,
}

/// Another stream seems to follow the first one where pages here and there belong to another one, or go back in time. Of
/// two streams of one number, a short one at the start goes unnoticed. Goes back to the start.
pub(super) fn outline(file: &mut Stretch, bytes: u64) -> io::Result<Outline> {
    let mut window = Vec::new();
    let mut page = |from: u64, length: u64, find: fn(&[u8]) -> Option<Page>| -> io::Result<Option<Page>> {
        window.clear();
        file.seek(SeekFrom::Start(from))?;
        file.take(length).read_to_end(&mut window)?;
        Ok(find(&window))
    };
    let Some(first) = page(0, 64, |bytes| bytes.starts_with(PAGE).then(|| first_page(bytes)).flatten())? else {
        file.rewind()?;
        return Ok(Outline { is_chained: false, has_end: true });
    };
    let end = match page(bytes.saturating_sub(WINDOW), WINDOW, last_page)? {
        None => page(bytes.saturating_sub(MOST_BYTES), MOST_BYTES, last_page)?,
        found => found,
    };
    let mut is_chained = end.is_some_and(|end| end.serial != first.serial);
    let mut granule = first.granule;
    for place in 1..=PLACES {
        if is_chained {
            break;
        }
        let found = if place == PLACES { end } else { page(bytes / PLACES * place, WINDOW, first_page)? };
        let Some(found) = found else { continue };
        // A page in which no packet ends has no time.
        let is_earlier = found.granule >= 0 && found.granule < granule;
        is_chained = found.serial != first.serial || is_earlier;
        granule = granule.max(found.granule);
    }
    file.rewind()?;
    Ok(Outline { is_chained, has_end: end.is_some_and(|end| end.is_end) })
}

fn first_page(bytes: &[u8]) -> Option<Page> {
    bytes.windows(PAGE.len()).position(|start| start == PAGE).and_then(|at| read(bytes, at))
}

fn last_page(bytes: &[u8]) -> Option<Page> {
    bytes.windows(PAGE.len()).rposition(|start| start == PAGE).and_then(|at| read(bytes, at))
}

fn read(bytes: &[u8], at: usize) -> Option<Page> {
    let granule = i64::from_le_bytes(bytes.get(at + 6..at + 14)?.try_into().ok()?);
    let serial = u32::from_le_bytes(bytes.get(at + 14..at + 18)?.try_into().ok()?);
    let lacing = bytes.get(at + 27..at + 27 + usize::from(*bytes.get(at + 26)?)).unwrap_or_default();
    let length = 27 + lacing.len() + lacing.iter().map(|&length| usize::from(length)).sum::<usize>();
    let is_end = bytes[at + 5] & 4 != 0 && bytes.get(at..at + length).is_some_and(|page| is_sound(page, length));
    Some(Page { serial, granule, is_end })
}
