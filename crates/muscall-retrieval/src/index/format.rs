//! The bytes of the file: a header with two places for the last commit, then blocks. All numbers are
//! little-endian. See docs/INDEX.md.

use std::ops::Range;

use crate::index::IndexConfig;

/// First bytes of the file; the version of the format follows.
const MAGIC: &[u8; 15] = b"muscall index\0\0";
const BLOCK_MAGIC: &[u8; 8] = b"MUSBLOCK";
/// Bytes of the header, of which the first part never changes.
pub(super) const HEADER_BYTES: usize = 4096;
const FIXED_BYTES: usize = 3072;
/// More commits than any index sees, and far enough from the largest number to be counted on from.
const LAST_SEQUENCE: u64 = u64::MAX / 2;
/// A commit takes one sector, which a disk writes as a whole.
pub(super) const COMMIT_BYTES: usize = 512;
pub(super) const BLOCK_HEADER_BYTES: usize = 256;
/// Bytes with a checksum of their own.
pub(super) const PAGE_BYTES: usize = 16 << 10;
/// Columns start at multiples of this.
const ALIGNMENT: usize = 64;
/// A track's fixed fields as they are written now.
pub(super) const TRACK_WORDS: usize = 12;

/// Of the format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// Records end with the duration. It is read, and never written.
    Two = 2,
    /// Records go on with `ctime`, inode and probe.
    Three = 3,
}

/// What never changes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    pub(super) version: Version,
    /// Drawn when the file was made: a file that replaces another one has another number.
    pub(super) file: u64,
    pub(super) config: IndexConfig,
}

/// A committed state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Commit {
    /// From 1; the state with the greater one is the newer.
    pub(super) sequence: u64,
    /// Bytes of the file that belong to it.
    pub(super) length: u64,
    /// Where the last block is, 0 if there is none.
    pub(super) last_block: u64,
    /// Tracks ever added, and their segments.
    pub(super) tracks: u64,
    pub(super) segments: u64,
}

/// The start of a block, from which all its columns follow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct BlockHeader {
    /// Where the block before it is, 0 for the first.
    pub(super) previous: u64,
    /// The commit that it belongs to.
    pub(super) sequence: u64,
    pub(super) first_track: u64,
    pub(super) first_segment: u64,
    pub(super) tracks: u32,
    pub(super) segments: u32,
    pub(super) removed: u32,
    pub(super) text_bytes: u32,
    /// Largest norm of a vector of the block.
    pub(super) largest_norm: f32,
}

/// Where in a block's body a column is, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Columns {
    /// `[segments, dim]`, f32.
    pub(super) segments: Range<usize>,
    /// `[segments, dim]`, i8, and a scale and an error for each.
    pub(super) codes: Range<usize>,
    pub(super) scales: Range<usize>,
    /// Which track a segment belongs to (u32, of the block) and where it starts (f32).
    pub(super) owners: Range<usize>,
    pub(super) starts: Range<usize>,
    /// The same of the tracks' own vectors.
    pub(super) tracks: Range<usize>,
    pub(super) track_codes: Range<usize>,
    pub(super) track_scales: Range<usize>,
    /// `[tracks]` of [`Version::track_words`] u64 each.
    pub(super) records: Range<usize>,
    /// `[tracks]` of a path's hash and the track (u64 each), in the order of hashes.
    pub(super) paths: Range<usize>,
    /// `[removed]`, u32: tracks of this or an earlier block.
    pub(super) removed: Range<usize>,
    /// `[dim]`, f64: the sum of the tracks' vectors.
    pub(super) sum: Range<usize>,
    pub(super) text: Range<usize>,
    /// Of the whole body.
    pub(super) bytes: usize,
}

impl Version {
    /// Numbers of 8 bytes in a track's record.
    pub(super) fn track_words(self) -> usize {
        match self {
            Self::Two => 8,
            Self::Three => TRACK_WORDS,
        }
    }
}

impl Header {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::from(*MAGIC);
        bytes.push(self.version as u8);
        bytes.extend(self.file.to_le_bytes());
        bytes.extend((self.config.dim as u64).to_le_bytes());
        bytes.extend(self.config.window_s.to_le_bytes());
        bytes.extend(self.config.hop_s.to_le_bytes());
        bytes.extend((self.config.fingerprint.len() as u64).to_le_bytes());
        bytes.extend(self.config.fingerprint.as_bytes());
        seal(bytes, FIXED_BYTES)
    }

    /// From the first bytes of a file.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let bytes = bytes.get(..FIXED_BYTES).ok_or("it is shorter than a header")?;
        if !bytes.starts_with(MAGIC) {
            return Err("it does not start as an index does");
        }
        let version = match bytes[MAGIC.len()] {
            2 => Version::Two,
            3 => Version::Three,
            _ => return Err("it is of another version of the format"),
        };
        let mut fields = Fields(unseal(bytes).ok_or("the checksum of the header does not match")?);
        fields.bytes(MAGIC.len() + 1)?;
        let (file, dim) = (fields.u64()?, fields.u64()?);
        let (window_s, hop_s) = (f64::from_bits(fields.u64()?), f64::from_bits(fields.u64()?));
        let length = usize::try_from(fields.u64()?).map_err(|_| OVERFLOW)?;
        let fingerprint =
            String::from_utf8(fields.bytes(length)?.to_vec()).map_err(|_| "the fingerprint is not text")?;
        let dim = usize::try_from(dim).map_err(|_| OVERFLOW)?;
        let config = IndexConfig { dim, fingerprint: fingerprint.into(), window_s, hop_s };
        config.validate().map_err(|_| "the header holds a setting that cannot be")?;
        Ok(Self { version, file, config })
    }
}

