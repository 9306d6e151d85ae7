//! A committed state of the file, mapped.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use muscall_files::FileError;
use muscall_kernels::MappedFile;
use xxhash_rust::xxh3::xxh3_64;

use crate::index::block::{Block, Checked, Rows};
use crate::index::format::{Commit, HEADER_BYTES, Header};
use crate::index::{IndexConfig, Segments, TrackRecord};
use crate::{Embeddings, Fingerprint, RetrievalError};

/// How often the header is read when a commit in it does not match: a writer may be at it.
const READS: u32 = 20;

/// Vectors of tracks and of their segments, as one commit left them.
///
/// Opens at once whatever its size: the file is mapped, and what a search looks at is compared with its
/// checksum the first time. A writer may go on appending; see [`refreshed`](Self::refreshed).
#[derive(Debug)]
pub struct Index {
    pub(super) path: PathBuf,
    pub(super) map: MappedFile,
    pub(super) header: Header,
    pub(super) commit: Commit,
    pub(super) blocks: Vec<Block>,
    removed: Vec<u64>,
    tracks: usize,
    segments: usize,
    /// Names under which a newer state is of the same space.
    space: Fingerprint,
}

impl Index {
    /// Opens an index of any model.
    ///
    /// # Errors
    /// [`RetrievalError::Io`] or [`RetrievalError::Corrupt`].
    pub fn open(path: &Path) -> Result<Self, RetrievalError> {
        let io = FileError::reading(path);
        let corrupt = |what| RetrievalError::Corrupt { path: path.to_owned(), what };
        let mut file = File::open(path).map_err(io)?;
        let (header, commit) = read_header(&mut file, path)?;
        let length = usize::try_from(commit.length).map_err(|_| corrupt("it is too large for this machine"))?;
        let map = MappedFile::open(&file, length).map_err(|source| match source.kind() {
            std::io::ErrorKind::UnexpectedEof => corrupt("it is shorter than its last commit: its end was cut off"),
            _ => io(source).into(),
        })?;
        let blocks = read_blocks(&map, &commit, &header).map_err(corrupt)?;
        let removed = vec![0; (commit.tracks as usize).div_ceil(64)];
        let (tracks, segments) = (commit.tracks as usize, commit.segments as usize);
        let space = header.config.fingerprint.clone();
        let mut index = Self { path: path.to_owned(), map, header, commit, blocks, removed, tracks, segments, space };
        index.apply_removals().map_err(corrupt)?;
        Ok(index)
    }

    /// Opens an index of the model's space, whether it was made under the space's name or a former one.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`RetrievalError::Fingerprint`].
    pub fn open_for(path: &Path, space: impl Into<Fingerprint>) -> Result<Self, RetrievalError> {
        let (index, space) = (Self::open(path)?, space.into());
        let found = &index.config().fingerprint;
        if !space.accepts(found) {
            let (found, expected) = (found.to_string(), space.into());
            return Err(RetrievalError::Fingerprint { path: path.to_owned(), found, expected });
        }
        Ok(Self { space, ..index })
    }

