//! Embeddings on the host, and ranking one set by another.

use std::ops::Deref;

use muscall_retrieval::{Hit, top_k};

/// Rows of unit norm.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    values: Vec<f32>,
    dim: usize,
}

/// Embeddings of music, `[clips, dim]`, unit norm.
#[derive(Debug, Clone, PartialEq)]
pub struct AudioEmbedding(Embeddings);

/// Embeddings of text, `[texts, dim]`, unit norm.
#[derive(Debug, Clone, PartialEq)]
pub struct TextEmbedding(Embeddings);

impl Embeddings {
    pub(crate) fn new(values: Vec<f32>, dim: usize) -> Self {
        debug_assert!(values.len().is_multiple_of(dim.max(1)));
        Self { values, dim }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.values.len() / self.dim.max(1)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Dimensions of a row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Row `i`.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.dim..][..self.dim]
    }

    /// All rows, one after the other: `[len, dim]`.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Ranks `items` by cosine to each row.
    ///
    /// # Panics
    /// If the two come from models with joint spaces of different size.
    pub fn rank<'a>(&'a self, items: &'a Embeddings) -> Ranking<'a> {
        assert_eq!(self.dim, items.dim, "embeddings of different models");
        Ranking { queries: self, items }
    }
}

impl AudioEmbedding {
    pub(crate) fn new(values: Vec<f32>, dim: usize) -> Self {
        Self(Embeddings::new(values, dim))
    }
}

impl TextEmbedding {
    pub(crate) fn new(values: Vec<f32>, dim: usize) -> Self {
        Self(Embeddings::new(values, dim))
    }
}

impl Deref for AudioEmbedding {
    type Target = Embeddings;

    fn deref(&self) -> &Embeddings {
        &self.0
    }
}

impl Deref for TextEmbedding {
    type Target = Embeddings;

    fn deref(&self) -> &Embeddings {
        &self.0
    }
}

/// One set of embeddings ranked by another.
#[derive(Debug, Clone, Copy)]
pub struct Ranking<'a> {
    queries: &'a Embeddings,
    items: &'a Embeddings,
}

impl Ranking<'_> {
    /// All items for query `i`, best first; of equal scores the earlier item first.
    ///
    /// # Panics
    /// If there is no such query.
    pub fn row(&self, i: usize) -> std::vec::IntoIter<Hit> {
        let items = muscall_retrieval::Embeddings::new(&self.items.values, self.items.dim);
        let hits = items.and_then(|items| top_k(self.queries.row(i), items, self.items.len()));
        hits.expect("embeddings are finite and of one size").into_iter()
    }
}
