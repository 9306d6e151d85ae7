//! BERT: a post-norm Transformer over the tokens of a caption, and one vector of them all.

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig, Initializer, LayerNorm, LayerNormConfig};
use burn::tensor::activation::{gelu, softmax, tanh};
use burn::tensor::{Bool, Device, Int, Tensor};

use super::config::{BertConfig, BertPooling};
use crate::layers::{Linear, normalise};
use crate::text::TokenBatch;
use crate::{Activations, ModelError};

impl BertConfig {
    /// Builds the network with random weights.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<Bert, ModelError> {
        self.validate()?;
        let normal = Initializer::Normal { mean: 0.0, std: 0.02 };
        let pooler = || Linear::normal(self.width, self.width, true, 0.02, device);
        Ok(Bert {
            word_embedding: normal.init([self.vocabulary, self.width], device),
            position_embedding: normal.init([self.positions, self.width], device),
            type_embedding: normal.init([self.token_types, self.width], device),
            norm: norm(self, device),
            layers: (0..self.depth).map(|_| Layer::new(self, device)).collect(),
            pooler: (self.pooling == BertPooling::Pooler).then(pooler),
            dropout: DropoutConfig::new(self.dropout).init(),
            position_offset: self.position_offset,
            pooling: self.pooling,
            unit_norm: self.unit_norm,
        })
    }
}

fn norm(config: &BertConfig, device: &Device) -> LayerNorm {
    LayerNormConfig::new(config.width).with_epsilon(config.norm_epsilon).init(device)
}

/// Token ids to one vector per caption.
///
/// # Source
/// Devlin et al. 2019 (BERT), Liu et al. 2019 (RoBERTa), Reimers and Gurevych 2019 (its sentence vectors).
#[derive(Module, Debug)]
pub struct Bert {
    word_embedding: Param<Tensor<2>>,
    position_embedding: Param<Tensor<2>>,
    type_embedding: Param<Tensor<2>>,
    norm: LayerNorm,
    layers: Vec<Layer>,
    pooler: Option<Linear>,
    dropout: Dropout,
    position_offset: usize,
    #[module(skip)]
    pooling: BertPooling,
    unit_norm: bool,
}

impl Bert {
    /// # Shapes
    /// - returns `[batch, width]`: what the tokens that are not padding are pooled to.
    pub fn forward(&self, tokens: TokenBatch) -> Tensor<2> {
        self.run(tokens, None)
    }

    /// The same; adds what comes out of the layers to `seen`.
    pub(in crate::text) fn run(&self, tokens: TokenBatch, mut seen: Option<&mut Activations>) -> Tensor<2> {
        let [batch, length] = tokens.ids.dims();
        let [positions, width] = self.position_embedding.dims();
        let most = positions - self.position_offset;
        assert!(length <= most, "{length} tokens, but the model has {most} positions");
        let device = tokens.ids.device();
        let words = self.word_embedding.val().select(0, tokens.ids.reshape([batch * length]));
        let places = self.position_embedding.val().narrow(0, self.position_offset, length);
        let shared = places + self.type_embedding.val().narrow(0, 0, 1);
        let x = words.reshape([batch, length, width]) + shared.unsqueeze::<3>();
        let mut x = self.dropout.forward(self.norm.forward(x.reshape([batch * length, width])));

        let place = Tensor::<1, Int>::arange(0..length as i64, &device).unsqueeze::<2>();
        let padding = place.expand([batch, length]).greater(tokens.ends.unsqueeze_dim::<2>(1).expand([batch, length]));
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(x, &padding);
            if let Some(seen) = &mut seen {
                // Rows of padding hold whatever attention makes of them.
                let states = x.clone().reshape([batch, length, width]);
                let padding = padding.clone().unsqueeze_dim::<3>(2).expand([batch, length, width]);
                seen.add(format!("text.encoder.layers.{i}"), states.mask_fill(padding, 0.0));
                x = x.detach();
            }
        }
        let pooled = self.pool(x.reshape([batch, length, width]), padding);
        if self.unit_norm { normalise(pooled) } else { pooled }
    }

    /// x: `[batch, length, width]`; padding: `[batch, length]`; returns `[batch, width]`.
    fn pool(&self, x: Tensor<3>, padding: Tensor<2, Bool>) -> Tensor<2> {
        let [batch, _, width] = x.dims();
        if self.pooling == BertPooling::Mean {
            let mask = padding.float().neg() + 1.0; // 1 for a token, 0 for padding
            let counts = mask.clone().sum_dim(1); // [batch, 1]
            return mask.unsqueeze_dim::<3>(1).matmul(x).reshape([batch, width]) / counts;
        }
        let first = x.narrow(1, 0, 1).reshape([batch, width]);
        match &self.pooler {
            Some(pooler) => tanh(pooler.forward(first)),
            None => first,
        }
    }
}

#[derive(Module, Debug)]
struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attention_out: Linear,
    attention_norm: LayerNorm,
    mlp_in: Linear,
    mlp_out: Linear,
    mlp_norm: LayerNorm,
    dropout: Dropout,
    heads: usize,
}

impl Layer {
    fn new(config: &BertConfig, device: &Device) -> Self {
        let width = config.width;
        let linear = |inputs, outputs| Linear::normal(inputs, outputs, true, 0.02, device);
        Self {
            query: linear(width, width),
            key: linear(width, width),
            value: linear(width, width),
            attention_out: linear(width, width),
            attention_norm: norm(config, device),
            mlp_in: linear(width, config.mlp),
            mlp_out: linear(config.mlp, width),
            mlp_norm: norm(config, device),
            dropout: DropoutConfig::new(config.dropout).init(),
            heads: config.heads,
        }
    }

    /// x: `[batch · length, width]`; padding: `[batch, length]`.
    fn forward(&self, x: Tensor<2>, padding: &Tensor<2, Bool>) -> Tensor<2> {
        let attended = self.dropout.forward(self.attention_out.forward(self.attend(x.clone(), padding)));
        let x = self.attention_norm.forward(x + attended);
        let y = self.mlp_out.forward(gelu(self.mlp_in.forward(x.clone())));
        self.mlp_norm.forward(x + self.dropout.forward(y))
    }

    fn attend(&self, x: Tensor<2>, padding: &Tensor<2, Bool>) -> Tensor<2> {
        let [batch, length] = padding.dims();
        let [rows, width] = x.dims();
        let per_head = width / self.heads;
        let split = |x: Tensor<2>| x.reshape([batch, length, self.heads, per_head]).swap_dims(1, 2);
        let query = split(self.query.forward(x.clone()) * (per_head as f64).powf(-0.5));
        let scores = query.matmul(split(self.key.forward(x.clone())).swap_dims(2, 3));
        let padding = padding.clone().reshape([batch, 1, 1, length]).expand([batch, self.heads, length, length]);
        let weights = self.dropout.forward(softmax(scores.mask_fill(padding, f32::NEG_INFINITY), 3));
        weights.matmul(split(self.value.forward(x))).swap_dims(1, 2).reshape([rows, width])
    }
}
