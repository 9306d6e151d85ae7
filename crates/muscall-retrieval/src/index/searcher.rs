//! What finds tracks and their moments, exactly or nearly so.

use crate::RetrievalError;
use crate::index::{Answer, Index, Search, SegmentHit};

/// Finds segments, and tracks with their best moments, in one state of an index. [`Index`] does so exactly; with the
/// feature `ann`, `Approximate` does in a fraction of the time.
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

impl<S: Searcher + ?Sized> Searcher for &S {
    fn nearest_segments(&self, query: &[f32], k: usize) -> Result<Vec<SegmentHit>, RetrievalError> {
        (**self).nearest_segments(query, k)
    }

    fn search(&self, query: &[f32], search: &Search<'_>) -> Result<Vec<Answer>, RetrievalError> {
        (**self).search(query, search)
    }
}

/// A way to search an index that outlives its states: [`ExactSearch`] or, with the feature `ann`, `SegmentGraph`.
pub trait SearchMethod: std::fmt::Debug + Send + Sync {
    /// What searches this state of the index. A method that does not fit the state, as a graph does not after a
    /// compaction, gives way to exact search.
    fn searcher<'a>(&'a self, index: &'a Index) -> Box<dyn Searcher + 'a>;
}

/// Exhaustive search: each query is compared with all segments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExactSearch;

impl SearchMethod for ExactSearch {
    fn searcher<'a>(&'a self, index: &'a Index) -> Box<dyn Searcher + 'a> {
        Box::new(index)
    }
}