    /// The newest state of the file, if it is not this one.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn refreshed(&self) -> Result<Option<Self>, RetrievalError> {
        let mut file = File::open(&self.path).map_err(|source| self.io(source))?;
        let (header, commit) = read_header(&mut file, &self.path)?;
        if (header.file, commit.sequence) == (self.header.file, self.commit.sequence) {
            return Ok(None);
        }
        Self::open_for(&self.path, &self.space).map(Some)
    }

    /// What its vectors have in common.
    pub fn config(&self) -> &IndexConfig {
        &self.header.config
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of the commit; a later one has a greater number.
    pub fn sequence(&self) -> u64 {
        self.commit.sequence
    }

    /// Number of tracks.
    pub fn len(&self) -> usize {
        self.tracks
    }

    /// Whether there is no track.
    pub fn is_empty(&self) -> bool {
        self.tracks == 0
    }

    /// Number of segments.
    pub fn segments_len(&self) -> usize {
        self.segments
    }

    /// Share of the segments that were removed and still take room.
    pub fn garbage(&self) -> f64 {
        1.0 - self.segments as f64 / (self.commit.segments as f64).max(1.0)
    }

    /// Number of commits that still lie one after the other; compaction makes them few.
    pub fn blocks_len(&self) -> usize {
        self.blocks.len()
    }

    /// Numbers of the tracks, ascending. A track keeps its number until the index is compacted.
    pub fn tracks(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.commit.tracks as usize).filter(|&track| !self.is_removed(track))
    }

    /// What is known of a track.
    ///
    /// # Errors
    /// [`RetrievalError::NoTrack`], [`RetrievalError::Corrupt`].
    pub fn track(&self, track: usize) -> Result<TrackRecord, RetrievalError> {
        let (block, local) = self.locate(track)?;
        block.record(&self.map, local).map_err(|what| self.corrupt(what))
    }

    /// The track at this path.
    ///
    /// # Errors
    /// [`RetrievalError::Corrupt`].
    pub fn find(&self, path: &str) -> Result<Option<usize>, RetrievalError> {
        let hash = xxh3_64(path.as_bytes());
        let search = || -> Checked<Option<usize>> {
            for block in self.blocks.iter().rev() {
                let count = block.count(Rows::Tracks);
                let entry = |i: usize| block.values::<[u64; 2]>(&self.map, &block.columns.paths, i..i + 1);
                let (mut low, mut high) = (0, count);
                while low < high {
                    let middle = low.midpoint(high);
                    if entry(middle)?[0][0] < hash { low = middle + 1 } else { high = middle }
                }
                while low < count && entry(low)?[0][0] == hash {
                    let local = usize::try_from(entry(low)?[0][1]).ok().filter(|&local| local < count);
                    let local = local.ok_or("a path belongs to no track")?;
                    let track = block.header.first_track as usize + local;
                    if !self.is_removed(track) && block.path(&self.map, local)? == path {
                        return Ok(Some(track));
                    }
                    low += 1;
                }
            }
            Ok(None)
        };
        search().map_err(|what| self.corrupt(what))
    }

    /// A track's vector: the normalised mean of its segments' ones.
    ///
    /// # Shapes
    /// - returns `[dim]`
    /// # Errors
    /// As [`track`](Self::track).
    pub fn vector(&self, track: usize) -> Result<&[f32], RetrievalError> {
        let (block, local) = self.locate(track)?;
        let vectors = block.vectors(&self.map, Rows::Tracks, local..local + 1, self.config().dim);
        vectors.map_err(|what| self.corrupt(what))
    }

    /// A track's segments.
    ///
    /// # Errors
    /// As [`track`](Self::track).
    pub fn segments(&self, track: usize) -> Result<Segments<'_>, RetrievalError> {
        let (block, local) = self.locate(track)?;
        let read = || {
            let range = block.segments_of(&self.map, local)?;
            let starts_s = block.values(&self.map, &block.columns.starts, range.clone())?;
            let rows = block.vectors(&self.map, Rows::Segments, range, self.config().dim)?;
            Ok(Segments { starts_s, rows: Embeddings::assume_finite(rows, self.config().dim) })
        };
        read().map_err(|what| self.corrupt(what))
    }

    /// Mean of the vectors of all tracks ever added, by which audio is centred in mixed queries.
    ///
    /// # Shapes
    /// - returns `[dim]`
    /// # Errors
    /// [`RetrievalError::Corrupt`].
    pub fn audio_centre(&self) -> Result<Vec<f32>, RetrievalError> {
        let mut sum = vec![0.0_f64; self.config().dim];
        for block in &self.blocks {
            let values = block.values::<f64>(&self.map, &block.columns.sum, 0..sum.len());
            let values = values.map_err(|what| self.corrupt(what))?;
            sum.iter_mut().zip(values).for_each(|(sum, x)| *sum += x);
        }
        let count = (self.commit.tracks as f64).max(1.0);
        Ok(sum.into_iter().map(|x| (x / count) as f32).collect())
    }

    pub(super) fn is_removed(&self, track: usize) -> bool {
        self.removed[track / 64] >> (track % 64) & 1 == 1
    }

    /// The block of a track, and its number there.
    pub(super) fn locate(&self, track: usize) -> Result<(&Block, usize), RetrievalError> {
        if track >= self.commit.tracks as usize || self.is_removed(track) {
            return Err(RetrievalError::NoTrack { path: self.path.clone(), track });
        }
        let block = &self.blocks[self.block_of(track)];
        Ok((block, track - block.header.first_track as usize))
    }

    pub(super) fn block_of(&self, track: usize) -> usize {
        self.blocks.partition_point(|block| block.header.first_track as usize <= track) - 1
    }

    pub(super) fn corrupt(&self, what: &'static str) -> RetrievalError {
        RetrievalError::Corrupt { path: self.path.clone(), what }
    }

    fn io(&self, source: std::io::Error) -> RetrievalError {
        FileError::reading(&self.path)(source).into()
    }

    fn apply_removals(&mut self) -> Checked<()> {
        for i in 0..self.blocks.len() {
            let block = &self.blocks[i];
            let removed: &[u32] = block.values(&self.map, &block.columns.removed, 0..block.header.removed as usize)?;
            for &track in removed {
                let track = track as usize;
                if track >= self.commit.tracks as usize || self.is_removed(track) {
                    return Err("a track was removed that is not there");
                }
                let owner = &self.blocks[self.block_of(track)];
                let segments = owner.segments_of(&self.map, track - owner.header.first_track as usize)?;
                self.removed[track / 64] |= 1 << (track % 64);
                self.tracks -= 1;
                let left = self.segments.checked_sub(segments.len());
                self.segments = left.ok_or("tracks share their segments")?;
            }
        }
        Ok(())
    }
}

