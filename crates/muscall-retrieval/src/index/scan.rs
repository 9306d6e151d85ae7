//! The exact best of all rows, most of which are only looked at as bytes.
//!
//! A row x is kept as bytes x̂ too, with ‖x − x̂‖ beside them. By Cauchy and Schwarz the score q·x lies within
//! ‖q‖·‖x − x̂‖ of q·x̂. The query is in 16 bits as q̂, which takes q·x̂ within ‖q − q̂‖·‖x̂‖ of q̂·x̂, where
//! ‖x̂‖ is at most ‖x‖ + ‖x − x̂‖. A row whose upper bound is below the k-th best lower bound cannot be among
//! the k best; all others are scored with their floats. So bytes save time and never change an answer.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering as Memory};

use muscall_kernels::{ByteQuery, Level};
use muscall_vectors::dot;

use crate::index::Index;
use crate::index::best::{Best, Item, Scored, Threshold, best_of};
use crate::index::block::{Checked, Rows};
use crate::{RetrievalError, VectorError};

/// Rows that one thread takes at a time.
const UNIT: usize = 4096;
/// What rounding can do to two sums of products of floats of norms 1 and 1, for each product.
const ROUNDING: f32 = 1.2e-7;
/// Roundings on the way from a sum to its bounds, at most.
const MORE_ROUNDINGS: f32 = 8.0;

/// A segment and its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SegmentHit {
    /// Its track.
    pub track: usize,
    /// Where it starts.
    pub start_s: f32,
    /// Inner product with the query.
    pub score: f32,
}

/// How far rounding may take a score and its bounds apart, for `dim` dimensions and norms 1 and 1.
pub(super) fn rounding(dim: usize) -> f32 {
    ROUNDING * (dim as f32 + MORE_ROUNDINGS)
}

/// The query as floats and as bytes, and how far the bytes may be off.
pub(super) struct Probe<'a> {
    pub(super) query: &'a [f32],
    bytes: ByteQuery,
    level: Level,
}

impl<'a> Probe<'a> {
    pub(super) fn new(query: &'a [f32]) -> Self {
        Self { query, bytes: ByteQuery::new(query), level: Level::best() }
    }

    /// Lower and upper bounds of scores, from products of bytes.
    pub(super) fn bounds(
        &self,
        codes: &[i8],
        scales: &[[f32; 2]],
        largest_norm: f32,
        products: &mut Vec<i32>,
        scores: &mut Vec<[f32; 2]>,
    ) {
        products.clear();
        products.resize(scales.len(), 0);
        self.bytes.products(codes, products, self.level);
        let own = self.bytes.quantised();
        // The row's norm is at most the largest, and that of its bytes its error more.
        let always = own.error * largest_norm + rounding(self.query.len()) * self.bytes.norm() * largest_norm;
        let of_error = self.bytes.norm() + own.error;
        scores.clear();
        scores.extend(products.iter().zip(scales).map(|(&product, &[scale, error])| {
            let score = product as f32 * (scale * own.scale);
            let margin = of_error * error + always;
            [score - margin, score + margin]
        }));
    }
}

impl Index {
    /// The `k` rows of a kind with the greatest scores, best first.
    pub(super) fn best_rows(
        &self,
        rows: Rows,
        query: &[f32],
        k: usize,
        allowed: &(impl Fn(usize) -> Result<bool, RetrievalError> + Sync),
    ) -> Result<Vec<Scored>, RetrievalError> {
        self.best_rows_from(0, rows, query, k, allowed)
    }

