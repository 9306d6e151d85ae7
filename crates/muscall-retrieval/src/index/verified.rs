//! Bytes that are checked when they are looked at for the first time.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::index::format::PAGE_BYTES;

/// Which pages of a block's body were compared with their checksums. An index of many gigabytes opens at
/// once, and still nothing damaged ever counts.
#[derive(Debug)]
pub(super) struct Verified(Vec<AtomicU64>);

impl Verified {
    pub(super) fn new(body_bytes: usize) -> Self {
        let words = body_bytes.div_ceil(PAGE_BYTES).div_ceil(64);
        Self((0..words).map(|_| AtomicU64::new(0)).collect())
    }

    /// A range of the body, once its pages match.
    pub(super) fn range<'a>(&self, body: &'a [u8], checksums: &[u8], range: Range<usize>) -> Option<&'a [u8]> {
        if range.is_empty() {
            return body.get(range);
        }
        for page in range.start / PAGE_BYTES..=(range.end - 1) / PAGE_BYTES {
            let (word, bit) = (self.0.get(page / 64)?, 1_u64 << (page % 64));
            // What one thread has seen to match is the same for all: nothing else is published with it.
            if word.load(Ordering::Relaxed) & bit != 0 {
                continue;
            }
            let start = page * PAGE_BYTES;
            let bytes = body.get(start..(start + PAGE_BYTES).min(body.len()))?;
            let sum = checksums.get(page * 4..page * 4 + 4)?;
            if crc32c::crc32c(bytes).to_le_bytes() != sum {
                return None;
            }
            word.fetch_or(bit, Ordering::Relaxed);
        }
        body.get(range)
    }
}
