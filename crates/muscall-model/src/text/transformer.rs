//! A pre-norm causal Transformer over CLIP tokens.

use std::path::Path;

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig, Initializer, LayerNorm, LayerNormConfig};
use burn::tensor::activation::{gelu, softmax};
use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::batch::{TextBatch, TokenBatch};
use super::frontend::TextFrontend;
use super::tokenizer::{ClipTokenizer, TOKENIZER};
use crate::layers::Linear;
use crate::precision::{full, like};
use crate::space::Description;
use crate::tower::{Encoder, MOST_UNITS, ParameterGroup, TextEncoder, TextEncoderConfig, TextTower, TowerConfig};
use crate::{Activations, ModelError, Precision};

/// Layers at the top of a stack that learn where the others stay as they are.
pub(super) const TOP_LAYERS: usize = 2;

/// The paper's text encoder: a pre-norm causal Transformer, read out at the end token.
///
/// # Source
/// Section 3.1 of the paper; depth is varied in its Figure 3.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransformerConfig {
    /// Size of a token's state.
    pub width: usize,
    /// Layers.
    pub depth: usize,
    /// Attention heads per layer.
    pub heads: usize,
    /// Probability of dropping an attention weight or an activation of the MLP in training.
    pub dropout: f64,
    /// Entries of the token embedding.
    pub vocabulary: usize,
    /// Most tokens of a caption.
    pub context: usize,
    /// Layers, from the first on, that are not trained; with them the embeddings.
    #[serde(default)]
    pub frozen_layers: usize,
}

impl TransformerConfig {
    /// `depth` layers of width 512 with 8 heads over CLIP's vocabulary, dropout 0.2.
    pub fn new(depth: usize) -> Self {
        Self {
            width: 512,
            depth,
            heads: 8,
            dropout: 0.2,
            vocabulary: ClipTokenizer::VOCABULARY,
            context: ClipTokenizer::CONTEXT,
            frozen_layers: 0,
        }
    }

    /// Replaces width and heads.
    #[must_use]
    pub fn with_width(mut self, width: usize, heads: usize) -> Self {
        (self.width, self.heads) = (width, heads);
        self
    }

    /// Replaces the dropout probability.
    #[must_use]
    pub fn with_dropout(mut self, dropout: f64) -> Self {
        self.dropout = dropout;
        self
    }

    /// Replaces the number of layers that are not trained.
    #[must_use]
    pub fn with_frozen_layers(mut self, frozen_layers: usize) -> Self {
        self.frozen_layers = frozen_layers;
        self
    }
}

impl TowerConfig for TransformerConfig {
    fn validate(&self) -> Result<(), ModelError> {
        let divides = self.heads >= 1 && self.width >= 1 && self.width.is_multiple_of(self.heads);
        ModelError::check(divides, "text.width", self.width, "a positive multiple of text.heads")?;
        ModelError::check(self.width <= MOST_UNITS, "text.width", self.width, "at most 65536")?;
        ModelError::check((1..=1024).contains(&self.depth), "text.depth", self.depth, "from 1 to 1024")?;
        let dropout = (0.0..1.0).contains(&self.dropout);
        ModelError::check(dropout, "text.dropout", self.dropout, "at least 0 and below 1")?;
        let vocabulary = (2..=1 << 24).contains(&self.vocabulary);
        ModelError::check(vocabulary, "text.vocabulary", self.vocabulary, "from 2 to 16777216")?;
        ModelError::check((2..=MOST_UNITS).contains(&self.context), "text.context", self.context, "from 2 to 65536")?;
        let frozen = self.frozen_layers <= self.depth;
        ModelError::check(frozen, "text.frozen_layers", self.frozen_layers, "at most text.depth")
    }

    fn output_dim(&self) -> usize {
        self.width
    }

    fn parameters(&self) -> f64 {
        let (width, tokens) = (self.width as f64, (self.vocabulary + self.context) as f64);
        tokens * width + self.depth as f64 * 12.0 * width * width
    }

