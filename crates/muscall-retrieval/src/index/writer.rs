//! Appending to the file.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::path::Path;

use muscall_files::FileError;

use crate::index::append::Appender;
use crate::index::format::Version;
use crate::index::lock::{lock, real_path};
use crate::index::snapshot::read_header;
use crate::index::{Index, IndexConfig, TrackRecord};
use crate::{Embeddings, Fingerprint, RetrievalError, VectorError};

/// Garbage beyond this share makes compacting worth the while.
const GARBAGE: f64 = 0.25;
/// So do more blocks than this.
const BLOCKS: usize = 256;

/// Adds tracks to an index and removes them; what was committed stays, whatever happens.
///
/// There is one writer at a time, which a file beside the index (`….lock`) sees to, whatever links or relative
/// paths lead to it. Readers need no lock.
/// Nothing is seen by them, or kept if the process dies, before [`commit`](Self::commit).
#[derive(Debug)]
pub struct IndexWriter {
    _lock: File,
    appender: Appender,
    /// The state that was there.
    base: Index,
    /// Paths added since, and tracks removed since.
    added: HashMap<String, usize>,
    removed: HashSet<usize>,
    removed_of_base: usize,
}

impl IndexWriter {
    /// A new index.
    ///
    /// # Errors
    /// [`RetrievalError::Io`] if there is a file already, [`RetrievalError::Setting`].
    pub fn create(path: &Path, config: &IndexConfig) -> Result<Self, RetrievalError> {
        config.validate()?;
        let path = real_path(path)?;
        let lock = lock(&path)?;
        if path.exists() {
            return Err(FileError::writing(&path)(std::io::ErrorKind::AlreadyExists.into()).into());
        }
        Appender::create(&path, config, 0)?;
        Self::locked(&path, &config.fingerprint, lock)
    }

    /// A new index in the place of whatever file is there. Readers that have that one open keep it.
    ///
    /// # Errors
    /// [`RetrievalError::Locked`] if another writer has it, [`RetrievalError::Io`], [`RetrievalError::Setting`];
    /// the old file stays then.
    pub fn replace(path: &Path, config: &IndexConfig) -> Result<Self, RetrievalError> {
        config.validate()?;
        let path = real_path(path)?;
        let lock = lock(&path)?;
        // Commits go on from those of an index that was there, so that a newer state has a greater number.
        let old = File::open(&path).ok().and_then(|mut file| read_header(&mut file, &path).ok());
        Appender::create(&path, config, old.map_or(0, |(_, commit)| commit.sequence + 1))?;
        Self::locked(&path, &config.fingerprint, lock)
    }

    /// An index that exists, of the model's space. One that was made under a former name keeps it. A file of an
    /// older version is put into the present one first, as [`compact`](Self::compact) does.
    ///
    /// # Errors
    /// As [`Index::open_for`], and [`RetrievalError::Locked`] if another writer has it.
    pub fn open(path: &Path, space: impl Into<Fingerprint>) -> Result<Self, RetrievalError> {
        let path = fs::canonicalize(path).map_err(FileError::reading(path))?;
        let space = space.into();
        // No lock is left beside a file that is no index of this model.
        Index::open_for(&path, &space)?;
        Self::locked(&path, &space, lock(&path)?)
    }

