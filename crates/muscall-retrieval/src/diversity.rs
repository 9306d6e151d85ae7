//! Hits that are good, and not all the same.

use muscall_vectors::dot;
use rayon::prelude::*;

use crate::{Embeddings, RetrievalError, VectorError};

/// Rows that a thread compares at once.
const ROWS: usize = 256;

/// Up to `top` rows by maximal marginal relevance: the best one first, then again and again the row `i`
/// with the largest
///
/// `λ · scores[i] − (1 − λ) · max over the chosen j of vectors[i] · vectors[j]`.
///
/// λ = 1 is the plain ranking, λ = 0 takes what is unlike all before. Of equal values the earlier row comes
/// first. Scores should be of the scale of the rows' cosines: those of text are smaller, and want a λ nearer
/// to 1. The cost is `top · rows · dim`; give the best few hundred hits rather than a whole collection.
///
/// ```
/// use muscall_retrieval::{Embeddings, mmr};
///
/// // The second row is as good as the first, and the same.
/// let vectors = Embeddings::new(&[1.0, 0.0, 1.0, 0.0, 0.0, 1.0], 2)?;
/// assert_eq!(mmr(&[0.9, 0.9, 0.5], vectors, 2, 1.0)?, [0, 1]);
/// assert_eq!(mmr(&[0.9, 0.9, 0.5], vectors, 2, 0.5)?, [0, 2]);
/// # Ok::<(), muscall_retrieval::RetrievalError>(())
/// ```
///
/// # Shapes
/// - scores: `[rows]`; vectors: `[rows, dim]`, unit norm; returns at most `[top]` rows, best first.
/// # Errors
/// [`RetrievalError::Scores`] if there is not one per row, [`VectorError::NotFinite`] if one is not
/// finite, [`RetrievalError::OutOfRange`] if λ is not in 0 to 1.
/// # Source
/// Carbonell and Goldstein 1998.
pub fn mmr(scores: &[f32], vectors: Embeddings<'_>, top: usize, lambda: f32) -> Result<Vec<usize>, RetrievalError> {
    let rows = vectors.rows();
    if scores.len() != rows {
        return Err(RetrievalError::Scores { scores: scores.len(), rows });
    }
    if let Some(row) = scores.iter().position(|score| !score.is_finite()) {
        return Err(VectorError::NotFinite { row }.into());
    }
    if !(0.0..=1.0).contains(&lambda) {
        return Err(RetrievalError::OutOfRange { what: "lambda", found: lambda, expected: "0 to 1" });
    }
    let mut values = scores.to_vec();
    let mut nearest = vec![f32::NEG_INFINITY; rows];
    let mut left: Vec<usize> = (0..rows).collect();
    let mut chosen = Vec::with_capacity(top.min(rows));
    while chosen.len() < top {
        let best = left.iter().copied().enumerate().max_by(|&(_, a), &(_, b)| {
            let by_value = values[a].total_cmp(&values[b]);
            by_value.then(b.cmp(&a))
        });
        let Some((place, best)) = best else { break };
        left.remove(place);
        chosen.push(best);
        let last = vectors.row(best);
        let rows = nearest.par_iter_mut().zip(&mut values).enumerate().with_min_len(ROWS);
        rows.for_each(|(row, (nearest, value))| {
            *nearest = nearest.max(dot(vectors.row(row), last));
            *value = lambda * scores[row] - (1.0 - lambda) * *nearest;
        });
    }
    Ok(chosen)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::top_k;

    #[test]
    fn a_group_is_shown_once_before_it_is_shown_again() {
        // Three groups of three rows; the first group is the best.
        let vectors: Vec<f32> = (0..9).flat_map(|row| (0..3).map(move |x| f32::from(u8::from(x == row / 3)))).collect();
        let scores = [0.9, 0.8, 0.8, 0.5, 0.6, 0.4, 0.1, 0.3, 0.3];
        let vectors = Embeddings::new(&vectors, 3).unwrap();
        assert_eq!(mmr(&scores, vectors, 4, 0.5).unwrap(), [0, 4, 7, 1]);
        assert_eq!(mmr(&scores, vectors, 3, 1.0).unwrap(), [0, 1, 2]);
        assert_eq!(mmr(&scores, vectors, 3, 0.0).unwrap(), [0, 3, 6]);
        assert!(mmr(&scores, vectors, 0, 0.5).unwrap().is_empty());
        assert_eq!(mmr(&scores, vectors, 99, 0.5).unwrap().len(), 9);
    }

    #[test]
    fn misfits_are_named() {
        let vectors = Embeddings::new(&[1.0, 0.5], 1).unwrap();
        assert!(matches!(mmr(&[1.0], vectors, 1, 0.5), Err(RetrievalError::Scores { scores: 1, rows: 2 })));
        assert!(matches!(
            mmr(&[1.0, f32::NAN], vectors, 1, 0.5),
            Err(RetrievalError::Vectors(VectorError::NotFinite { row: 1 }))
        ));
        for lambda in [-0.1, 1.1, f32::NAN] {
            assert!(matches!(mmr(&[1.0, 1.0], vectors, 1, lambda), Err(RetrievalError::OutOfRange { .. })));
        }
    }

    /// The formula, without memory.
    fn plainly(scores: &[f32], vectors: Embeddings<'_>, top: usize, lambda: f32) -> Vec<usize> {
        let mut chosen: Vec<usize> = Vec::new();
        while chosen.len() < top.min(scores.len()) {
            let value = |row: usize| {
                let near = chosen.iter().map(|&other| dot(vectors.row(row), vectors.row(other)));
                let nearest = near.reduce(f32::max);
                nearest.map_or(scores[row], |nearest| lambda * scores[row] - (1.0 - lambda) * nearest)
            };
            let rows = (0..scores.len()).filter(|row| !chosen.contains(row));
            let best = rows.fold(None, |best: Option<usize>, row| match best {
                Some(best) if value(best) >= value(row) => Some(best),
                _ => Some(row),
            });
            chosen.extend(best);
        }
        chosen
    }

    proptest! {
        #[test]
        fn follows_the_formula(
            // Few different values: many ties.
            rows in prop::collection::vec((1_u8..5, -2_i8..3, -2_i8..3), 0..40),
            top in 0_usize..50,
            lambda in prop_oneof![Just(0.0_f32), Just(1.0), 0.0_f32..1.0],
        ) {
            let scores: Vec<f32> = rows.iter().map(|row| f32::from(row.0) / 4.0).collect();
            let values: Vec<f32> = rows.iter().flat_map(|row| [f32::from(row.1), f32::from(row.2)]).collect();
            let vectors = Embeddings::new(&values, 2).unwrap();
            let chosen = mmr(&scores, vectors, top, lambda).unwrap();
            prop_assert_eq!(&chosen, &plainly(&scores, vectors, top, lambda));
            if lambda == 1.0 {
                let hits = top_k(&[1.0], Embeddings::new(&scores, 1).unwrap(), top).unwrap();
                prop_assert_eq!(chosen, hits.iter().map(|hit| hit.index).collect::<Vec<_>>());
            }
        }
    }
}