impl Commit {
    /// Where a commit is written: two places take turns, so that the one before stays.
    pub(super) fn position(&self) -> u64 {
        (FIXED_BYTES + (self.sequence % 2) as usize * COMMIT_BYTES) as u64
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let fields = [self.sequence, self.length, self.last_block, self.tracks, self.segments];
        seal(fields.iter().flat_map(|field| field.to_le_bytes()).collect(), COMMIT_BYTES)
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut fields = Fields(unseal(bytes).ok_or("the checksum of a commit does not match")?);
        Ok(Self {
            sequence: fields.u64()?,
            length: fields.u64()?,
            last_block: fields.u64()?,
            tracks: fields.u64()?,
            segments: fields.u64()?,
        })
    }

    /// The newer one of the two.
    pub(super) fn newest(header: &[u8]) -> Result<Self, &'static str> {
        let places = header.get(FIXED_BYTES..HEADER_BYTES).ok_or("it is shorter than a header")?;
        let (first, second) = places.split_at(COMMIT_BYTES);
        let (even, odd) = (Self::decode(first)?, Self::decode(second)?);
        let (newer, older) = if even.sequence > odd.sequence { (even, odd) } else { (odd, even) };
        if newer.sequence > LAST_SEQUENCE {
            return Err("the number of a commit is greater than any can be");
        }
        let turns = even.sequence % 2 == 0 && older.sequence.checked_add(1) == Some(newer.sequence);
        turns.then_some(newer).ok_or("the two commits do not follow each other")
    }
}

impl BlockHeader {
    /// The columns of such a block in a file of that version.
    pub(super) fn columns(&self, dim: usize, version: Version) -> Option<Columns> {
        let mut end = 0_usize;
        let mut column = |count: u32, width: usize| {
            let start = end.checked_next_multiple_of(ALIGNMENT)?;
            end = start.checked_add((count as usize).checked_mul(width)?)?;
            Some(start..end)
        };
        let (segments, tracks) = (self.segments, self.tracks);
        let mut columns = Columns {
            segments: column(segments, dim * 4)?,
            codes: column(segments, dim)?,
            scales: column(segments, 8)?,
            owners: column(segments, 4)?,
            starts: column(segments, 4)?,
            tracks: column(tracks, dim * 4)?,
            track_codes: column(tracks, dim)?,
            track_scales: column(tracks, 8)?,
            records: column(tracks, version.track_words() * 8)?,
            paths: column(tracks, 16)?,
            removed: column(self.removed, 4)?,
            sum: column(1, dim * 8)?,
            text: column(self.text_bytes, 1)?,
            bytes: 0,
        };
        columns.bytes = end.checked_next_multiple_of(ALIGNMENT)?;
        Some(columns)
    }

    /// Bytes from the start of the block to that of its body: this header and the pages' checksums.
    pub(super) fn body_at(body_bytes: usize) -> usize {
        (BLOCK_HEADER_BYTES + body_bytes.div_ceil(PAGE_BYTES) * 4).next_multiple_of(ALIGNMENT)
    }

    pub(super) fn encode(&self, checksums: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::from(*BLOCK_MAGIC);
        for field in [self.previous, self.sequence, self.first_track, self.first_segment] {
            bytes.extend(field.to_le_bytes());
        }
        for field in [self.tracks, self.segments, self.removed, self.text_bytes, self.largest_norm.to_bits()] {
            bytes.extend(field.to_le_bytes());
        }
        bytes.extend(crc32c::crc32c(checksums).to_le_bytes());
        seal(bytes, BLOCK_HEADER_BYTES)
    }

    /// A block's header, and what the checksum of its checksums must be.
    pub(super) fn decode(bytes: &[u8]) -> Result<(Self, u32), &'static str> {
        let mut fields = Fields(unseal(bytes).ok_or("the checksum of a block's header does not match")?);
        if fields.bytes(BLOCK_MAGIC.len())? != BLOCK_MAGIC {
            return Err("a block does not start as one does");
        }
        let header = Self {
            previous: fields.u64()?,
            sequence: fields.u64()?,
            first_track: fields.u64()?,
            first_segment: fields.u64()?,
            tracks: fields.u32()?,
            segments: fields.u32()?,
            removed: fields.u32()?,
            text_bytes: fields.u32()?,
            largest_norm: f32::from_bits(fields.u32()?),
        };
        Ok((header, fields.u32()?))
    }
}

const OVERFLOW: &str = "a number is too large for this machine";

/// Bytes filled up with zeros to `length`, their checksum last.
fn seal(mut bytes: Vec<u8>, length: usize) -> Vec<u8> {
    bytes.resize(length - 4, 0);
    bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
    bytes
}

/// Sealed bytes without their checksum, if it matches.
fn unseal(bytes: &[u8]) -> Option<&[u8]> {
    let (body, sum) = bytes.split_last_chunk::<4>()?;
    (crc32c::crc32c(body) == u32::from_le_bytes(*sum)).then_some(body)
}

/// Fields one after the other.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or("a field reaches beyond its end")?;
        self.0 = rest;
        Ok(taken)
    }

    fn u64(&mut self) -> Result<u64, &'static str> {
        let mut word = [0; 8];
        word.copy_from_slice(self.bytes(8)?);
        Ok(u64::from_le_bytes(word))
    }

    fn u32(&mut self) -> Result<u32, &'static str> {
        let mut word = [0; 4];
        word.copy_from_slice(self.bytes(4)?);
        Ok(u32::from_le_bytes(word))
    }
}
