//! What engines have in common: how their graph is built, how they are asked, what they answer.

#[cfg(any(feature = "postgres", feature = "qdrant"))]
use muscall_retrieval::Fingerprint;

#[cfg(any(feature = "postgres", feature = "qdrant"))]
use crate::EngineError;

/// One answer.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineHit {
    /// The row's number.
    pub id: u64,
    /// The track's file.
    pub path: String,
    /// Where the segment begins, seconds.
    pub start_s: f32,
    /// Dot product with the query, the cosine of unit vectors.
    pub score: f32,
}

/// How a table or a collection is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// Every row is looked at.
    Exact,
    /// By the graph, if there is one.
    Approximate {
        /// How many rows are kept in sight; at least as many as hits are wanted.
        ef: u32,
    },
}

/// A graph of neighbours for approximate search (HNSW).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hnsw {
    /// Neighbours of a row.
    pub m: u32,
    /// Rows in sight while a row is put in its place.
    pub ef_construction: u32,
}

impl Default for Hnsw {
    fn default() -> Self {
        Self { m: 16, ef_construction: 128 }
    }
}

/// What a table or a collection holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Of the model that made the vectors.
    pub fingerprint: String,
    /// Dimensions of a vector.
    pub dim: usize,
    /// Number of rows.
    pub rows: u64,
}

#[cfg(any(feature = "postgres", feature = "qdrant"))]
impl Pushed {
    /// Whether a query of a model can be asked here.
    pub(crate) fn check(&self, place: &str, space: &Fingerprint, query: &[f32]) -> Result<(), EngineError> {
        if !space.accepts(&self.fingerprint) {
            let (place, found, expected) = (place.to_owned(), self.fingerprint.clone(), space.to_string());
            return Err(EngineError::Fingerprint { place, found, expected });
        }
        if self.dim != query.len() {
            return Err(EngineError::Query { expected: self.dim, actual: query.len() });
        }
        if query.iter().all(|x| x.is_finite()) { Ok(()) } else { Err(EngineError::QueryNotFinite) }
    }
}

#[cfg(any(feature = "postgres", feature = "qdrant"))]
/// A name that every engine takes, and that needs no quotes anywhere.
pub(crate) fn check_name(name: &str, most: usize) -> Result<(), EngineError> {
    let whole = name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    if whole && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.len() <= most {
        return Ok(());
    }
    Err(EngineError::Name { name: name.to_owned(), most })
}
