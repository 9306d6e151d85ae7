//! Blocks at the end of the file, and commits that make them count.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use muscall_files::{FileError, replace};
use muscall_kernels::{Quantised, quantise_row};
use muscall_vectors::mean_direction;
use xxhash_rust::xxh3::xxh3_64;

use crate::index::block::encode_record;
use crate::index::format::{
    BLOCK_HEADER_BYTES, BlockHeader, Commit, HEADER_BYTES, Header, PAGE_BYTES, TRACK_WORDS, Version,
};
use crate::index::{IndexConfig, TrackRecord};
use crate::{Embeddings, RetrievalError};

/// Floats that are kept in memory before they are written as a block.
const BLOCK_FLOATS: usize = 16 << 20;

/// Gives every file of this process a number of its own.
static FILES: AtomicU64 = AtomicU64::new(0);

/// The end of an index's file, which is of the newest version.
#[derive(Debug)]
pub(super) struct Appender {
    file: File,
    path: PathBuf,
    header: Header,
    /// The state on the disk.
    committed: Commit,
    /// The state that the next commit makes, without what is pending.
    next: Commit,
    pending: Pending,
    /// After a commit that failed half-way.
    failed: bool,
}

/// The columns of the next block.
#[derive(Debug, Default)]
struct Pending {
    segments: Vec<f32>,
    owners: Vec<u32>,
    starts: Vec<f32>,
    tracks: Vec<f32>,
    records: Vec<[u64; TRACK_WORDS]>,
    paths: Vec<[u64; 2]>,
    removed: Vec<u32>,
    text: Vec<u8>,
}

impl Appender {
    pub(super) fn new(file: File, path: &Path, header: Header, commit: Commit) -> Self {
        let (path, pending) = (path.to_owned(), Pending::default());
        Self { file, path, header, committed: commit, next: commit, pending, failed: false }
    }

    /// An empty index, which appears as a whole. Its commits go on from an even number.
    pub(super) fn create(path: &Path, config: &IndexConfig, sequence: u64) -> Result<Self, RetrievalError> {
        Ok(replace(path, |new| Self::begin(new, path, config, sequence))?)
    }

