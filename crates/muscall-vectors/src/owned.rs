//! Embeddings that hold their values, and ranking one set by another.

use crate::{Embeddings, Hit, top_k};

/// Rows of unit norm that own their values, as a model gives them.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedEmbeddings {
    values: Vec<f32>,
    dim: usize,
}

impl OwnedEmbeddings {
    /// Rows that are known to be whole and finite, such as those that a model's caller has looked through.
    ///
    /// # Shapes
    /// - values: `[rows, dim]`
    pub fn assume_finite(values: Vec<f32>, dim: usize) -> Self {
        debug_assert!(dim > 0 && values.len().is_multiple_of(dim), "{} values are not rows of {dim}", values.len());
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

    /// The rows as what rankings and metrics take.
    pub fn view(&self) -> Embeddings<'_> {
        Embeddings::assume_finite(&self.values, self.dim)
    }

    /// Ranks `items` by cosine to each row.
    ///
    /// # Panics
    /// If the two come from models with joint spaces of different size.
    pub fn rank<'a>(&'a self, items: &'a Self) -> Ranking<'a> {
        assert_eq!(self.dim, items.dim, "embeddings of different models");
        Ranking { queries: self, items }
    }
}

/// One set of embeddings ranked by another.
#[derive(Debug, Clone, Copy)]
pub struct Ranking<'a> {
    queries: &'a OwnedEmbeddings,
    items: &'a OwnedEmbeddings,
}

impl Ranking<'_> {
    /// All items for query `i`, best first; of equal scores the earlier item first.
    ///
    /// # Panics
    /// If there is no such query.
    pub fn row(&self, i: usize) -> std::vec::IntoIter<Hit> {
        let hits = top_k(self.queries.row(i), self.items.view(), self.items.len());
        hits.expect("embeddings are finite and of one size").into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_ranks_all_items() {
        let queries = OwnedEmbeddings::assume_finite(vec![0.0, 1.0, 1.0, 0.0], 2);
        let items = OwnedEmbeddings::assume_finite(vec![1.0, 0.0, 0.6, 0.8, 0.0, 1.0], 2);
        let order = |i| queries.rank(&items).row(i).map(|hit| hit.index).collect::<Vec<_>>();
        assert_eq!((order(0), order(1)), (vec![2, 1, 0], vec![0, 1, 2]));
    }
}
