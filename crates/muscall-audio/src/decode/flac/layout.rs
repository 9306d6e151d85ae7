//! What stands before the frames of a FLAC file: tags, the marker, and metadata blocks of which STREAMINFO is the first.

use std::io::{self, Read, Seek, SeekFrom};

use super::super::id3::{HEAD, id3_bytes};
use super::header::{Format, Header, MOST_BYTES};

/// Most tags before the marker, and most metadata blocks, that are looked at.
const MOST_BLOCKS: usize = 4096;

/// Where the parts of a FLAC file are, and what STREAMINFO says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decode) struct Layout {
    /// Of the smallest and the largest block, two bytes each, and of the smallest and the largest frame, three bytes each.
    pub(in crate::decode) sizes: u64,
    /// First byte behind the metadata.
    pub(super) frames: u64,
    pub(super) format: Format,
    /// Samples of the whole stream, 0 if unknown.
    pub(super) total: u64,
}

impl Layout {
    /// None where a file is not FLAC, or its metadata are cut off.
    pub(in crate::decode) fn read(file: &mut (impl Read + Seek), from: u64) -> io::Result<Option<Self>> {
        match Self::parse(file, from) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            other => other,
        }
    }

    fn parse(file: &mut (impl Read + Seek), from: u64) -> io::Result<Option<Self>> {
        let mut at = from;
        // Tags of ID3v2 stand before the marker.
        for _ in 0..MOST_BLOCKS {
            let [a, b, c, d] = read(file, at)?;
            if [a, b, c, d] == *b"fLaC" {
                return Self::blocks(file, at + 4);
            }
            let Some(bytes) = id3_bytes(&read::<{ HEAD }>(file, at)?).filter(|_| [a, b, c] == *b"ID3") else { break };
            at += bytes;
        }
        Ok(None)
    }

    fn blocks(file: &mut (impl Read + Seek), first: u64) -> io::Result<Option<Self>> {
        let info: [u8; 22] = read(file, first)?;
        if info[0] & 0x7f != 0 || info[1..4] < [0, 0, 34][..] {
            return Ok(None);
        }
        let word = |at: usize| info[at..at + 4].iter().fold(0, |word, &byte| word << 8 | u64::from(byte));
        // 20 bits of the rate, 3 of the channels, 5 of the sample's size, 36 of the length.
        let packed = word(14) << 32 | word(18);
        let format = Format {
            sample_rate: (packed >> 44) as u32,
            channels: (packed >> 41 & 7) as u8 + 1,
            bits: (packed >> 36 & 31) as u8 + 1,
        };
        let mut at = first;
        for _ in 0..MOST_BLOCKS {
            let [kind, size @ ..] = read::<4>(file, at)?;
            at += 4 + size.iter().fold(0, |size, &byte| size << 8 | u64::from(byte));
            if kind & 0x80 != 0 {
                return Ok(Some(Self { sizes: first + 4, frames: at, format, total: packed & 0xf_ffff_ffff }));
            }
        }
        Ok(None)
    }

    /// Sizes that allow every frame of the file, as STREAMINFO has them. Some writers leave out the smallest or get the
    /// largest wrong, and readers then refuse the file or single frames.
    pub(in crate::decode) fn any_sizes(&self, file: &mut (impl Read + Seek)) -> io::Result<[u8; 10]> {
        let mut start = Vec::with_capacity(MOST_BYTES);
        file.seek(SeekFrom::Start(self.frames))?;
        file.by_ref().take(MOST_BYTES as u64).read_to_end(&mut start)?;
        let is_variable = Header::parse(&start).is_some_and(|header| header.is_variable);
        // Where those of blocks are equal, frames are numbered; else their samples are. A frame's size of 0 is unknown.
        let [a, b, c, d] = if is_variable { [0, 16, 0xff, 0xff] } else { [0xff; 4] };
        Ok([a, b, c, d, 0, 0, 0, 0, 0, 0])
    }
}

fn read<const N: usize>(file: &mut (impl Read + Seek), at: u64) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}