    /// An empty index in a file in progress, which errors call by the name that it will have.
    pub(super) fn begin(new: &Path, path: &Path, config: &IndexConfig, sequence: u64) -> Result<Self, FileError> {
        let header = Header { version: Version::Three, file: unique_number(), config: config.clone() };
        let sequence = sequence.next_multiple_of(2);
        let empty = |sequence| Commit { sequence, length: HEADER_BYTES as u64, last_block: 0, tracks: 0, segments: 0 };
        let mut bytes = header.encode();
        bytes.extend(empty(sequence).encode());
        bytes.extend(empty(sequence + 1).encode());
        let io = FileError::writing(path);
        let mut file = OpenOptions::new().read(true).write(true).open(new).map_err(io)?;
        file.write_all(&bytes).map_err(io)?;
        Ok(Self::new(file, path, header, empty(sequence + 1)))
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    pub(super) fn pending_segments(&self) -> usize {
        (self.next.segments - self.committed.segments) as usize + self.pending.owners.len()
    }

    /// Takes a track whose vectors were checked; gives its number.
    pub(super) fn add(
        &mut self,
        track: &TrackRecord,
        starts_s: &[f32],
        rows: Embeddings<'_>,
    ) -> Result<usize, RetrievalError> {
        self.usable()?;
        // Before anything is taken: after an error the same track may come again.
        if self.pending.segments.len() >= BLOCK_FLOATS || self.pending.text.len() >= BLOCK_FLOATS {
            self.write_block()?;
        }
        let number = self.next.tracks + self.pending.records.len() as u64;
        if number >= u64::from(u32::MAX) {
            let expected = "fewer than 2^32 tracks; spread them over several indexes";
            return Err(RetrievalError::Setting { setting: "index", found: number.to_string(), expected });
        }
        let pending = &mut self.pending;
        let local = pending.records.len() as u32;
        let (first, count) = (pending.owners.len() as u32, starts_s.len() as u32);
        rows.iter().for_each(|row| pending.segments.extend_from_slice(row));
        pending.owners.extend(std::iter::repeat_n(local, starts_s.len()));
        pending.starts.extend_from_slice(starts_s);
        pending.tracks.extend(mean_direction(rows));
        pending.records.push(encode_record(track, first, count, &mut pending.text));
        pending.paths.push([xxh3_64(track.path.as_bytes()), u64::from(local)]);
        Ok(number as usize)
    }

    pub(super) fn remove(&mut self, track: usize) -> Result<(), RetrievalError> {
        self.usable()?;
        self.pending.removed.push(track as u32);
        Ok(())
    }

    fn usable(&self) -> Result<(), RetrievalError> {
        if self.failed { Err(RetrievalError::FailedCommit { path: self.path.clone() }) } else { Ok(()) }
    }

    /// Writes what is pending behind the last block. It does not count before the commit. After an error it is
    /// pending still, and is written to the same place the next time.
    fn write_block(&mut self) -> Result<(), RetrievalError> {
        if self.pending.records.is_empty() && self.pending.removed.is_empty() {
            return Ok(());
        }
        let header = BlockHeader {
            previous: self.next.last_block,
            sequence: self.committed.sequence + 1,
            first_track: self.next.tracks,
            first_segment: self.next.segments,
            tracks: self.pending.records.len() as u32,
            segments: self.pending.owners.len() as u32,
            removed: self.pending.removed.len() as u32,
            text_bytes: self.pending.text.len() as u32,
            largest_norm: 0.0,
        };
        let bytes = self.pending.block(header, self.header.config.dim).ok_or_else(|| RetrievalError::Setting {
            setting: "index",
            found: format!("{} segments in a block", self.pending.owners.len()),
            expected: "commits that fit into memory",
        })?;
        let write = |file: &mut File| {
            file.seek(SeekFrom::Start(self.next.length))?;
            file.write_all(&bytes)
        };
        write(&mut self.file).map_err(FileError::writing(&self.path))?;
        self.next.last_block = self.next.length;
        self.next.length += bytes.len() as u64;
        self.next.tracks += u64::from(header.tracks);
        self.next.segments += u64::from(header.segments);
        self.pending = Pending::default();
        Ok(())
    }

    pub(super) fn commit(&mut self) -> Result<(), RetrievalError> {
        self.usable()?;
        self.write_block()?;
        if self.next == self.committed {
            return Ok(());
        }
        let next = Commit { sequence: self.committed.sequence + 1, ..self.next };
        let write = |file: &mut File| {
            // What another process left behind its last commit is gone before this one can reach that far.
            file.set_len(next.length)?;
            file.sync_data()?;
            file.seek(SeekFrom::Start(next.position()))?;
            file.write_all(&next.encode())?;
            file.sync_data()
        };
        if let Err(source) = write(&mut self.file) {
            // A system that could not write its pages may forget them: the next attempt would succeed, and
            // point to blocks that are not on the disk.
            self.failed = true;
            return Err(FileError::writing(&self.path)(source).into());
        }
        (self.committed, self.next) = (next, next);
        Ok(())
    }
}

impl Pending {
    /// The bytes of the block.
    fn block(&self, mut header: BlockHeader, dim: usize) -> Option<Vec<u8>> {
        let columns = header.columns(dim, Version::Three)?;
        let start = BlockHeader::body_at(columns.bytes);
        let mut bytes = vec![0; start + columns.bytes];
        let (front, body) = bytes.split_at_mut(start);
        let (codes, scales) = quantise(&self.segments, dim);
        let (track_codes, track_scales) = quantise(&self.tracks, dim);
        let mut paths = self.paths.clone();
        paths.sort_unstable();
        let mut sum = vec![0.0_f64; dim];
        for row in self.tracks.chunks_exact(dim) {
            sum.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        let parts: [(_, &[u8]); 13] = [
            (&columns.segments, bytemuck::cast_slice(&self.segments)),
            (&columns.codes, bytemuck::cast_slice(&codes)),
            (&columns.scales, bytemuck::cast_slice(&scales)),
            (&columns.owners, bytemuck::cast_slice(&self.owners)),
            (&columns.starts, bytemuck::cast_slice(&self.starts)),
            (&columns.tracks, bytemuck::cast_slice(&self.tracks)),
            (&columns.track_codes, bytemuck::cast_slice(&track_codes)),
            (&columns.track_scales, bytemuck::cast_slice(&track_scales)),
            (&columns.records, bytemuck::cast_slice(&self.records)),
            (&columns.paths, bytemuck::cast_slice(&paths)),
            (&columns.removed, bytemuck::cast_slice(&self.removed)),
            (&columns.sum, bytemuck::cast_slice(&sum)),
            (&columns.text, &self.text),
        ];
        for (range, column) in parts {
            body[range.clone()].copy_from_slice(column);
        }
        let norms = self.segments.chunks_exact(dim).chain(self.tracks.chunks_exact(dim));
        let squares = norms.map(|row| row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>());
        header.largest_norm = (squares.fold(0.0, f64::max).sqrt() * (1.0 + 1e-6)) as f32;
        let checksums: Vec<u8> = body.chunks(PAGE_BYTES).flat_map(|page| crc32c::crc32c(page).to_le_bytes()).collect();
        let (front, sums) = front.split_at_mut(BLOCK_HEADER_BYTES);
        sums[..checksums.len()].copy_from_slice(&checksums);
        front.copy_from_slice(&header.encode(sums));
        Some(bytes)
    }
}

/// Rows as bytes, and the scale and the error of each.
fn quantise(values: &[f32], dim: usize) -> (Vec<i8>, Vec<[f32; 2]>) {
    let mut codes = vec![0; values.len()];
    let rows = values.chunks_exact(dim).zip(codes.chunks_exact_mut(dim));
    let scales = rows.map(|(row, codes)| {
        let Quantised { scale, error } = quantise_row(row, codes);
        [scale, error]
    });
    let scales = scales.collect();
    (codes, scales)
}

/// A number that no other file has.
pub(super) fn unique_number() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
    let origin = [now, u128::from(std::process::id()), u128::from(FILES.fetch_add(1, Ordering::Relaxed))];
    let origin: Vec<u8> = origin.iter().flat_map(|x| x.to_le_bytes()).collect();
    xxh3_64(&origin)
}

/// A file in the same folder, named after this one.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::index::{Index, IndexWriter};