    /// The same of a block and those after it.
    pub(super) fn best_rows_from(
        &self,
        first: usize,
        rows: Rows,
        query: &[f32],
        k: usize,
        allowed: &(impl Fn(usize) -> Result<bool, RetrievalError> + Sync),
    ) -> Result<Vec<Scored>, RetrievalError> {
        let (dim, probe, threshold) = (self.config().dim, Probe::new(query), Threshold::new());
        let exact = |item: Item| -> Result<f32, RetrievalError> {
            let (block, row) = (&self.blocks[item.block as usize], item.row as usize);
            let row = block.vectors(&self.map, rows, row..row + 1, dim).map_err(|what| self.corrupt(what))?;
            Ok::<_, RetrievalError>(dot(query, row))
        };
        let units = self.units(|block| if block < first { 0 } else { self.blocks[block].count(rows) });
        let work = |next: &AtomicUsize| {
            let mut best = Best::new(k, &threshold);
            let (mut products, mut scores) = (Vec::new(), Vec::new());
            while let Some((number, range)) = units.get(next.fetch_add(1, Memory::Relaxed)) {
                let block = &self.blocks[*number];
                let read = block.codes(&self.map, rows, range.clone(), dim).map_err(|what| self.corrupt(what))?;
                probe.bounds(read.0, read.1, block.header.largest_norm, &mut products, &mut scores);
                let mut reached = threshold.get();
                for (row, &[lower, upper]) in range.clone().zip(&scores) {
                    if upper < reached {
                        continue;
                    }
                    let owner = self.owner(*number, rows, row).map_err(|what| self.corrupt(what))?;
                    if allowed(owner)? {
                        best.offer(lower, upper, Item { block: *number as u32, row: row as u32 });
                        reached = threshold.get();
                    }
                }
                if best.is_full() {
                    best.settle(exact)?;
                }
            }
            best.settle(exact)?;
            Ok(best.into_hits())
        };
        if k == 0 {
            return Ok(Vec::new());
        }
        best_of(in_parallel(units.len(), work)?, k)
    }

    /// Rows of all blocks, in pieces for threads.
    pub(super) fn units(&self, count: impl Fn(usize) -> usize) -> Vec<(usize, Range<usize>)> {
        let pieces = |block: usize| {
            let count = count(block);
            (0..count).step_by(UNIT).map(move |start| (block, start..(start + UNIT).min(count)))
        };
        (0..self.blocks.len()).flat_map(pieces).collect()
    }

    /// The track that a row belongs to.
    pub(super) fn owner(&self, block: usize, rows: Rows, row: usize) -> Checked<usize> {
        let block = &self.blocks[block];
        let local = match rows {
            Rows::Tracks => row,
            Rows::Segments => block.owners(&self.map, row..row + 1)?[0] as usize,
        };
        if local >= block.header.tracks as usize {
            return Err("a segment belongs to no track");
        }
        Ok(block.header.first_track as usize + local)
    }

    /// The `k` segments most similar to the query, best first, exactly.
    ///
    /// # Errors
    /// If the query does not fit, or [`RetrievalError::Corrupt`].
    pub fn nearest_segments(&self, query: &[f32], k: usize) -> Result<Vec<SegmentHit>, RetrievalError> {
        self.check_query(query)?;
        let hits = self.best_rows(Rows::Segments, query, k, &|track| Ok(!self.is_removed(track)))?;
        hits.into_iter().map(|hit| self.segment_hit(hit)).collect()
    }

    pub(super) fn segment_hit(&self, hit: Scored) -> Result<SegmentHit, RetrievalError> {
        let (number, row) = (hit.item.block as usize, hit.item.row as usize);
        let block = &self.blocks[number];
        let read = || {
            let starts: &[f32] = block.values(&self.map, &block.columns.starts, row..row + 1)?;
            let track = self.owner(number, Rows::Segments, row)?;
            Ok(SegmentHit { track, start_s: starts[0], score: hit.score })
        };
        read().map_err(|what| self.corrupt(what))
    }

    pub(super) fn check_query(&self, query: &[f32]) -> Result<(), RetrievalError> {
        let expected = self.config().dim;
        if query.len() != expected {
            return Err(VectorError::Dimensions { expected, actual: query.len() }.into());
        }
        if query.iter().any(|x| !x.is_finite()) {
            return Err(VectorError::NotFinite { row: 0 }.into());
        }
        Ok(())
    }
}