    /// Dropout and which layers are frozen decide nothing but training.
    fn describe(&self, space: &mut Description) {
        let Self { width, depth, heads, dropout: _, vocabulary, context, frozen_layers: _ } = self;
        space.field("encoder", "transformer");
        let sizes = [("width", width), ("depth", depth), ("heads", heads), ("vocabulary", vocabulary)];
        sizes.into_iter().for_each(|(name, &size)| space.field(name, size));
        space.field("context", *context);
    }

    fn dropout(&self) -> f64 {
        self.dropout
    }

    /// The last layers and the norm behind them.
    fn is_top(&self, name: &str) -> Option<bool> {
        Some(is_in_top_layers(name, self.depth) || name.starts_with("norm_out."))
    }

    fn parameter_group(&self, name: &str) -> ParameterGroup {
        let is_frozen = match name.strip_prefix("layers.") {
            Some(rest) => {
                rest.split('.').next().and_then(|i| i.parse().ok()).is_some_and(|i: usize| i < self.frozen_layers)
            }
            None => self.frozen_layers > 0 && name.ends_with("embedding"),
        };
        if is_frozen { ParameterGroup::Frozen } else { ParameterGroup::Rest }
    }
}

/// Whether a parameter, `layers.3.…`, is in the last layers of a stack.
pub(super) fn is_in_top_layers(name: &str, depth: usize) -> bool {
    let number = name.strip_prefix("layers.").and_then(|rest| rest.split('.').next());
    number.and_then(|number| number.parse::<usize>().ok()).is_some_and(|layer| layer + TOP_LAYERS >= depth)
}

#[typetag::serde(name = "transformer")]
impl TextTower for TransformerConfig {
    fn without_dropout(&self) -> TextEncoderConfig {
        self.clone().with_dropout(0.0).into()
    }

    fn init(&self, device: &Device) -> Result<TextEncoder, ModelError> {
        Ok(TextEncoder::new(Transformer::new(self, device)))
    }

    fn check_tokens(&self) -> Result<(), ModelError> {
        let vocabulary = self.vocabulary >= ClipTokenizer::VOCABULARY;
        ModelError::check(vocabulary, "text.vocabulary", self.vocabulary, "at least 49408, for CLIP's tokens")?;
        let context = self.context >= ClipTokenizer::CONTEXT;
        ModelError::check(context, "text.context", self.context, "at least 77, for CLIP's captions")
    }

    fn frontend(&self, _: &mut dyn Iterator<Item = &str>, _: &Device) -> Result<TextFrontend, ModelError> {
        self.check_tokens()?;
        Ok(ClipTokenizer::new()?.into())
    }

    fn load_frontend(&self, bundle: &Path, _: &Device) -> Result<TextFrontend, ModelError> {
        Ok(ClipTokenizer::from_file(&bundle.join(TOKENIZER))?.into())
    }
}

/// Token ids to the state at the end token.
#[derive(Module, Debug)]
pub struct Transformer {
    token_embedding: Param<Tensor<2>>,
    position_embedding: Param<Tensor<2>>,
    layers: Vec<Layer>,
    norm_out: LayerNorm,
    frozen_layers: usize,
    #[module(skip)]
    precision: Precision,
}

impl Transformer {
    fn new(config: &TransformerConfig, device: &Device) -> Self {
        let normal =
            |std, shape: [usize; 2]| -> Param<Tensor<2>> { Initializer::Normal { mean: 0.0, std }.init(shape, device) };
        Self {
            token_embedding: normal(0.02, [config.vocabulary, config.width]),
            position_embedding: normal(0.01, [config.context, config.width]),
            layers: (0..config.depth).map(|_| Layer::new(config, device)).collect(),
            norm_out: LayerNormConfig::new(config.width).init(device),
            frozen_layers: config.frozen_layers,
            precision: Precision::F32,
        }
    }

