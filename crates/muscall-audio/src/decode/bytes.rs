//! A file that is read in large pieces from any place.

use crate::stretch::Stretch;
use std::io::{self, Read, Seek, SeekFrom};

/// Read at a time, in sequence.
const PIECE: usize = 1 << 16;
/// Read first at another place, of which often no more is wanted.
const FIRST: usize = 1 << 14;

pub(super) struct Bytes {
    pub(super) file: Stretch,
    /// Where it ends for its reader, which may be before the file does.
    pub(super) end: u64,
    /// Of the file, from `at` on.
    buffer: Vec<u8>,
    at: u64,
}

impl Bytes {
    pub(super) fn new(file: Stretch, end: u64) -> Self {
        Self { file, end, buffer: Vec::new(), at: 0 }
    }

    /// So many bytes from a place on, fewer at the end of the file.
    pub(super) fn get(&mut self, from: u64, count: usize) -> io::Result<&[u8]> {
        let left = usize::try_from(self.end.saturating_sub(from)).unwrap_or(usize::MAX);
        let count = count.min(left);
        let known = self.at..=self.at + self.buffer.len() as u64;
        if known.contains(&from) {
            let skip = (from - self.at) as usize;
            if self.buffer.len() - skip >= count {
                return Ok(&self.buffer[skip..skip + count]);
            }
            self.buffer.drain(..skip);
        } else {
            self.buffer.clear();
        }
        self.at = from;
        let have = self.buffer.len();
        let piece = if have > 0 { PIECE } else { FIRST };
        let wanted = (count - have).max(piece).min(left - have);
        self.file.seek(SeekFrom::Start(from + have as u64))?;
        self.file.by_ref().take(wanted as u64).read_to_end(&mut self.buffer)?;
        Ok(&self.buffer[..count.min(self.buffer.len())])
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn any_stretch_in_any_order() {
        let content: Vec<u8> = (0..300_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut file, &content).unwrap();
        let end = 299_000;
        let mut bytes = Bytes::new(Stretch::whole(file).unwrap(), end as u64);
        for (from, count) in [(0, 10), (5, 70_000), (60_000, 30_000), (100, 3), (200_000, 200_000), (299_500, 1)] {
            let expected = &content[from.min(end)..(from + count).min(end)];
            assert_eq!(bytes.get(from as u64, count).unwrap(), expected, "{from}+{count}");
        }
    }
}
