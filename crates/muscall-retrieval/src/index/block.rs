//! One block of the file: the tracks of a commit and their segments, column by column.

use std::ops::Range;

use bytemuck::AnyBitPattern;
use muscall_kernels::MappedFile;

use crate::index::TrackRecord;
use crate::index::format::{BLOCK_HEADER_BYTES, BlockHeader, Columns, TRACK_WORDS, Version};
use crate::index::verified::Verified;

#[cfg(target_endian = "big")]
compile_error!("the index is mapped as it lies in the file, with little-endian numbers");

/// Where a block lies in the file, and what of it was checked.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) header: BlockHeader,
    pub(super) columns: Columns,
    version: Version,
    checksums: Range<usize>,
    body: Range<usize>,
    verified: Verified,
}

/// Tracks or segments: both have vectors, as floats and as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    Tracks,
    Segments,
}

/// The fixed fields of a track.
#[derive(Debug, Clone, Copy)]
struct Fixed {
    path: (u32, u32),
    tags: (u32, u32),
    segments: (u32, u32),
    content: u128,
    bytes: u64,
    modified_ns: u64,
    duration_s: f64,
    changed_ns: u64,
    inode: u64,
    probe: u64,
}

pub(super) type Checked<T> = Result<T, &'static str>;

const DAMAGED: &str = "a checksum does not match what is in the file";
const IMPOSSIBLE: &str = "a field of a track points outside its block";

impl Block {
    /// The block that starts at `at` in a file of that version, and where it ends.
    pub(super) fn open(map: &MappedFile, at: usize, dim: usize, version: Version) -> Checked<(Self, usize)> {
        let cut = "a block reaches beyond the end of the file";
        let file = map.bytes();
        let (header, sum) = BlockHeader::decode(file.get(at..at + BLOCK_HEADER_BYTES).ok_or(cut)?)?;
        let columns = header.columns(dim, version).ok_or("a block is too large for this machine")?;
        let start = at + BlockHeader::body_at(columns.bytes);
        let checksums = at + BLOCK_HEADER_BYTES..start;
        let end = start.checked_add(columns.bytes).filter(|&end| end <= file.len()).ok_or(cut)?;
        if crc32c::crc32c(&file[checksums.clone()]) != sum {
            return Err("the checksums of a block do not match their own");
        }
        let verified = Verified::new(columns.bytes);
        Ok((Self { header, columns, version, checksums, body: start..end, verified }, end))
    }