    /// # Shapes
    /// - tokens: at most the context long. The mask is causal: whatever stands
    ///   behind a caption's end token does not matter, so they may be padded to the longest
    ///   caption of the batch;
    /// - returns `[batch, width]`.
    fn run(&self, tokens: TokenBatch, mut seen: Option<&mut Activations>) -> Tensor<2> {
        let TokenBatch { ids, ends, lengths } = tokens;
        let [batch, length] = ids.dims();
        let [context, width] = self.position_embedding.dims();
        assert!(length <= context, "{length} tokens, but the model has {context} positions");
        let device = ids.device();
        let x = self.token_embedding.val().select(0, ids.reshape([batch * length]));
        let positions = self.position_embedding.val().narrow(0, 0, length);
        let x = x.reshape([batch, length, width]) + positions.unsqueeze::<3>();
        let mut x = x.reshape([batch * length, width]);
        let packing = lengths.filter(|lengths| lengths.iter().any(|&own| own < length));
        let packing = packing.map(|lengths| Packing::new(&lengths, length, &device));
        if let Some(packing) = &packing {
            x = packing.pack(x);
        }
        let future = Tensor::<2, Bool>::tril_mask([length, length], 0, &device).unsqueeze::<4>();
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(x, &future, batch, packing.as_ref(), self.precision);
            if let Some(seen) = &mut seen {
                seen.add(format!("text.layers.{i}"), x.clone());
                x = x.detach();
            }
            if i + 1 == self.frozen_layers {
                x = x.detach();
            }
        }
        let last = match packing {
            Some(packing) => packing.last,
            None => {
                let starts: Vec<i32> = (0..batch).map(|row| (row * length) as i32).collect();
                ends + Tensor::<1, Int>::from_data(TensorData::new(starts, [batch]), &device)
            }
        };
        self.norm_out.forward(x.select(0, last))
    }
}

impl Encoder<TextBatch> for Transformer {
    fn forward(&self, text: TextBatch, seen: Option<&mut Activations>) -> Tensor<2> {
        match text {
            TextBatch::Tokens(tokens) => self.run(tokens, seen),
            TextBatch::Vectors(_) => panic!("vectors, where tokens are read"),
        }
    }

    /// What the layers add to stays in 32 bits.
    fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }
}

/// Where the tokens of captions are, with and without padding.
///
/// Linear layers and norms see tokens alone; attention wants captions of one length, and what stands
/// in the padding does not matter to it, since the mask is causal.
struct Packing {
    /// Of each token, its row with padding, `[tokens]`.
    rows: Tensor<1, Int>,
    /// Of each row with padding, its token, or any for padding, `[batch · length]`.
    tokens: Tensor<1, Int>,
    /// The last token of each caption, `[batch]`.
    last: Tensor<1, Int>,
}

impl Packing {
    fn new(lengths: &[usize], length: usize, device: &Device) -> Self {
        let (mut rows, mut tokens, mut last) = (Vec::new(), Vec::new(), Vec::new());
        for (caption, &own) in lengths.iter().enumerate() {
            let first = rows.len() as i32;
            tokens.extend((0..length).map(|i| first + i.min(own - 1) as i32));
            rows.extend((0..own).map(|i| (caption * length + i) as i32));
            last.push(rows.len() as i32 - 1);
        }
        let tensor = |values: Vec<i32>| {
            let count = values.len();
            Tensor::from_data(TensorData::new(values, [count]), device)
        };
        Self { rows: tensor(rows), tokens: tensor(tokens), last: tensor(last) }
    }

    fn pack(&self, x: Tensor<2>) -> Tensor<2> {
        x.select(0, self.rows.clone())
    }

    fn unpack(&self, x: Tensor<2>) -> Tensor<2> {
        x.select(0, self.tokens.clone())
    }
}

#[derive(Module, Debug)]
struct Layer {
    attention_norm: LayerNorm,
    to_qkv: Linear,
    out_projection: Linear,
    mlp_norm: LayerNorm,
    mlp_in: Linear,
    mlp_out: Linear,
    dropout: Dropout,
    heads: usize,
}

