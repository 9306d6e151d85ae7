//! A BERT-like encoder over captions without padding.

use muscall_kernels::{Level, Linear, attention};
use rayon::prelude::*;

use super::rows::{Norm, gelu};
use super::weights::Weights;
use crate::text::bert::{BertConfig, BertPooling};

/// See [`Bert`](crate::text::bert::Bert). Captions lie one after the other: linear layers see all tokens of a batch and
/// no padding, attention stays within a caption.
#[derive(Debug)]
pub(super) struct PackedBert {
    words: Vec<f32>,
    /// With the one token type added, from the first token's on.
    positions: Vec<f32>,
    norm: Norm,
    layers: Vec<PackedLayer>,
    pooler: Option<Linear>,
    config: BertConfig,
    level: Level,
}

#[derive(Debug)]
struct PackedLayer {
    qkv: Linear,
    attention_out: Linear,
    attention_norm: Norm,
    mlp_in: Linear,
    mlp_out: Linear,
    mlp_norm: Norm,
}

impl PackedBert {
    pub(super) fn new(weights: &Weights<'_>, name: &str, config: &BertConfig) -> Self {
        let epsilon = config.norm_epsilon as f32;
        let layer = |i: usize| {
            let part = |part: &str| format!("{name}.layers.{i}.{part}");
            PackedLayer {
                qkv: weights.side_by_side(["query", "key", "value"].map(part)),
                attention_out: weights.linear(&part("attention_out")),
                attention_norm: Norm::new(weights, &part("attention_norm"), epsilon),
                mlp_in: weights.linear(&part("mlp_in")),
                mlp_out: weights.linear(&part("mlp_out")),
                mlp_norm: Norm::new(weights, &part("mlp_norm"), epsilon),
            }
        };
        let kind = &weights.values(&format!("{name}.type_embedding"))[..config.width];
        let positions = &weights.values(&format!("{name}.position_embedding"))[config.position_offset * config.width..];
        Self {
            words: weights.values(&format!("{name}.word_embedding")).to_vec(),
            positions: positions
                .chunks_exact(config.width)
                .flat_map(|row| row.iter().zip(kind).map(|(a, b)| a + b))
                .collect(),
            norm: Norm::new(weights, &format!("{name}.norm"), epsilon),
            layers: (0..config.depth).map(layer).collect(),
            pooler: (config.pooling == BertPooling::Pooler).then(|| weights.linear(&format!("{name}.pooler"))),
            config: config.clone(),
            level: weights.level,
        }
    }

    pub(super) fn width(&self) -> usize {
        self.config.width
    }

    /// # Shapes
    /// - captions: token ids; returns `[captions, width]`.
    pub(super) fn run(&self, captions: &[Vec<u32>]) -> Vec<f32> {
        let width = self.config.width;
        let mut x = Vec::with_capacity(captions.iter().map(Vec::len).sum::<usize>() * width);
        for caption in captions {
            for (&token, position) in caption.iter().zip(self.positions.chunks_exact(width)) {
                let word = &self.words[token as usize * width..][..width];
                x.extend(word.iter().zip(position).map(|(a, b)| a + b));
            }
        }
        x = self.norm.run(&x);
        for layer in &self.layers {
            x = layer.run(&x, captions, self);
        }
        self.pool(&x, captions)
    }

    fn pool(&self, x: &[f32], captions: &[Vec<u32>]) -> Vec<f32> {
        let width = self.config.width;
        let mut rest = x;
        let mut pooled = Vec::with_capacity(captions.len() * width);
        for caption in captions {
            let (own, others) = rest.split_at(caption.len() * width);
            rest = others;
            if self.config.pooling == BertPooling::Mean {
                let mut mean = vec![0.0; width];
                own.chunks_exact(width).for_each(|row| mean.iter_mut().zip(row).for_each(|(sum, x)| *sum += x));
                pooled.extend(mean.into_iter().map(|sum| sum / caption.len() as f32));
            } else {
                pooled.extend_from_slice(&own[..width]);
            }
        }
        if let Some(pooler) = &self.pooler {
            pooled = pooler.run(&pooled, None);
            pooled.iter_mut().for_each(|x| *x = x.tanh());
        }
        if self.config.unit_norm {
            for row in pooled.chunks_exact_mut(width) {
                let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
                row.iter_mut().for_each(|x| *x /= norm);
            }
        }
        pooled
    }
}

impl PackedLayer {
    /// x: `[tokens, width]`, returned in the same shape.
    fn run(&self, x: &[f32], captions: &[Vec<u32>], model: &PackedBert) -> Vec<f32> {
        let (width, heads, level) = (model.config.width, model.config.heads, model.level);
        let qkv = self.qkv.run(x, None);
        let mut rest = qkv.as_slice();
        let sequences: Vec<&[f32]> = captions
            .iter()
            .map(|caption| {
                let (own, others) = rest.split_at(caption.len() * 3 * width);
                rest = others;
                own
            })
            .collect();
        let attend = |qkv: &&[f32]| {
            let length = qkv.len() / (3 * width);
            let mut out = vec![0.0; length * width];
            attention(qkv, 0..length, heads, &[], &mut out, level);
            out
        };
        let attended: Vec<Vec<f32>> = sequences.par_iter().map(attend).collect();
        let x = self.attention_norm.run(&self.attention_out.run(&attended.concat(), Some(x)));
        let mut inner = self.mlp_in.run(&x, None);
        gelu(&mut inner, level);
        self.mlp_norm.run(&self.mlp_out.run(&inner, Some(&x)))
    }
}
