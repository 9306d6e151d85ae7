//! What finds tracks and their moments, exactly or nearly so.

use crate::RetrievalError;
use crate::index::{Answer, Index, Search, SegmentHit};

/// Finds segments, and tracks with their best moments. [`Index`] does so exactly; with the feature `ann`,
/// `Approximate` does in a fraction of the time.
pub trait Searcher {
    /// The `k` segments most similar to the query, best first.
    ///
    /// # Shapes
    /// - query: `[dim]`
    /// # Errors
    /// If the query does not fit, or [`RetrievalError::Corrupt`].
    fn nearest_segments(&self, query: &[f32], k: usize) -> Result<Vec<SegmentHit>, RetrievalError>;

    /// The tracks whose best moment fits the query best, with their moments.
    ///
    /// # Shapes
    /// - query: `[dim]`
    /// # Errors
    /// If the query does not fit, what the filter says, or [`RetrievalError::Corrupt`].
    fn search(&self, query: &[f32], search: &Search<'_>) -> Result<Vec<Answer>, RetrievalError>;
}

impl Searcher for Index {
    fn nearest_segments(&self, query: &[f32], k: usize) -> Result<Vec<SegmentHit>, RetrievalError> {
        Self::nearest_segments(self, query, k)
    }

    fn search(&self, query: &[f32], search: &Search<'_>) -> Result<Vec<Answer>, RetrievalError> {
        Self::search(self, query, search)
    }
}
