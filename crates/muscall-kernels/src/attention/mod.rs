//! Attention within one sequence, and of one query over positions.

mod whole;

use std::ops::Range;

use pulp::{Simd, WithSimd};

pub use self::whole::attention;
use crate::Level;
use crate::elementwise::{add_scaled, dot, softmax};

/// Causal multi-head attention of some positions of a sequence over themselves and what is before
/// them.
///
/// # Shapes
/// - qkv: `[length, 3 width]`, queries, keys and values side by side; out: `[queries, width]`.
///
/// # Panics
/// If these do not fit.
pub fn causal_attention(qkv: &[f32], queries: Range<usize>, heads: usize, out: &mut [f32], level: Level) {
    struct Attention<'a> {
        qkv: &'a [f32],
        queries: Range<usize>,
        heads: usize,
        width: usize,
        out: &'a mut [f32],
    }
    impl WithSimd for Attention<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let (width, per_head) = (self.width, self.width / self.heads);
            let scale = 1.0 / (per_head as f32).sqrt();
            let mut weights = vec![0.0; self.queries.end];
            for (query, out) in self.queries.zip(self.out.chunks_exact_mut(width)) {
                for head in 0..self.heads {
                    let part = |position: usize, which: usize| {
                        &self.qkv[position * 3 * width + which * width + head * per_head..][..per_head]
                    };
                    let weights = &mut weights[..=query];
                    let own = part(query, 0);
                    for (key, weight) in weights.iter_mut().enumerate() {
                        *weight = scale * dot(simd, own, part(key, 1));
                    }
                    softmax(weights);
                    let out = &mut out[head * per_head..][..per_head];
                    out.fill(0.0);
                    for (key, &weight) in weights.iter().enumerate() {
                        add_scaled(simd, weight, part(key, 2), out);
                    }
                }
            }
        }
    }
    let width = out.len() / queries.len().max(1);
    assert!(width.is_multiple_of(heads) && queries.len() * width == out.len(), "whole rows and heads");
    assert!(queries.end * 3 * width <= qkv.len(), "the queries are positions of the sequence");
    level.run(Attention { qkv, queries, heads, width, out });
}

/// What a pooling query reads of a sequence of positions: for each head the mean of the positions,
/// weighted by the softmax of their inner products with the head's direction.
///
/// # Shapes
/// - positions: `[length, width]`; directions and out: `[heads, width]`.
///
/// # Panics
/// If these do not fit.
pub fn read_out(positions: &[f32], directions: &[f32], width: usize, out: &mut [f32], level: Level) {
    struct ReadOut<'a> {
        positions: &'a [f32],
        directions: &'a [f32],
        width: usize,
        out: &'a mut [f32],
    }
    impl WithSimd for ReadOut<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let width = self.width;
            let mut weights = vec![0.0; self.positions.len() / width];
            for (direction, out) in self.directions.chunks_exact(width).zip(self.out.chunks_exact_mut(width)) {
                for (weight, position) in weights.iter_mut().zip(self.positions.chunks_exact(width)) {
                    *weight = dot(simd, direction, position);
                }
                softmax(&mut weights);
                out.fill(0.0);
                for (&weight, position) in weights.iter().zip(self.positions.chunks_exact(width)) {
                    add_scaled(simd, weight, position, out);
                }
            }
        }
    }
    assert!(width > 0 && positions.len().is_multiple_of(width) && directions.len() == out.len(), "whole rows");
    level.run(ReadOut { positions, directions, width, out });
}

/// `y = Σ aᵢ xᵢ` over rows: a matrix's transpose times a vector.
///
/// # Shapes
/// - rows: `[len(a), len(y)]`.
///
/// # Panics
/// If these do not fit.
pub fn weighted_sum(rows: &[f32], a: &[f32], y: &mut [f32], level: Level) {
    struct Sum<'a>(&'a [f32], &'a [f32], &'a mut [f32]);
    impl WithSimd for Sum<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let Self(rows, a, y) = self;
            y.fill(0.0);
            for (row, &a) in rows.chunks_exact(y.len().max(1)).zip(a) {
                add_scaled(simd, a, row, y);
            }
        }
    }
    assert_eq!(rows.len(), a.len() * y.len(), "a row for each factor");
    level.run(Sum(rows, a, y));
}