/// Runs the work on all threads of the pool, or here if it is little.
pub(super) fn in_parallel<T: Send>(
    units: usize,
    work: impl Fn(&AtomicUsize) -> Result<Vec<T>, RetrievalError> + Sync,
) -> Result<Vec<T>, RetrievalError> {
    let next = AtomicUsize::new(0);
    if units < 4 || rayon::current_num_threads() == 1 {
        return work(&next);
    }
    let parts = rayon::broadcast(|_| work(&next));
    let mut all = Vec::new();
    for part in parts {
        all.extend(part?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use muscall_kernels::{Quantised, quantise_row};
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn norm(row: &[f32]) -> f64 {
        row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt()
    }

    /// Bounds of the score of a row, its score as a search has it, and without any rounding.
    fn bounds_and_scores(query: &[f32], row: &[f32]) -> ([f32; 2], f32, f64) {
        let mut codes = vec![0; row.len()];
        let Quantised { scale, error } = quantise_row(row, &mut codes);
        let largest_norm = (norm(row) * (1.0 + 1e-6)) as f32;
        let (mut products, mut scores) = (Vec::new(), Vec::new());
        Probe::new(query).bounds(&codes, &[[scale, error]], largest_norm, &mut products, &mut scores);
        let exact = query.iter().zip(row).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
        (scores[0], dot(query, row), exact)
    }

    /// Values of which all but the first are as far from a whole number of units as can be, so that quantising
    /// takes away as much of each: a row and a query that lose in the same direction.
    fn worst(dim: usize, row_units: f32, query_units: f32) -> (Vec<f32>, Vec<f32>) {
        let (mut row, mut query) = (vec![row_units + 0.501; dim], vec![-query_units - 0.501; dim]);
        // Their largest values make the unit 1, each where the other has nothing.
        (row[0], query[0]) = (127.0, 0.0);
        (row[dim - 1], query[dim - 1]) = (0.0, (i32::MAX / (128 * dim as i32)).min(32767) as f32);
        (query, row)
    }

    #[test]
    fn bytes_that_are_longer_than_the_row_are_within_the_bounds() {
        for dim in [512, 4096, 1 << 16] {
            for units in 0..20 {
                let (query, row) = worst(dim, 0.0, units as f32);
                let ([lower, upper], score, _) = bounds_and_scores(&query, &row);
                assert!((lower..=upper).contains(&score), "{dim}, {units}: {score} in {lower}..{upper}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn scores_are_within_their_bounds(
            dim in prop_oneof![1_usize..9, 9_usize..700, 700_usize..=1 << 16, Just(1 << 16)],
            seed in any::<u64>(),
            (row_units, query_units) in (0_u8..4, 0_u8..30),
            (row_size, query_size) in (-20_i32..20, -20_i32..20),
            kind in 0..3,
        ) {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut drawn = || (0..dim).map(|_| rng.random_range(-1.0_f32..1.0)).collect::<Vec<_>>();
            let (mut query, mut row) = match kind {
                0 => (drawn(), drawn()),
                // Along each other, where rounding of the sum is the most.
                1 => { let row = drawn(); (row.clone(), row) }
                _ => worst(dim.max(2), row_units.into(), query_units.into()),
            };
            row.iter_mut().for_each(|x| *x *= 1.1_f32.powi(row_size));
            query.iter_mut().for_each(|x| *x *= 1.1_f32.powi(query_size));
            let ([lower, upper], score, exact) = bounds_and_scores(&query, &row);
            prop_assert!((lower..=upper).contains(&score), "{score} in {lower}..{upper}");
            prop_assert!((f64::from(lower)..=f64::from(upper)).contains(&exact), "{exact} in {lower}..{upper}");
        }
    }
}
