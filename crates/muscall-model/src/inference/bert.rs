//! A BERT-like encoder over captions without padding.

use muscall_kernels::{Level, RowLinear, Rows, attention};
use rayon::prelude::*;

use super::rows::{Norm, gelu};
use super::weights::Weights;
use crate::ModelError;
use crate::text::bert::{BertConfig, BertPooling};

/// See [`Bert`](crate::text::bert::Bert). Captions lie one after the other: linear layers see all tokens of a batch and
/// no padding, attention stays within a caption.
#[derive(Debug)]
pub(super) struct PackedBert {
    /// Of which a few rows are read.
    words: Rows,
    /// With the one token type added, from the first token's on.
    positions: Vec<f32>,
    norm: Norm,
    layers: Vec<PackedLayer>,
    pooler: Option<RowLinear>,
    config: BertConfig,
    level: Level,
}

#[derive(Debug)]
struct PackedLayer {
    qkv: RowLinear,
    attention_out: RowLinear,
    attention_norm: Norm,
    mlp_in: RowLinear,
    mlp_out: RowLinear,
    mlp_norm: Norm,
}

impl PackedBert {
    /// # Errors
    /// [`ModelError`] with the file of weights that cannot be read.
    pub(super) fn new(weights: &Weights<'_>, name: &str, config: &BertConfig) -> Result<Self, ModelError> {
        let epsilon = config.norm_epsilon as f32;
        let layer = |i: usize| {
            let part = |part: &str| format!("{name}.layers.{i}.{part}");
            Ok(PackedLayer {
                qkv: weights.row_linear(["query", "key", "value"].map(part))?,
                attention_out: weights.row_linear([part("attention_out")])?,
                attention_norm: Norm::new(weights, &part("attention_norm"), epsilon),
                mlp_in: weights.row_linear([part("mlp_in")])?,
                mlp_out: weights.row_linear([part("mlp_out")])?,
                mlp_norm: Norm::new(weights, &part("mlp_norm"), epsilon),
            })
        };
        let table = |part: &str| weights.rows(&format!("{name}.{part}"));
        let (kinds, positions) = (table("type_embedding")?, table("position_embedding")?);
        let (mut room, mut other) = (Vec::new(), Vec::new());
        let kind = kinds.get(0..1, &mut room);
        let positions = positions.get(config.position_offset..positions.rows(), &mut other);
        let layers: Result<_, ModelError> = (0..config.depth).map(layer).collect();
        let pooler = || weights.row_linear([format!("{name}.pooler")]);
        Ok(Self {
            words: table("word_embedding")?,
            positions: positions
                .chunks_exact(config.width)
                .flat_map(|row| row.iter().zip(kind).map(|(a, b)| a + b))
                .collect(),
            norm: Norm::new(weights, &format!("{name}.norm"), epsilon),
            layers: layers?,
            pooler: (config.pooling == BertPooling::Pooler).then(pooler).transpose()?,
            config: config.clone(),
            level: weights.level,
        })
    }

    pub(super) fn width(&self) -> usize {
        self.config.width
    }

    /// # Shapes
    /// - captions: token ids; returns `[captions, width]`.
    pub(super) fn run(&self, captions: &[Vec<u32>]) -> Vec<f32> {
        let width = self.config.width;
        let mut x = Vec::with_capacity(captions.iter().map(Vec::len).sum::<usize>() * width);
        let mut room = Vec::new();
        for caption in captions {
            for (&token, position) in caption.iter().zip(self.positions.chunks_exact(width)) {
                let token = token as usize;
                let word = self.words.get(token..token + 1, &mut room);
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
