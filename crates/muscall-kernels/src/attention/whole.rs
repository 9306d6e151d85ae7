//! Attention of all positions to all, as two products of small matrices for each head.

use std::ops::Range;

use pulp::bytemuck::{cast_slice, cast_slice_mut};
use pulp::{Simd, WithSimd};

use crate::Level;
use crate::activation::exp_vectors;
use crate::tile::products;

/// Vectors of keys, or of values, that share the loads of a query.
const VECTORS: usize = 2;
/// Keys, and columns of them, that are transposed together.
const BLOCK: usize = 4;
/// Queries of a tile in sixteen registers, and in thirty-two.
const QUERIES: usize = 6;
const MANY_QUERIES: usize = 8;

/// Multi-head attention of some positions of a sequence over all of them.
///
/// # Shapes
/// - qkv: `[length, 3 width]`, queries, keys and values side by side;
/// - bias: `[heads, length, length]`, added to the scores of query and key, or empty for none;
/// - out: `[queries, width]`.
///
/// # Panics
/// If these do not fit.
pub fn attention(qkv: &[f32], queries: Range<usize>, heads: usize, bias: &[f32], out: &mut [f32], level: Level) {
    let width = out.len() / queries.len().max(1);
    assert!(width > 0 && width.is_multiple_of(heads) && queries.len() * width == out.len(), "whole rows and heads");
    let length = qkv.len() / (3 * width);
    assert!(length * 3 * width == qkv.len() && queries.end <= length, "the queries are positions of the sequence");
    assert!(bias.is_empty() || bias.len() == heads * length * length, "a bias for each head, query and key");
    level.run(Attention { qkv, queries, bias, heads, length, width, out });
}

struct Attention<'a> {
    qkv: &'a [f32],
    queries: Range<usize>,
    bias: &'a [f32],
    heads: usize,
    length: usize,
    width: usize,
    out: &'a mut [f32],
}

impl WithSimd for Attention<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::REGISTER_COUNT >= 32 { self.heads::<S, MANY_QUERIES>(simd) } else { self.heads::<S, QUERIES>(simd) }
    }
}

/// What a head needs besides its sequence, used again for the next one.
struct Room<V> {
    /// The keys, with the scale of the scores, in panels of [`VECTORS`] vectors of positions: `[panels, per_head, VECTORS]`.
    keys: Vec<V>,
    /// Panels of the values: `[panels, length, VECTORS]`.
    values: Vec<V>,
    /// What is added to the score of each key: nothing, and minus infinity beyond the last one.
    edge: Vec<V>,
    /// Weights of the keys, for each query of a tile.
    weights: Vec<V>,
}

