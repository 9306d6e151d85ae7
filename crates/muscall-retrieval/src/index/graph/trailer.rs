//! What is known of a graph, behind its bytes in the file: usearch reads from the front and never gets there.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use muscall_files::{Digest, FileError};
use xxhash_rust::xxh3::xxh3_64;

use crate::RetrievalError;
use crate::index::Index;

const MAGIC: &[u8; 8] = b"MUSGRAP\x01";
const BYTES: usize = 56;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trailer {
    /// Drawn number of the index's file.
    file: u64,
    /// Segments of the index when it was built, with those of removed tracks.
    pub(super) segments: u64,
    dim: u64,
    /// Of the graph.
    bytes: u64,
    checksum: u64,
}

impl Trailer {
    /// Puts it behind a graph.
    pub(super) fn append(path: &Path, index: &Index) -> Result<(), RetrievalError> {
        let write = || {
            let mut file = OpenOptions::new().read(true).append(true).open(path)?;
            let (bytes, checksum) = digest(&mut file, u64::MAX)?;
            let (segments, dim) = (index.commit.segments, index.config().dim as u64);
            file.write_all(&Self { file: index.header.file, segments, dim, bytes, checksum }.encode())
        };
        Ok(write().map_err(FileError::writing(path))?)
    }

    /// Reads it, and the graph before it, which must be whole: usearch trusts its bytes.
    pub(super) fn read(path: &Path) -> Result<Self, RetrievalError> {
        let io = FileError::reading(path);
        let mut file = File::open(path).map_err(io)?;
        let trailer = Self::end_of(&mut file, path)?;
        file.rewind().map_err(io)?;
        if digest(&mut file, trailer.bytes).map_err(io)? != (trailer.bytes, trailer.checksum) {
            let what = "the checksum of the graph does not match";
            return Err(RetrievalError::Corrupt { path: path.to_owned(), what });
        }
        Ok(trailer)
    }

    /// Reads it alone.
    pub(super) fn last(path: &Path) -> Result<Self, RetrievalError> {
        let mut file = File::open(path).map_err(FileError::reading(path))?;
        Self::end_of(&mut file, path)
    }

    fn end_of(file: &mut File, path: &Path) -> Result<Self, RetrievalError> {
        let io = FileError::reading(path);
        let corrupt = |what| RetrievalError::Corrupt { path: path.to_owned(), what };
        let length = file.metadata().map_err(io)?.len();
        let Some(bytes) = length.checked_sub(BYTES as u64) else {
            return Err(corrupt("it is shorter than a graph"));
        };
        let mut last = [0; BYTES];
        file.seek(SeekFrom::Start(bytes)).and_then(|_| file.read_exact(&mut last)).map_err(io)?;
        let trailer = Self::decode(&last).ok_or_else(|| corrupt("its end is not that of a graph"))?;
        if trailer.bytes != bytes {
            return Err(corrupt("the graph is not as long as its end says"));
        }
        Ok(trailer)
    }

    /// Whether the index is the one it was built of, or a later state.
    pub(super) fn check(&self, path: &Path, index: &Index) -> Result<(), RetrievalError> {
        let belongs = self.file == index.header.file
            && self.segments <= index.commit.segments
            && self.dim == index.config().dim as u64;
        if belongs {
            return Ok(());
        }
        Err(RetrievalError::StaleGraph { path: path.to_owned(), index: index.path.clone() })
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::from(*MAGIC);
        for field in [self.file, self.segments, self.dim, self.bytes, self.checksum] {
            bytes.extend(field.to_le_bytes());
        }
        bytes.extend(xxh3_64(&bytes).to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; BYTES]) -> Option<Self> {
        let (fields, own) = bytes.split_at(BYTES - 8);
        let number = |bytes: &[u8]| Some(u64::from_le_bytes(bytes.try_into().ok()?));
        if !fields.starts_with(MAGIC) || number(own)? != xxh3_64(fields) {
            return None;
        }
        let field = |i: usize| number(&fields[8 + 8 * i..16 + 8 * i]);
        Some(Self { file: field(0)?, segments: field(1)?, dim: field(2)?, bytes: field(3)?, checksum: field(4)? })
    }
}

/// Length and checksum of the first bytes of a file.
fn digest(file: &mut File, bytes: u64) -> io::Result<(u64, u64)> {
    let digest = Digest::of(file.take(bytes))?;
    Ok((digest.bytes(), digest.hash_64()))
}