/// The header, and the newest commit.
pub(super) fn read_header(file: &mut File, path: &Path) -> Result<(Header, Commit), RetrievalError> {
    let io = FileError::reading(path);
    let corrupt = |what| RetrievalError::Corrupt { path: path.to_owned(), what };
    let mut before = Vec::new();
    for _ in 0..READS {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        std::io::Seek::rewind(file).map_err(io)?;
        Read::by_ref(file).take(HEADER_BYTES as u64).read_to_end(&mut bytes).map_err(io)?;
        let header = Header::decode(&bytes).map_err(corrupt)?;
        match Commit::newest(&bytes) {
            Ok(commit) => return Ok((header, commit)),
            // Nobody is at it.
            Err(what) if before == bytes => return Err(corrupt(what)),
            Err(_) => thread::sleep(Duration::from_millis(2)),
        }
        before = bytes;
    }
    Err(corrupt("a writer keeps changing it"))
}

/// All blocks of a state, in the order of the file, which they fill without a gap.
fn read_blocks(map: &MappedFile, commit: &Commit, file: &Header) -> Checked<Vec<Block>> {
    let chain = "the blocks do not follow each other";
    let mut blocks = Vec::new();
    let (mut at, mut end) = (commit.last_block as usize, commit.length as usize);
    let (mut sequence, mut tracks, mut segments) = (commit.sequence, commit.tracks, commit.segments);
    while at != 0 {
        if at < HEADER_BYTES || at >= end {
            return Err(chain);
        }
        let (block, block_end) = Block::open(map, at, file.config.dim, file.version)?;
        let header = &block.header;
        let follows = block_end == end
            && header.sequence <= sequence
            && header.first_track.checked_add(u64::from(header.tracks)) == Some(tracks)
            && header.first_segment.checked_add(u64::from(header.segments)) == Some(segments);
        if !follows {
            return Err(chain);
        }
        (end, at) = (at, header.previous as usize);
        (sequence, tracks, segments) = (header.sequence, header.first_track, header.first_segment);
        blocks.push(block);
    }
    if (end, tracks, segments) != (HEADER_BYTES, 0, 0) {
        return Err(chain);
    }
    blocks.reverse();
    Ok(blocks)
}
