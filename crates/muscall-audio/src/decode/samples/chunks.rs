//! Chunks with a name and a size.

use crate::stretch::Stretch;
use std::io::{self, Read, Seek, SeekFrom};

/// Most chunks that are looked at.
pub(super) const MOST: usize = 4096;

/// Bytes of a file from a place on, None where it ends before.
pub(super) fn read<const N: usize>(file: &mut Stretch, at: u64) -> io::Result<Option<[u8; N]>> {
    let mut bytes = [0; N];
    // Some systems refuse to look far behind the end.
    if at >= file.len() {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(at))?;
    match file.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// The start of a chunk's content, at most so many bytes.
pub(super) fn content(file: &mut Stretch, at: u64, length: u64, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.take(length.min(most)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Where the chunk behind one starts. Chunks have an even length, but some writers forget the byte that fills them up.
pub(super) fn behind(file: &mut Stretch, at: u64, size: u64) -> io::Result<u64> {
    const COMMON: [&[u8; 4]; 7] = [b"data", b"fmt ", b"fact", b"LIST", b"bext", b"COMM", b"SSND"];
    let end = at.saturating_add(size);
    let is_forgotten = size % 2 == 1 && read::<4>(file, end)?.is_some_and(|name| COMMON.contains(&&name));
    Ok(end + if is_forgotten { 0 } else { size % 2 })
}
