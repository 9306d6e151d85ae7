//! Many queries at once: the rows are read once for all of them.

use std::sync::atomic::Ordering as Memory;

use muscall_kernels::{Level, Linear};
use muscall_vectors::dot;

use crate::index::best::{Best, Item, Scored, Threshold, best_of};
use crate::index::block::Rows;
use crate::index::scan::{in_parallel, rounding};
use crate::index::{Index, SegmentHit};
use crate::{Embeddings, RetrievalError};

/// Rows whose scores with all queries are in the cache.
const TILE: usize = 512;
/// Queries that go through the rows together.
const QUERIES: usize = 128;

impl Index {
    /// For each query the `k` segments most similar to it, as [`nearest_segments`](Self::nearest_segments)
    /// gives them, to the bit.
    ///
    /// # Shapes
    /// - queries: `[queries, dim]`; returns `[queries, k]` at most
    /// # Errors
    /// As [`nearest_segments`](Self::nearest_segments).
    pub fn nearest_segments_batch(
        &self,
        queries: Embeddings<'_>,
        k: usize,
    ) -> Result<Vec<Vec<SegmentHit>>, RetrievalError> {
        let mut all = Vec::with_capacity(queries.rows());
        for chunk in queries.values().chunks(QUERIES * queries.dim()) {
            let chunk = Embeddings::assume_finite(chunk, queries.dim());
            self.check_query(chunk.row(0))?;
            for hits in self.best_of_batch(chunk, k)? {
                all.push(hits.into_iter().map(|hit| self.segment_hit(hit)).collect::<Result<_, _>>()?);
            }
        }
        Ok(all)
    }

    fn best_of_batch(&self, queries: Embeddings<'_>, k: usize) -> Result<Vec<Vec<Scored>>, RetrievalError> {
        let (dim, count) = (queries.dim(), queries.rows());
        if k == 0 {
            return Ok(vec![Vec::new(); count]);
        }
        let product = Linear::new(queries.values(), [count, dim], &[], Level::best());
        let norms: Vec<f32> = queries.iter().map(|query| dot(query, query).sqrt() * 1.001).collect();
        let thresholds: Vec<Threshold> = norms.iter().map(|_| Threshold::new()).collect();
        let units = self.units(|block| self.blocks[block].count(Rows::Segments));
        let vectors = |block: usize, range| {
            let block = &self.blocks[block];
            block.vectors(&self.map, Rows::Segments, range, dim).map_err(|what| self.corrupt(what))
        };
        let found = in_parallel(units.len(), |next| {
            let mut best: Vec<Best<'_>> = thresholds.iter().map(|threshold| Best::new(k, threshold)).collect();
            let settle = |best: &mut Best<'_>, query: usize| -> Result<(), RetrievalError> {
                best.settle(|Item { block, row }| {
                    let row = vectors(block as usize, row as usize..row as usize + 1)?;
                    Ok::<_, RetrievalError>(dot(queries.row(query), row))
                })
            };
            while let Some((number, range)) = units.get(next.fetch_add(1, Memory::Relaxed)) {
                let rounding = rounding(dim) * self.blocks[*number].header.largest_norm;
                for start in range.clone().step_by(TILE) {
                    let tile = start..(start + TILE).min(range.end);
                    let scores = product.run(vectors(*number, tile.clone())?, None);
                    for (row, scores) in tile.zip(scores.chunks_exact(count)) {
                        let mut removed = None;
                        for (query, &score) in scores.iter().enumerate() {
                            let margin = rounding * norms[query];
                            if score + margin < thresholds[query].get() {
                                continue;
                            }
                            if removed.is_none() {
                                let owner = self.owner(*number, Rows::Segments, row);
                                removed = Some(self.is_removed(owner.map_err(|what| self.corrupt(what))?));
                            }
                            if removed == Some(false) {
                                let item = Item { block: *number as u32, row: row as u32 };
                                best[query].offer(score - margin, score + margin, item);
                                if best[query].is_full() {
                                    settle(&mut best[query], query)?;
                                }
                            }
                        }
                    }
                }
            }
            for (query, best) in best.iter_mut().enumerate() {
                settle(best, query)?;
            }
            Ok(best.into_iter().map(Best::into_hits).enumerate().collect())
        })?;
        let mut hits = vec![Vec::new(); count];
        for (query, part) in found {
            hits[query].extend(part);
        }
        hits.into_iter().map(|hits| best_of(hits, k)).collect()
    }
}
