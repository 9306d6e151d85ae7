//! A small exact index: ids and vectors in one file.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use xxhash_rust::xxh3::xxh3_64;

use crate::ranking::top_k;
use crate::{Embeddings, RetrievalError};

/// Gives every save of this process a file of its own.
static SAVES: AtomicU64 = AtomicU64::new(0);

const MAGIC: &[u8; 8] = b"MUSCALL\x01";

/// Vectors by id, searched exactly.
///
/// The file, little-endian: the magic with its version, the dimensions (u32), the number of rows
/// (u64), the fingerprint and the ids (each a u32 length and UTF-8), the rows as f32, and the XXH3 of
/// all that (u64).
#[derive(Debug, Clone, PartialEq)]
pub struct Index {
    fingerprint: String,
    dim: usize,
    ids: Vec<String>,
    rows: HashMap<String, usize>,
    values: Vec<f32>,
}

impl Index {
    /// An empty index for the vectors of one model.
    ///
    /// # Errors
    /// [`RetrievalError::Shape`] for zero dimensions.
    pub fn new(dim: usize, fingerprint: impl Into<String>) -> Result<Self, RetrievalError> {
        if dim == 0 || u32::try_from(dim).is_err() {
            return Err(RetrievalError::Shape { values: 0, dim });
        }
        Ok(Self { fingerprint: fingerprint.into(), dim, ids: Vec::new(), rows: HashMap::new(), values: Vec::new() })
    }

    /// # Errors
    /// [`RetrievalError::DuplicateId`], or if the vector does not fit.
    pub fn add(&mut self, id: impl Into<String>, vector: &[f32]) -> Result<(), RetrievalError> {
        let id = id.into();
        if vector.len() != self.dim {
            let (expected, actual) = (self.dim, vector.len());
            return Err(RetrievalError::Dimensions { expected, actual });
        }
        if vector.iter().any(|x| !x.is_finite()) {
            return Err(RetrievalError::NotFinite { row: self.ids.len() });
        }
        if self.rows.contains_key(&id) {
            return Err(RetrievalError::DuplicateId { id });
        }
        self.rows.insert(id.clone(), self.ids.len());
        self.ids.push(id);
        self.values.extend_from_slice(vector);
        Ok(())
    }

    /// The `k` ids most similar to the query, best first.
    ///
    /// # Errors
    /// If the query does not fit.
    pub fn search(&self, query: &[f32], k: usize) -> Result<Vec<(&str, f32)>, RetrievalError> {
        let hits = top_k(query, Embeddings::new(&self.values, self.dim)?, k)?;
        Ok(hits.into_iter().map(|hit| (self.ids[hit.index].as_str(), hit.score)).collect())
    }

    /// The vector of an id.
    pub fn get(&self, id: &str) -> Option<&[f32]> {
        self.rows.get(id).map(|row| &self.values[row * self.dim..][..self.dim])
    }

    /// The ids in the order of their addition.
    pub fn ids(&self) -> &[String] {
        &self.ids
    }

    /// Number of vectors.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no vector.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Dimensions of a vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Writes the file beside its place and moves it there, so that readers see the old or the new.
    ///
    /// # Errors
    /// [`RetrievalError::Io`] with the path.
    pub fn save(&self, path: &Path) -> Result<(), RetrievalError> {
        let mut bytes = Vec::from(*MAGIC);
        bytes.extend((self.dim as u32).to_le_bytes());
        bytes.extend((self.ids.len() as u64).to_le_bytes());
        for text in std::iter::once(&self.fingerprint).chain(&self.ids) {
            bytes.extend((text.len() as u32).to_le_bytes());
            bytes.extend(text.as_bytes());
        }
        bytes.extend(self.values.iter().flat_map(|x| x.to_le_bytes()));
        bytes.extend(xxh3_64(&bytes).to_le_bytes());
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".new-{}-{}", std::process::id(), SAVES.fetch_add(1, Ordering::Relaxed)));
        let new = path.with_file_name(name);
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&new, path)
        };
        write().map_err(|source| {
            let _ = fs::remove_file(&new);
            RetrievalError::Io { path: path.to_owned(), source }
        })
    }

    /// Reads a file that was made with the model of this fingerprint.
    ///
    /// # Errors
    /// [`RetrievalError::Io`], [`RetrievalError::Corrupt`] or [`RetrievalError::Fingerprint`].
    pub fn load(path: &Path, fingerprint: &str) -> Result<Self, RetrievalError> {
        let bytes = fs::read(path).map_err(|source| RetrievalError::Io { path: path.to_owned(), source })?;
        let corrupt = |what| RetrievalError::Corrupt { path: path.to_owned(), what };
        let index = Self::parse(&bytes).map_err(corrupt)?;
        if index.fingerprint != fingerprint {
            let (path, found, expected) = (path.to_owned(), index.fingerprint, fingerprint.to_owned());
            return Err(RetrievalError::Fingerprint { path, found, expected });
        }
        Ok(index)
    }

    fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let (body, sum) = bytes.split_last_chunk::<8>().ok_or("too short")?;
        if !body.starts_with(MAGIC) {
            return Err("not an index of this version");
        }
        if xxh3_64(body) != u64::from_le_bytes(*sum) {
            return Err("the checksum does not match");
        }
        let mut rest = Reader(&body[MAGIC.len()..]);
        let dim = rest.number::<4>()?;
        let count = rest.number::<8>()?;
        let fingerprint = rest.text()?;
        // Bounded by what is there, whatever the count says.
        let mut ids = Vec::with_capacity(count.min(body.len()));
        for _ in 0..count {
            ids.push(rest.text()?);
        }
        let size = count.checked_mul(dim).and_then(|values| values.checked_mul(4));
        if dim == 0 || size != Some(rest.0.len()) {
            return Err("the rows are not as many as announced");
        }
        let words = rest.0.chunks_exact(4);
        let values: Vec<f32> = words.map(|x| f32::from_le_bytes([x[0], x[1], x[2], x[3]])).collect();
        if values.iter().any(|x| !x.is_finite()) {
            return Err("a value is not finite");
        }
        let rows: HashMap<String, usize> = ids.iter().cloned().enumerate().map(|(row, id)| (id, row)).collect();
        if rows.len() != ids.len() {
            return Err("an id stands twice");
        }
        Ok(Self { fingerprint, dim, ids, rows, values })
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or("it ends too early")?;
        self.0 = rest;
        Ok(taken)
    }

    fn number<const BYTES: usize>(&mut self) -> Result<usize, &'static str> {
        let mut word = [0; 8];
        word[..BYTES].copy_from_slice(self.take(BYTES)?);
        usize::try_from(u64::from_le_bytes(word)).map_err(|_| "a number is too large")
    }

    fn text(&mut self) -> Result<String, &'static str> {
        let length = self.number::<4>()?;
        String::from_utf8(self.take(length)?.to_vec()).map_err(|_| "an id is not UTF-8")
    }
}
