//! The Transformer over captions without padding.

use muscall_kernels::{Level, Linear, Rows, causal_attention};
use rayon::prelude::*;

use super::rows::{Norm, gelu};
use super::weights::Weights;
use crate::ModelError;
use crate::text::TransformerConfig;

/// The table of which a caption reads a few rows.
pub(super) const TOKENS: &str = "token_embedding";
/// Of layer norms.
const EPSILON: f32 = 1e-5;

/// See [`Transformer`](crate::text::Transformer).
///
/// Captions lie one after the other: linear layers see all tokens of a batch and no padding,
/// attention stays within a caption. In the last layer only the end tokens go on after the keys and
/// values.
#[derive(Debug)]
pub(super) struct PackedTransformer {
    /// Of which a few rows are read.
    token_embedding: Rows,
    position_embedding: Vec<f32>,
    layers: Vec<PackedLayer>,
    norm_out: Norm,
    width: usize,
    heads: usize,
    level: Level,
}

#[derive(Debug)]
struct PackedLayer {
    attention_norm: Norm,
    to_qkv: Linear,
    out_projection: Linear,
    mlp_norm: Norm,
    mlp_in: Linear,
    mlp_out: Linear,
}

impl PackedTransformer {
    /// # Errors
    /// [`ModelError`] with the file of weights that cannot be read.
    pub(super) fn new(weights: &Weights<'_>, name: &str, config: &TransformerConfig) -> Result<Self, ModelError> {
        let layer = |i: usize| {
            let part = |part: &str| format!("{name}.layers.{i}.{part}");
            PackedLayer {
                attention_norm: Norm::new(weights, &part("attention_norm"), EPSILON),
                to_qkv: weights.linear(&part("to_qkv")),
                out_projection: weights.linear(&part("out_projection")),
                mlp_norm: Norm::new(weights, &part("mlp_norm"), EPSILON),
                mlp_in: weights.linear(&part("mlp_in")),
                mlp_out: weights.linear(&part("mlp_out")),
            }
        };
        Ok(Self {
            token_embedding: weights.rows(&format!("{name}.{TOKENS}"))?,
            position_embedding: weights.values(&format!("{name}.position_embedding")).to_vec(),
            layers: (0..config.depth).map(layer).collect(),
            norm_out: Norm::new(weights, &format!("{name}.norm_out"), EPSILON),
            width: config.width,
            heads: config.heads,
            level: weights.level,
        })
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// # Shapes
    /// - captions: token ids, each with its end token; returns `[captions, width]`.
    pub(super) fn run(&self, captions: &[Vec<u32>]) -> Vec<f32> {
        let width = self.width;
        let mut x = Vec::with_capacity(captions.iter().map(Vec::len).sum::<usize>() * width);
        let mut room = Vec::new();
        for caption in captions {
            for (&token, position) in caption.iter().zip(self.position_embedding.chunks_exact(width)) {
                let token = token as usize;
                let token = self.token_embedding.get(token..token + 1, &mut room);
                x.extend(token.iter().zip(position).map(|(a, b)| a + b));
            }
        }
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.run(&x, captions, i + 1 == self.layers.len(), self);
        }
        self.norm_out.run(&x)
    }
}

impl PackedLayer {
    /// x: `[tokens, width]`; returns that, or `[captions, width]` if only end tokens go on.
    fn run(&self, x: &[f32], captions: &[Vec<u32>], only_ends: bool, model: &PackedTransformer) -> Vec<f32> {
        let (width, heads, level) = (model.width, model.heads, model.level);
        let qkv = self.to_qkv.run(&self.attention_norm.run(x), None);
        let mut attended: Vec<Vec<f32>> = Vec::new();
        let mut ends = Vec::new();
        let mut rest = qkv.as_slice();
        let mut sequences = Vec::with_capacity(captions.len());
        let mut end = 0;
        for caption in captions {
            let (own, others) = rest.split_at(caption.len() * 3 * width);
            sequences.push((own, if only_ends { caption.len() - 1..caption.len() } else { 0..caption.len() }));
            rest = others;
            end += caption.len();
            ends.extend_from_slice(&x[(end - 1) * width..end * width]);
        }
        sequences
            .into_par_iter()
            .map(|(qkv, queries)| {
                let mut out = vec![0.0; queries.len() * width];
                causal_attention(qkv, queries, heads, &mut out, level);
                out
            })
            .collect_into_vec(&mut attended);
        let x = if only_ends { &ends } else { x };
        let x = self.out_projection.run(&attended.concat(), Some(x));
        let mut inner = self.mlp_in.run(&self.mlp_norm.run(&x), None);
        gelu(&mut inner, level);
        self.mlp_out.run(&inner, Some(&x))
    }
}
