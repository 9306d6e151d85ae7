//! Rows that are almost the same: other files of one recording, other masters, loops.

use std::sync::{Mutex, PoisonError};

use muscall_kernels::{Level, Linear};
use rayon::prelude::*;

use crate::groups::Groups;
use crate::{Embeddings, RetrievalError};

/// Rows of a tile's side: a tile of cosines is 1 MiB.
pub(crate) const SIDE: usize = 512;
/// What rounding may take from the cosine of a row with itself.
pub(crate) const ROUNDING: f32 = 1e-6;

/// Groups of at least two rows that are linked by cosines of at least the threshold, less a rounding of
/// 10⁻⁶: at 1, exact copies are found.
///
/// Links form chains: if a is near to b and b to c, all three are of one group, whatever the cosine of a
/// and c. So a low threshold makes one large group of a whole style; see which of your pairs are the same
/// by ear before you choose it.
///
/// All pairs are compared, `rows² · dim / 2` multiplications, in tiles of 512 × 512, so that memory does not
/// grow with the pairs. The result does not depend on the number of threads.
///
/// ```
/// use muscall_retrieval::{Embeddings, duplicates};
///
/// let vectors = Embeddings::new(&[1.0, 0.0, 0.0, 1.0, 0.8, 0.6, 0.0, 1.0, 0.98, 0.199], 2)?;
/// assert_eq!(duplicates(vectors, 0.95)?, vec![vec![0, 4], vec![1, 3]]);
/// # Ok::<(), muscall_retrieval::RetrievalError>(())
/// ```
///
/// # Shapes
/// - vectors: `[rows, dim]`, unit norm; returns groups by their first row, and in each its rows in order.
/// # Errors
/// [`RetrievalError::OutOfRange`] if the threshold is not above 0 and at most 1.
pub fn duplicates(vectors: Embeddings<'_>, threshold: f32) -> Result<Vec<Vec<usize>>, RetrievalError> {
    check_threshold(threshold)?;
    Ok(linked(vectors, threshold - ROUNDING, SIDE, &|_, _| true))
}

pub(crate) fn check_threshold(threshold: f32) -> Result<(), RetrievalError> {
    if threshold > 0.0 && threshold <= 1.0 {
        return Ok(());
    }
    let expected = "above 0 and at most 1";
    Err(RetrievalError::OutOfRange { what: "threshold", found: threshold, expected })
}

/// Groups of rows that are near to each other and pass a second look.
pub(crate) fn linked(
    vectors: Embeddings<'_>,
    threshold: f32,
    side: usize,
    second_look: &(dyn Fn(usize, usize) -> bool + Sync),
) -> Vec<Vec<usize>> {
    let groups = Mutex::new(Groups::new(vectors.rows()));
    near(vectors, threshold, side, second_look, &|pairs| {
        let mut groups = groups.lock().unwrap_or_else(PoisonError::into_inner);
        pairs.into_iter().for_each(|(a, b)| groups.join(a, b));
    });
    groups.into_inner().unwrap_or_else(PoisonError::into_inner).into_groups()
}

/// Gives pairs of rows that are near to each other and pass a second look to `take`, the smaller row first; in no order, by
/// several threads, some at a time.
pub(crate) fn near(
    vectors: Embeddings<'_>,
    threshold: f32,
    side: usize,
    second_look: &(dyn Fn(usize, usize) -> bool + Sync),
    take: &(dyn Fn(Vec<(usize, usize)>) + Sync),
) {
    let (rows, dim) = (vectors.rows(), vectors.dim());
    let tile = |first: usize| -> Vec<f32> {
        (first..(first + side).min(rows)).flat_map(|row| vectors.row(row)).copied().collect()
    };
    for right in (0..rows).step_by(side) {
        let columns = (right + side).min(rows) - right;
        let product = Linear::new(&tile(right), [columns, dim], &[], Level::best());
        (0..=right / side).into_par_iter().for_each(|left| {
            let left = left * side;
            let cosines = product.run(&tile(left), None); // [rows of the tile, columns]
            let mut pairs = Vec::new();
            for (row, cosines) in (left..).zip(cosines.chunks_exact(columns)) {
                let near = (right..)
                    .zip(cosines)
                    .filter(|&(column, &cosine)| row < column && cosine >= threshold && second_look(row, column));
                pairs.extend(near.map(|(column, _)| (row, column)));
            }
            if !pairs.is_empty() {
                take(pairs);
            }
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use muscall_vectors::dot;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn unit(mut row: Vec<f32>) -> Vec<f32> {
        let norm = dot(&row, &row).sqrt();
        row.iter_mut().for_each(|x| *x /= norm);
        row
    }

    fn random(rng: &mut ChaCha8Rng, dim: usize) -> Vec<f32> {
        unit((0..dim).map(|_| rng.random_range(-1.0..1.0)).collect())
    }

    #[test]
    fn planted_copies_are_found_with_any_number_of_threads() {
        const DIM: usize = 48;
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut values: Vec<f32> = (0..1300).flat_map(|_| random(&mut rng, DIM)).collect();
        let planted = vec![vec![3, 700, 1299], vec![5, 6], vec![511, 512], vec![900, 1030]];
        for group in &planted {
            for &copy in &group[1..] {
                let noise = random(&mut rng, DIM);
                let original = &values[group[0] * DIM..][..DIM];
                let row = unit(original.iter().zip(noise).map(|(x, noise)| x + 0.1 * noise).collect());
                values[copy * DIM..][..DIM].copy_from_slice(&row);
            }
        }
        let vectors = Embeddings::new(&values, DIM).unwrap();
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| duplicates(vectors, 0.95)).unwrap(), planted);
            // A threshold where chance makes long chains.
            let chains = pool.install(|| duplicates(vectors, 0.5)).unwrap();
            assert_eq!(chains, duplicates(vectors, 0.5).unwrap());
        }
    }

    #[test]
    fn exact_copies_have_a_cosine_of_one() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let mut values: Vec<f32> = (0..200).flat_map(|_| random(&mut rng, 512)).collect();
        values.extend_from_within(..);
        let groups = duplicates(Embeddings::new(&values, 512).unwrap(), 1.0).unwrap();
        assert_eq!(groups, (0..200).map(|row| vec![row, row + 200]).collect::<Vec<_>>());
    }

    #[test]
    fn edges() {
        let nothing = Embeddings::new(&[], 4).unwrap();
        assert!(duplicates(nothing, 0.9).unwrap().is_empty());
        for threshold in [0.0, -0.5, 1.01, f32::NAN] {
            assert!(matches!(duplicates(nothing, threshold), Err(RetrievalError::OutOfRange { .. })));
        }
    }

    proptest! {
        #[test]
        fn tiles_change_nothing(
            rows in prop::collection::vec(prop::collection::vec(-1.0_f32..1.0, 3), 0..30),
            threshold in 0.1_f32..1.0,
            side in 1_usize..12,
        ) {
            prop_assume!(rows.iter().all(|row| dot(row, row) > 0.01));
            let values: Vec<f32> = rows.into_iter().flat_map(unit).collect();
            let vectors = Embeddings::new(&values, 3).unwrap();
            let mut forest = Groups::new(vectors.rows());
            for b in 0..vectors.rows() {
                for a in 0..b {
                    let cosine = dot(vectors.row(a), vectors.row(b));
                    prop_assume!((cosine - threshold).abs() > 1e-6);
                    if cosine >= threshold { forest.join(a, b) }
                }
            }
            prop_assert_eq!(linked(vectors, threshold, side, &|_, _| true), forest.into_groups());
        }
    }
}