    fn config() -> IndexConfig {
        IndexConfig::new(2, "00ff")
    }

    fn add(appender: &mut Appender, path: &str) -> Result<usize, RetrievalError> {
        appender.add(&TrackRecord::new(path), &[0.0, 1.0], Embeddings::assume_finite(&[1.0, 0.0, 0.0, 1.0], 2))
    }

    /// An index of two tracks with two segments each, changed before its checksums are made.
    fn crafted(path: &Path, change: impl Fn(&mut Pending)) {
        let mut appender = Appender::create(path, &config(), 0).unwrap();
        add(&mut appender, "a").unwrap();
        add(&mut appender, "b").unwrap();
        change(&mut appender.pending);
        appender.commit().unwrap();
    }

    #[test]
    fn a_full_block_that_cannot_be_written_keeps_the_next_track_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("music.index");
        let mut appender = Appender::create(&path, &config(), 0).unwrap();
        let long = TrackRecord { tags: vec!["x".repeat(BLOCK_FLOATS)], ..TrackRecord::new("long") };
        appender.add(&long, &[0.0], Embeddings::assume_finite(&[1.0, 0.0], 2)).unwrap();
        let writable = std::mem::replace(&mut appender.file, File::open(&path).unwrap());
        for _ in 0..2 {
            assert!(matches!(add(&mut appender, "next"), Err(RetrievalError::Io { .. })));
            assert_eq!(appender.pending_segments(), 1);
        }
        appender.file = writable;
        assert_eq!(add(&mut appender, "next").unwrap(), 1);
        appender.commit().unwrap();
        let index = Index::open(&path).unwrap();
        let paths: Vec<String> = index.tracks().map(|track| index.track(track).unwrap().path).collect();
        assert_eq!((paths, index.blocks_len()), (vec!["long".to_owned(), "next".to_owned()], 2));
    }

    #[test]
    fn after_a_commit_that_failed_half_way_the_index_must_be_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("music.index");
        let mut appender = Appender::create(&path, &config(), 0).unwrap();
        add(&mut appender, "kept").unwrap();
        appender.commit().unwrap();
        add(&mut appender, "lost").unwrap();
        appender.write_block().unwrap();
        let writable = std::mem::replace(&mut appender.file, File::open(&path).unwrap());
        assert!(matches!(appender.commit(), Err(RetrievalError::Io { .. })));
        appender.file = writable;
        let failed = |done: Result<(), RetrievalError>| matches!(done, Err(RetrievalError::FailedCommit { .. }));
        assert!(failed(appender.commit()));
        assert!(failed(add(&mut appender, "later").map(|_| ())));
        assert!(failed(appender.remove(0)));
        drop(appender);
        let mut writer = IndexWriter::open(&path, "00ff").unwrap();
        assert_eq!(writer.len(), 1);
        assert!(writer.remove("kept").unwrap());
        writer.commit().unwrap();
        assert!(Index::open(&path).unwrap().is_empty());
    }

    #[test]
    fn a_path_that_points_outside_its_block_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("music.index");
        for outside in [2, 1 << 32, u64::MAX] {
            crafted(&path, |pending| pending.paths[1][1] = outside);
            let index = Index::open(&path).unwrap();
            assert_eq!(index.find("a").unwrap(), Some(0));
            assert!(matches!(index.find("b"), Err(RetrievalError::Corrupt { .. })), "{outside}");
        }
    }

    #[test]
    fn tracks_that_share_segments_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("music.index");
        crafted(&path, |pending| {
            pending.records.iter_mut().for_each(|record| record[2] = 4 << 32);
            pending.removed = vec![0, 1];
        });
        assert!(matches!(Index::open(&path), Err(RetrievalError::Corrupt { .. })));
    }

    #[test]
    fn a_commit_after_which_none_can_be_counted_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("music.index");
        for sequence in [u64::MAX - 1, u64::MAX - 3, 1 << 63] {
            Appender::create(&path, &config(), sequence).unwrap();
            assert!(matches!(Index::open(&path), Err(RetrievalError::Corrupt { .. })), "{sequence}");
        }
        Appender::create(&path, &config(), 1 << 62).unwrap();
        let writer = IndexWriter::open(&path, "00ff").unwrap().compact().unwrap();
        assert!(writer.base().sequence() > 1 << 62);
    }
}
