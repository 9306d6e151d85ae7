//! Rows ranked by cosine, with ties defined, and the mean of rows.

use muscall_kernels::Level;

use crate::{Embeddings, VectorError};

/// An item and its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Row of the item.
    pub index: usize,
    /// Cosine, for rows of unit norm.
    pub score: f32,
}

/// Inner product, the cosine of rows of unit norm. Equal rows give equal scores: the order of additions is fixed.
///
/// # Panics
/// If the two have different lengths.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
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
    let mut mean = vec![0.0_f64; rows.dim()];
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
/// [`VectorError::Dimensions`] or [`VectorError::NotFinite`] if the query does not fit.
pub fn top_k(query: &[f32], items: Embeddings<'_>, k: usize) -> Result<Vec<Hit>, VectorError> {
    if query.len() != items.dim() {
        let (expected, actual) = (items.dim(), query.len());
        return Err(VectorError::Dimensions { expected, actual });
    }
    if query.iter().any(|x| !x.is_finite()) {
        return Err(VectorError::NotFinite { row: 0 });
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

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
    fn a_query_of_another_model_is_named() {
        let items = Embeddings::new(&[1.0; 4], 2).unwrap();
        assert!(matches!(top_k(&[1.0; 3], items, 1), Err(VectorError::Dimensions { expected: 2, actual: 3 })));
    }
}