    /// The index, made if it is not there.
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`create`](Self::create), and [`RetrievalError::Setting`] if it has
    /// another dimension, window or hop.
    pub fn open_or_create(path: &Path, config: &IndexConfig) -> Result<Self, RetrievalError> {
        if !path.exists() {
            return Self::create(path, config);
        }
        let writer = Self::open(path, &config.fingerprint)?;
        let found = writer.config();
        if (found.dim, found.window_s, found.hop_s) != (config.dim, config.window_s, config.hop_s) {
            let found = format!("{} dimensions, windows of {} s every {} s", found.dim, found.window_s, found.hop_s);
            return Err(RetrievalError::Setting { setting: "index", found, expected: "those of the model at hand" });
        }
        Ok(writer)
    }

    /// The index as it is now that nobody else can change or replace it; one of an older version is rewritten.
    fn locked(path: &Path, space: &Fingerprint, lock: File) -> Result<Self, RetrievalError> {
        let mut base = Index::open_for(path, space)?;
        if base.header.version == Version::Two {
            super::compact::rewrite(&base)?;
            base = Index::open_for(path, space)?;
        }
        let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(FileError::writing(path))?;
        let (header, commit) = read_header(&mut file, path)?;
        let appender = Appender::new(file, path, header, commit);
        Ok(Self { _lock: lock, appender, base, added: HashMap::new(), removed: HashSet::new(), removed_of_base: 0 })
    }

    /// What its vectors have in common.
    pub fn config(&self) -> &IndexConfig {
        &self.appender.header().config
    }

    /// Adds a track and its segments, each with its start; gives the track's number.
    ///
    /// # Shapes
    /// - rows: `[segments, dim]`
    /// # Errors
    /// [`RetrievalError::DuplicateId`] if its path is there already; if the vectors do not fit;
    /// [`RetrievalError::Io`] if there is no room on the disk: it is not added then, and may be tried again;
    /// [`RetrievalError::FailedCommit`].
    pub fn add(&mut self, track: &TrackRecord, starts_s: &[f32], rows: &[f32]) -> Result<usize, RetrievalError> {
        let dim = self.config().dim;
        let rows = Embeddings::new(rows, dim)?;
        if rows.rows() != starts_s.len() || starts_s.is_empty() {
            return Err(VectorError::Shape { values: starts_s.len() * dim, dim: rows.rows() }.into());
        }
        let ordered = starts_s.windows(2).all(|pair| pair[0] <= pair[1]) && starts_s.iter().all(|x| x.is_finite());
        let times = ordered && track.duration_s.is_finite();
        let setting = |setting, found, expected| Err(RetrievalError::Setting { setting, found, expected });
        if !times {
            return setting("starts_s", track.path.clone(), "finite times, in order");
        }
        if track.tags.iter().any(|tag| tag.contains('\0')) {
            return setting("tags", track.path.clone(), "tags without the character NUL");
        }
        if self.find(&track.path)?.is_some() {
            return Err(RetrievalError::DuplicateId { id: track.path.clone() });
        }
        let number = self.appender.add(track, starts_s, rows)?;
        self.added.insert(track.path.clone(), number);
        Ok(number)
    }

    /// Removes the track at this path; gives whether there was one.
    ///
    /// # Errors
    /// [`RetrievalError::Corrupt`], [`RetrievalError::FailedCommit`].
    pub fn remove(&mut self, path: &str) -> Result<bool, RetrievalError> {
        let Some(track) = self.find(path)? else {
            return Ok(false);
        };
        self.appender.remove(track)?;
        if self.added.remove(path).is_none() {
            self.removed_of_base += 1;
        }
        self.removed.insert(track);
        Ok(true)
    }

    /// The track at this path, committed or not.
    ///
    /// # Errors
    /// [`RetrievalError::Corrupt`].
    pub fn find(&self, path: &str) -> Result<Option<usize>, RetrievalError> {
        if let Some(&track) = self.added.get(path) {
            return Ok(Some(track));
        }
        Ok(self.base.find(path)?.filter(|track| !self.removed.contains(track)))
    }

    /// The file itself, not a link to it.
    pub fn path(&self) -> &Path {
        &self.base.path
    }

    /// Number of tracks, with those that are not committed yet.
    pub fn len(&self) -> usize {
        let base = self.base.len() - self.removed_of_base;
        base + self.added.len()
    }

    /// Whether there is no track.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The state that was there when the writer came.
    pub fn base(&self) -> &Index {
        &self.base
    }

    /// Segments added and not yet committed.
    pub fn pending_segments(&self) -> usize {
        self.appender.pending_segments()
    }

    /// Makes all that was added and removed durable, and readers see it, all at once.
    ///
    /// # Errors
    /// [`RetrievalError::Io`]. Where there was no room for what was added, it may be tried again. Where it was
    /// written and could not be made durable, this and all that is tried later ends with
    /// [`RetrievalError::FailedCommit`]: open the index again. What was committed before is there in any case.
    pub fn commit(&mut self) -> Result<(), RetrievalError> {
        self.appender.commit()
    }

    /// Writes the index anew without what was removed and with its commits as one, commits what is
    /// pending, and puts it in the place of the old file. Tracks have other numbers then. Readers that
    /// have the old file open keep it until they [refresh](Index::refreshed).
    ///
    /// # Errors
    /// [`RetrievalError::Io`] or [`RetrievalError::Corrupt`]; the old file stays then.
    pub fn compact(mut self) -> Result<Self, RetrievalError> {
        self.commit()?;
        let path = self.base.path.clone();
        let index = Index::open(&path)?;
        super::compact::rewrite(&index)?;
        Self::locked(&path, &self.base.config().fingerprint, self._lock)
    }

    /// [`compact`](Self::compact) where it pays: more than a quarter of the index is garbage, or it is in more than 256
    /// pieces.
    ///
    /// # Errors
    /// As there.
    pub fn compact_where_it_pays(self) -> Result<Self, RetrievalError> {
        let pays = {
            let index = Index::open(self.path())?;
            index.garbage() > GARBAGE || index.blocks_len() > BLOCKS
        };
        if pays { self.compact() } else { Ok(self) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_index_that_was_replaced_before_it_was_locked_is_not_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("music.index");
        drop(IndexWriter::create(&path, &IndexConfig::new(2, "new")).unwrap());
        let late = IndexWriter::locked(&path, &"old".into(), lock(&path).unwrap());
        assert!(matches!(late, Err(RetrievalError::Fingerprint { .. })));
    }
}
