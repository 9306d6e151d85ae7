//! Scores, hits and ranks, with ties defined.

use muscall_kernels::Level;

use crate::RetrievalError;

/// A view of rows, `[rows, dim]`, all finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Embeddings<'a> {
    values: &'a [f32],
    dim: usize,
}

impl<'a> Embeddings<'a> {
    /// # Errors
    /// [`RetrievalError::Shape`] if the values are not whole rows, [`RetrievalError::NotFinite`] if
    /// one of them is NaN or infinite.
    pub fn new(values: &'a [f32], dim: usize) -> Result<Self, RetrievalError> {
        if dim == 0 || !values.len().is_multiple_of(dim) {
            let values = values.len();
            return Err(RetrievalError::Shape { values, dim });
        }
        if let Some(at) = values.iter().position(|x| !x.is_finite()) {
            return Err(RetrievalError::NotFinite { row: at / dim });
        }
        Ok(Self { values, dim })
    }

    /// Rows that were checked before.
    pub(crate) fn trusted(values: &'a [f32], dim: usize) -> Self {
        Self { values, dim }
    }

    /// All values, row by row.
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Length of a row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Row `i`.
    pub fn row(&self, i: usize) -> &'a [f32] {
        &self.values[i * self.dim..][..self.dim]
    }

    /// The rows in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [f32]> + use<'a> {
        self.values.chunks_exact(self.dim)
    }
}

/// An item and its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Row of the item.
    pub index: usize,
    /// Cosine, for rows of unit norm.
    pub score: f32,
}

/// Inner product. Equal rows give equal scores: the order of additions is fixed.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    muscall_kernels::dot(a, b, Level::best())
}

/// The mean of rows, normalised again: what stands for a track of several segments.
///
/// Rows that cancel out have no direction; the first one stands for them then. One row is left as it is.
///
/// # Shapes
/// - rows: `[rows, dim]`, at least one; returns `[dim]`
///
/// # Panics
/// If there is no row.
pub fn mean_direction(rows: Embeddings<'_>) -> Vec<f32> {
    let first = rows.row(0);
    if rows.rows() == 1 {
        return first.to_vec();
    }
    let mut mean = vec![0.0_f64; rows.dim];
    for row in rows.iter() {
        mean.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    let norm = mean.iter().map(|x| x * x).sum::<f64>().sqrt();
    if norm < 1e-6 {
        return first.to_vec();
    }
    mean.into_iter().map(|x| (x / norm) as f32).collect()
}

/// The `k` items most similar to the query, best first; of equal scores the earlier item first.
///
/// # Errors
/// [`RetrievalError::Dimensions`] or [`RetrievalError::NotFinite`] if the query does not fit.
pub fn top_k(query: &[f32], items: Embeddings<'_>, k: usize) -> Result<Vec<Hit>, RetrievalError> {
    if query.len() != items.dim {
        let (expected, actual) = (items.dim, query.len());
        return Err(RetrievalError::Dimensions { expected, actual });
    }
    if query.iter().any(|x| !x.is_finite()) {
        return Err(RetrievalError::NotFinite { row: 0 });
    }
    let scores = items.iter().enumerate();
    let mut hits: Vec<Hit> = scores.map(|(index, item)| Hit { index, score: dot(query, item) }).collect();
    let best_first = |a: &Hit, b: &Hit| b.score.total_cmp(&a.score).then(a.index.cmp(&b.index));
    if k < hits.len() {
        if k > 0 {
            hits.select_nth_unstable_by(k - 1, best_first);
        }
        hits.truncate(k);
    }
    hits.sort_unstable_by(best_first);
    Ok(hits)
}

/// Rank of each relevant item among all, from 1, in the order of ranks.
///
/// Pessimistic: an item that is not relevant and scores the same comes first. Relevant items do
/// not push each other out: of two with the same score, one simply follows the other.
#[cfg(test)]
pub(crate) fn ranks(scores: &[f32], relevant: &[usize]) -> Vec<usize> {
    let mut ordered = relevant.to_vec();
    ordered.sort_unstable_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    let better = ordered.iter().enumerate().map(|(position, &item)| {
        let score = scores[item];
        // Written so that a score that is not a number ranks last, not first.
        let reaches = |other: f32| !matches!(other.partial_cmp(&score), Some(std::cmp::Ordering::Less));
        let others = scores.iter().filter(|&&other| reaches(other)).count();
        let own = ordered.iter().filter(|&&other| reaches(scores[other])).count();
        others - own + position + 1
    });
    better.collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_go_before_the_relevant_item() {
        assert_eq!(ranks(&[0.5, 0.5, 0.1, 0.5], &[1]), [3]);
        assert_eq!(ranks(&[0.5, 0.9, 0.1], &[2]), [3]);
        assert_eq!(ranks(&[0.5, 0.5, 0.5, 0.1], &[0, 1]), [2, 3]);
        assert_eq!(ranks(&[0.9, 0.1, 0.5, 0.2], &[0, 2]), [1, 2]);
        assert_eq!(ranks(&[0.9, f32::NAN, 0.5], &[1]), [3]);
    }

    #[test]
    fn top_k_orders_ties_by_index() {
        let items = [1.0, 0.0, 1.0, 0.0, 0.0, 1.0];
        let items = Embeddings::new(&items, 2).unwrap();
        let indices = |k| top_k(&[1.0, 0.0], items, k).unwrap().iter().map(|hit| hit.index).collect::<Vec<_>>();
        assert_eq!(indices(2), [0, 1]);
        assert_eq!(indices(9), [0, 1, 2]);
        assert!(indices(0).is_empty());
    }

    #[test]
    fn the_mean_has_unit_norm_and_one_row_is_left_alone() {
        let mean = |values: &[f32]| mean_direction(Embeddings::new(values, 2).unwrap());
        assert_eq!(mean(&[0.6, 0.8]), [0.6, 0.8]);
        assert!(mean(&[1.0, 0.0, 0.0, 1.0]).iter().all(|x| (x - 0.5_f32.sqrt()).abs() < 1e-6));
        assert_eq!(mean(&[1.0, 0.0, -1.0, 0.0]), [1.0, 0.0]);
    }

    #[test]
    fn misfits_are_named() {
        assert!(matches!(Embeddings::new(&[1.0; 3], 2), Err(RetrievalError::Shape { values: 3, dim: 2 })));
        assert!(matches!(Embeddings::new(&[1.0, 1.0, f32::NAN], 1), Err(RetrievalError::NotFinite { row: 2 })));
        let items = Embeddings::new(&[1.0; 4], 2).unwrap();
        assert!(matches!(top_k(&[1.0; 3], items, 1), Err(RetrievalError::Dimensions { expected: 2, actual: 3 })));
    }
}