    fn bytes<'a>(&self, map: &'a MappedFile, range: Range<usize>) -> Checked<&'a [u8]> {
        let file = map.bytes();
        let (body, checksums) = (&file[self.body.clone()], &file[self.checksums.clone()]);
        self.verified.range(body, checksums, range).ok_or(DAMAGED)
    }

    /// Some of the values of a column.
    pub(super) fn values<'a, T: AnyBitPattern>(
        &self,
        map: &'a MappedFile,
        column: &Range<usize>,
        range: Range<usize>,
    ) -> Checked<&'a [T]> {
        let width = size_of::<T>();
        let range = column.start + range.start * width..column.start + range.end * width;
        if range.end > column.end {
            return Err(IMPOSSIBLE);
        }
        // Columns start at multiples of 64 in a map that starts at a page.
        bytemuck::try_cast_slice(self.bytes(map, range)?).map_err(|_| "a column is not aligned")
    }

    /// How many rows there are of a kind.
    pub(super) fn count(&self, rows: Rows) -> usize {
        match rows {
            Rows::Tracks => self.header.tracks as usize,
            Rows::Segments => self.header.segments as usize,
        }
    }

    /// Vectors, `[range, dim]`.
    pub(super) fn vectors<'a>(
        &self,
        map: &'a MappedFile,
        rows: Rows,
        range: Range<usize>,
        dim: usize,
    ) -> Checked<&'a [f32]> {
        let column = match rows {
            Rows::Tracks => &self.columns.tracks,
            Rows::Segments => &self.columns.segments,
        };
        self.values(map, column, range.start * dim..range.end * dim)
    }

    /// Vectors as bytes, `[range, dim]`, and the scale and the error of each.
    pub(super) fn codes<'a>(
        &self,
        map: &'a MappedFile,
        rows: Rows,
        range: Range<usize>,
        dim: usize,
    ) -> Checked<(&'a [i8], &'a [[f32; 2]])> {
        let (codes, scales) = match rows {
            Rows::Tracks => (&self.columns.track_codes, &self.columns.track_scales),
            Rows::Segments => (&self.columns.codes, &self.columns.scales),
        };
        Ok((self.values(map, codes, range.start * dim..range.end * dim)?, self.values(map, scales, range)?))
    }

    /// Tracks of the block that segments belong to.
    pub(super) fn owners<'a>(&self, map: &'a MappedFile, range: Range<usize>) -> Checked<&'a [u32]> {
        self.values(map, &self.columns.owners, range)
    }

    /// Which segments a track of the block has.
    pub(super) fn segments_of(&self, map: &MappedFile, track: usize) -> Checked<Range<usize>> {
        let (first, count) = self.fixed(map, track)?.segments;
        let range = first as usize..first as usize + count as usize;
        if range.end > self.count(Rows::Segments) || range.is_empty() { Err(IMPOSSIBLE) } else { Ok(range) }
    }

    /// Where a track's path is, without a copy.
    pub(super) fn path<'a>(&self, map: &'a MappedFile, track: usize) -> Checked<&'a str> {
        self.text(map, self.fixed(map, track)?.path)
    }

    pub(super) fn record(&self, map: &MappedFile, track: usize) -> Checked<TrackRecord> {
        let Fixed { path, tags, content, bytes, modified_ns, duration_s, changed_ns, inode, probe, .. } =
            self.fixed(map, track)?;
        // A tag ends with a zero, which none contains.
        let tags = self.text(map, tags)?.split_terminator('\0').map(str::to_owned).collect();
        let path = self.text(map, path)?.to_owned();
        Ok(TrackRecord { path, content, bytes, modified_ns, changed_ns, inode, probe, duration_s, tags })
    }

    fn text<'a>(&self, map: &'a MappedFile, (at, length): (u32, u32)) -> Checked<&'a str> {
        let range = at as usize..at as usize + length as usize;
        let bytes = self.values(map, &self.columns.text, range)?;
        std::str::from_utf8(bytes).map_err(|_| "a path or tag is not text")
    }

    fn fixed(&self, map: &MappedFile, track: usize) -> Checked<Fixed> {
        let count = self.version.track_words();
        let words: &[u64] = self.values(map, &self.columns.records, track * count..(track + 1) * count)?;
        // What an older version does not have is unknown.
        let later = |word: usize| words.get(word).copied().unwrap_or_default();
        let halves = |word: u64| (word as u32, (word >> 32) as u32);
        Ok(Fixed {
            path: halves(words[0]),
            tags: halves(words[1]),
            segments: halves(words[2]),
            content: u128::from(words[3]) | u128::from(words[4]) << 64,
            bytes: words[5],
            modified_ns: words[6],
            duration_s: f64::from_bits(words[7]),
            changed_ns: later(8),
            inode: later(9),
            probe: later(10),
        })
    }
}

/// The fixed fields of a track as [`Block`] reads them.
pub(super) fn encode_record(record: &TrackRecord, first: u32, count: u32, text: &mut Vec<u8>) -> [u64; TRACK_WORDS] {
    let mut put = |parts: &[&str], end: &[u8]| {
        let at = text.len();
        parts.iter().for_each(|part| {
            text.extend(part.as_bytes());
            text.extend(end);
        });
        at as u64 | ((text.len() - at) as u64) << 32
    };
    let path = put(&[&record.path], &[]);
    let tags: Vec<&str> = record.tags.iter().map(String::as_str).collect();
    let tags = put(&tags, &[0]);
    let content = [record.content as u64, (record.content >> 64) as u64];
    let segments = u64::from(first) | u64::from(count) << 32;
    let TrackRecord { bytes, modified_ns, duration_s, changed_ns, inode, probe, .. } = *record;
    let [low, high] = content;
    [path, tags, segments, low, high, bytes, modified_ns, duration_s.to_bits(), changed_ns, inode, probe, 0]
}
