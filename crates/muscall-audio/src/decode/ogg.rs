//! Whether an Ogg file holds streams one after the other.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

const PAGE: &[u8] = b"OggS";
/// A page is at most so long, and the last one ends the file.
const MOST_BYTES: u64 = 65_307;

/// The number of the stream that the last page of a file belongs to; nothing if it is not Ogg, or has no such page.
/// Goes back to the start.
pub(super) fn last_serial(file: &mut File, bytes: u64) -> io::Result<Option<u32>> {
    let mut first = [0; 4];
    file.rewind()?;
    let is_ogg = file.read_exact(&mut first).is_ok() && first == *PAGE;
    file.rewind()?;
    if !is_ogg {
        return Ok(None);
    }
    let mut end = Vec::new();
    file.seek(SeekFrom::Start(bytes.saturating_sub(MOST_BYTES)))?;
    file.take(MOST_BYTES).read_to_end(&mut end)?;
    file.rewind()?;
    let last = end.windows(PAGE.len()).rposition(|four| four == PAGE);
    let serial = last.and_then(|at| end.get(at + 14..at + 18)).and_then(|four| four.try_into().ok());
    Ok(serial.map(u32::from_le_bytes))
}
