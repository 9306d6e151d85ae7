//! The exact best of all rows, most of which are only looked at as bytes.
//!
//! A row x is kept as bytes x̂ too, with ‖x − x̂‖ beside them. By Cauchy and Schwarz the score q·x lies within
//! ‖q‖·‖x − x̂‖ of q·x̂. A row whose upper bound is below the k-th best lower bound cannot be among the k
//! best; all others are scored with their floats. So bytes save time and never change an answer.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering as Memory};

use muscall_kernels::{ByteQuery, Level};

use crate::RetrievalError;
use crate::index::Index;
use crate::index::best::{Best, Item, Scored, Threshold, best_of};
use crate::index::block::{Checked, Rows};
use crate::ranking::dot;

/// Rows that one thread takes at a time.
const UNIT: usize = 4096;
/// What rounding can do to a sum of products of `dim` floats of norms 1 and 1, for each of them.
pub(super) const ROUNDING: f32 = 1.2e-7;

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
        let rounding = ROUNDING * self.query.len() as f32 * self.bytes.norm() * largest_norm;
        // Bytes may be a little longer than the row.
        let always = own.error * largest_norm * 1.01 + rounding;
        scores.clear();
        scores.extend(products.iter().zip(scales).map(|(&product, &[scale, error])| {
            let score = product as f32 * (scale * own.scale);
            let margin = self.bytes.norm() * error + always;
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
        let exact = |item: Item| {
            let (block, row) = (&self.blocks[item.block as usize], item.row as usize);
            let row = block.vectors(&self.map, rows, row..row + 1, dim).map_err(|what| self.corrupt(what))?;
            Ok(dot(query, row))
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
            return Err(RetrievalError::Dimensions { expected, actual: query.len() });
        }
        if query.iter().any(|x| !x.is_finite()) {
            return Err(RetrievalError::NotFinite { row: 0 });
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
