//! Appending to the file.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;

use crate::index::append::{Appender, beside};
use crate::index::snapshot::read_header;
use crate::index::{Index, IndexConfig, TrackRecord};
use crate::{Embeddings, RetrievalError};

/// Adds tracks to an index and removes them; what was committed stays, whatever happens.
///
/// There is one writer at a time, which a file beside the index (`….lock`) sees to. Readers need no lock.
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
        let lock = lock(path)?;
        if path.exists() {
            let source = std::io::ErrorKind::AlreadyExists.into();
            return Err(RetrievalError::Io { path: path.to_owned(), source });
        }
        Appender::create(path, config, 0)?;
        Self::locked(path, lock)
    }

    /// An index that exists, for the model of this fingerprint.
    ///
    /// # Errors
    /// As [`Index::open_for`], and [`RetrievalError::Locked`] if another writer has it.
    pub fn open(path: &Path, fingerprint: &str) -> Result<Self, RetrievalError> {
        // No lock is left beside a file that is not there.
        Index::open_for(path, fingerprint)?;
        Self::locked(path, lock(path)?)
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
        if found != config {
            let found = format!("{} dimensions, windows of {} s every {} s", found.dim, found.window_s, found.hop_s);
            return Err(RetrievalError::Setting { setting: "index", found, expected: "those of the model at hand" });
        }
        Ok(writer)
    }

    fn locked(path: &Path, lock: File) -> Result<Self, RetrievalError> {
        let base = Index::open(path)?;
        let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(|source| io(path, source))?;
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
    /// [`RetrievalError::DuplicateId`] if its path is there already; if the vectors do not fit.
    pub fn add(&mut self, track: &TrackRecord, starts_s: &[f32], rows: &[f32]) -> Result<usize, RetrievalError> {
        let dim = self.config().dim;
        let rows = Embeddings::new(rows, dim)?;
        if rows.rows() != starts_s.len() || starts_s.is_empty() {
            return Err(RetrievalError::Shape { values: starts_s.len() * dim, dim: rows.rows() });
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
    /// [`RetrievalError::Corrupt`].
    pub fn remove(&mut self, path: &str) -> Result<bool, RetrievalError> {
        let Some(track) = self.find(path)? else {
            return Ok(false);
        };
        if self.added.remove(path).is_none() {
            self.removed_of_base += 1;
        }
        self.removed.insert(track);
        self.appender.remove(track);
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

    /// The file.
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
    /// [`RetrievalError::Io`]; nothing is lost then, and it may be tried again.
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
        Self::locked(&path, self._lock)
    }
}

/// Waits for nobody.
fn lock(path: &Path) -> Result<File, RetrievalError> {
    let name = beside(path, ".lock");
    if path.is_dir() {
        return Err(io(path, std::io::ErrorKind::IsADirectory.into()));
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(|source| io(folder, source))?;
    }
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&name);
    let file = file.map_err(|source| io(&name, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(RetrievalError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(io(&name, source)),
    }
}

fn io(path: &Path, source: std::io::Error) -> RetrievalError {
    RetrievalError::Io { path: path.to_owned(), source }
}