impl Attention<'_> {
    #[inline(always)]
    fn heads<S: Simd, const M: usize>(mut self, simd: S) {
        let panel = VECTORS * S::F32_LANES;
        let per_head = self.width / self.heads;
        let zero = simd.splat_f32s(0.0);
        let vectors = self.length.div_ceil(panel) * VECTORS;
        let mut room = Room {
            keys: vec![zero; vectors * per_head],
            values: vec![zero; per_head.div_ceil(panel) * VECTORS * self.length],
            edge: vec![zero; vectors],
            weights: vec![zero; vectors * M],
        };
        cast_slice_mut::<_, f32>(&mut room.edge)[self.length..].fill(f32::NEG_INFINITY);
        for head in 0..self.heads {
            self.lay_out(simd, head, &mut room);
            let mut first = 0;
            while first < self.queries.len() {
                let sums = self.weigh::<S, M>(simd, head, first, &mut room);
                self.add_up::<S, M>(simd, head, first, sums, &room);
                first += M;
            }
        }
    }

    /// Where a position's queries, keys or values of a head are.
    #[inline(always)]
    fn part(&self, position: usize, which: usize, head: usize) -> &[f32] {
        let per_head = self.width / self.heads;
        &self.qkv[position * 3 * self.width + which * self.width + head * per_head..][..per_head]
    }

    /// The position of a tile's query; beyond the last one, that one is there again.
    #[inline(always)]
    fn query(&self, place: usize) -> usize {
        self.queries.start + place.min(self.queries.len() - 1)
    }

    /// Keys and values of a head, in the order in which they are read.
    #[inline(always)]
    fn lay_out<S: Simd>(&self, _: S, head: usize, room: &mut Room<S::f32s>) {
        let panel = VECTORS * S::F32_LANES;
        let per_head = self.width / self.heads;
        let scale = 1.0 / (per_head as f32).sqrt();
        let keys: &mut [f32] = cast_slice_mut(&mut room.keys);
        let values: &mut [f32] = cast_slice_mut(&mut room.values);
        for position in 0..self.length {
            for (i, part) in self.part(position, 2, head).chunks(panel).enumerate() {
                values[(i * self.length + position) * panel..][..part.len()].copy_from_slice(part);
            }
        }
        let place =
            |position: usize, column: usize| position / panel * panel * per_head + column * panel + position % panel;
        // Blocks of a panel; what repeats the last key lies beyond it.
        let whole = if panel.is_multiple_of(BLOCK) { per_head / BLOCK } else { 0 };
        for first in (0..self.length).step_by(BLOCK) {
            let rows: [&[f32]; BLOCK] = std::array::from_fn(|i| self.part((first + i).min(self.length - 1), 1, head));
            let blocks = rows.map(|row| pulp::as_arrays::<BLOCK, _>(row).0);
            for i in 0..whole {
                let block = blocks.map(|row| row[i]);
                for column in 0..BLOCK {
                    let turned = block.map(|row| scale * row[column]);
                    keys[place(first, i * BLOCK + column)..][..BLOCK].copy_from_slice(&turned);
                }
            }
            for column in whole * BLOCK..per_head {
                for (i, row) in rows.iter().enumerate().take(self.length - first) {
                    keys[place(first + i, column)] = scale * row[column];
                }
            }
        }
    }

    /// Unnormalised weights of all keys for the queries of a tile; returns what each query's add up to.
    #[inline(always)]
    fn weigh<S: Simd, const M: usize>(&self, simd: S, head: usize, first: usize, room: &mut Room<S::f32s>) -> [f32; M] {
        let per_head = self.width / self.heads;
        let vectors = room.edge.len();
        let mut rows = [self.qkv.as_ptr(); M];
        for (m, row) in rows.iter_mut().enumerate() {
            *row = self.part(self.query(first + m), 0, head).as_ptr();
        }
        for (i, keys) in room.keys.chunks_exact(VECTORS * per_head).enumerate() {
            let mut scores = [[simd.splat_f32s(0.0); VECTORS]; M];
            for (m, scores) in scores.iter_mut().enumerate() {
                for (v, score) in scores.iter_mut().enumerate() {
                    *score = self.bias(simd, [head, self.query(first + m)], i * VECTORS + v, &room.edge);
                }
            }
            // SAFETY: each row was cut to `per_head` values, and so many times VECTORS are the vectors of a panel.
            let scores = unsafe { products::<S, M, VECTORS>(simd, rows, keys.as_ptr(), per_head, scores) };
            for (m, scores) in scores.into_iter().enumerate() {
                room.weights[m * vectors + i * VECTORS..][..VECTORS].copy_from_slice(&scores);
            }
        }
        let mut sums = [0.0; M];
        for (sum, weights) in sums.iter_mut().zip(room.weights.chunks_exact_mut(vectors)) {
            let mut top = weights[0];
            for &score in &weights[1..] {
                top = simd.max_f32s(top, score);
            }
            let top = simd.splat_f32s(simd.reduce_max_f32s(top));
            let mut total = simd.splat_f32s(0.0);
            for weight in weights {
                *weight = exp_vectors(simd, simd.sub_f32s(*weight, top));
                total = simd.add_f32s(total, *weight);
            }
            *sum = simd.reduce_sum_f32s(total);
        }
        sums
    }

    /// What is added to the scores of one vector of keys.
    #[inline(always)]
    fn bias<S: Simd>(&self, simd: S, [head, query]: [usize; 2], vector: usize, edge: &[S::f32s]) -> S::f32s {
        if self.bias.is_empty() {
            return edge[vector];
        }
        let row = &self.bias[(head * self.length + query) * self.length..][..self.length];
        let rest = &row[(vector * S::F32_LANES).min(row.len())..];
        let (whole, part) = S::as_simd_f32s(rest);
        let bias = if whole.is_empty() { simd.partial_load_f32s(part) } else { whole[0] };
        simd.add_f32s(bias, edge[vector])
    }

    /// The values, weighted, for the queries of a tile.
    #[inline(always)]
    fn add_up<S: Simd, const M: usize>(
        &mut self,
        simd: S,
        head: usize,
        first: usize,
        sums: [f32; M],
        room: &Room<S::f32s>,
    ) {
        let panel = VECTORS * S::F32_LANES;
        let per_head = self.width / self.heads;
        let weights: &[f32] = cast_slice(&room.weights);
        let mut rows = [weights.as_ptr(); M];
        for (row, weights) in rows.iter_mut().zip(weights.chunks_exact(room.edge.len() * S::F32_LANES)) {
            *row = weights[..self.length].as_ptr();
        }
        for (i, values) in room.values.chunks_exact(VECTORS * self.length).enumerate() {
            let none = [[simd.splat_f32s(0.0); VECTORS]; M];
            // SAFETY: each row was cut to `length` values, and so many times VECTORS are the vectors of a panel.
            let totals = unsafe { products::<S, M, VECTORS>(simd, rows, values.as_ptr(), self.length, none) };
            let queries = M.min(self.queries.len() - first);
            for (m, total) in totals.into_iter().enumerate().take(queries) {
                let columns = panel.min(per_head - i * panel);
                let out = &mut self.out[(first + m) * self.width + head * per_head + i * panel..][..columns];
                let inverse = simd.splat_f32s(1.0 / sums[m]);
                let (whole, part) = S::as_mut_simd_f32s(out);
                let last = whole.len();
                for (out, total) in whole.iter_mut().zip(total) {
                    *out = simd.mul_f32s(total, inverse);
                }
                if !part.is_empty() {
                    simd.partial_store_f32s(part, simd.mul_f32s(total[last], inverse));
                }
            }
        }
    }
}