impl Layer {
    fn new(config: &TransformerConfig, device: &Device) -> Self {
        let width = config.width;
        Self {
            attention_norm: LayerNormConfig::new(width).init(device),
            to_qkv: Linear::new(width, 3 * width, false, device),
            out_projection: Linear::new(width, width, true, device),
            mlp_norm: LayerNormConfig::new(width).init(device),
            mlp_in: Linear::new(width, 4 * width, true, device),
            mlp_out: Linear::new(4 * width, width, true, device),
            dropout: DropoutConfig::new(config.dropout).init(),
            heads: config.heads,
        }
    }

    /// x: `[batch · length, width]`, or `[tokens, width]` if they are packed; future:
    /// `[1, 1, length, length]`, true where a key lies behind its query.
    fn forward(
        &self,
        x: Tensor<2>,
        future: &Tensor<4, Bool>,
        batch: usize,
        packing: Option<&Packing>,
        precision: Precision,
    ) -> Tensor<2> {
        let normed = precision.of(self.attention_norm.forward(x.clone()));
        let x = x + full(self.attend(normed, future, batch, packing));
        let normed = precision.of(self.mlp_norm.forward(x.clone()));
        let y = gelu(self.mlp_in.forward(normed));
        let y = self.mlp_out.forward(self.dropout.forward(y));
        x + full(self.dropout.forward(y))
    }

    fn attend(&self, x: Tensor<2>, future: &Tensor<4, Bool>, batch: usize, packing: Option<&Packing>) -> Tensor<2> {
        let [_, _, length, _] = future.dims();
        let width = x.dims()[1];
        let (rows, per_head) = (batch * length, width / self.heads);
        let qkv = self.to_qkv.forward(x);
        let qkv = match packing {
            Some(packing) => packing.unpack(qkv),
            None => qkv,
        };
        let part = |i: usize| {
            let part = qkv.clone().narrow(1, i * width, width);
            part.reshape([batch, length, self.heads, per_head]).swap_dims(1, 2) // [batch, heads, length, per head]
        };
        let scores = (part(0) * (per_head as f64).powf(-0.5)).matmul(part(1).swap_dims(2, 3));
        let scores =
            full(scores).mask_fill(future.clone().expand([batch, self.heads, length, length]), f32::NEG_INFINITY);
        let weights = self.dropout.forward(softmax(scores, 3));
        let y = like(weights, &qkv).matmul(part(2)).swap_dims(1, 2).reshape([rows, width]);
        self.out_projection.forward(match packing {
            Some(packing) => packing.pack(y),
            None => y,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn captions_without_padding_have_the_same_gradients() {
        let device = Device::flex().autodiff();
        let model = Transformer::new(&TransformerConfig::new(2).with_width(24, 3).with_dropout(0.0), &device);
        let tokenizer = ClipTokenizer::new().unwrap();
        let captions = ["a slow tune", "fast, loud and very long, with drums and a brass band", "", "solo piano"];
        let rows: Vec<Vec<u32>> = captions.iter().map(|caption| tokenizer.encode(caption)).collect();
        let gradients = |packed: bool| {
            let mut tokens = TokenBatch::new(&rows, &device);
            tokens.lengths = tokens.lengths.filter(|_| packed);
            let state = model.run(tokens, None);
            let gradients = (state.clone() * state.clone().narrow(0, 0, 1).detach()).sum().backward();
            let layer = &model.layers[0];
            let parameters = [&model.token_embedding, &model.position_embedding, &layer.to_qkv.weight];
            let mut found = vec![state.into_data()];
            found.extend(parameters.iter().map(|parameter| parameter.val().grad(&gradients).unwrap().into_data()));
            found
        };
        for (packed, padded) in gradients(true).into_iter().zip(gradients(false)) {
            let (packed, padded) = (packed.try_into_vec::<f32>().unwrap(), padded.try_into_vec::<f32>().unwrap());
            let largest = padded.iter().map(|x| x.abs()).fold(0.0, f32::max);
            let worst = packed.iter().zip(&padded).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(largest > 0.0 && worst < 1e-5 * largest, "{worst:e} of {largest:e}");
        }
    }
}
