//! The Transformer behind all-MiniLM-L6-v2: BERT, six layers of width 384.

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig, Initializer, LayerNorm, LayerNormConfig};
use burn::tensor::activation::{gelu, softmax};
use burn::tensor::{Bool, Device, Int, Tensor};
use serde::{Deserialize, Serialize};

use crate::ModelError;
use crate::layers::Linear;
use crate::space::Description;
use crate::text::TokenBatch;

/// Configuration of [`MiniLm`]; the default is all-MiniLM-L6-v2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MiniLmConfig {
    /// Size of a token's state, and of a sentence's vector.
    pub width: usize,
    /// Layers.
    pub depth: usize,
    /// Attention heads per layer.
    pub heads: usize,
    /// Size of the hidden layer of the MLPs.
    pub mlp: usize,
    /// Entries of the token embedding.
    pub vocabulary: usize,
    /// Rows of the position embedding.
    pub positions: usize,
    /// Most tokens of a caption that are looked at.
    pub context: usize,
    /// Probability of dropping an activation when it is fine-tuned.
    pub dropout: f64,
}

impl Default for MiniLmConfig {
    fn default() -> Self {
        Self {
            width: 384,
            depth: 6,
            heads: 12,
            mlp: 1536,
            vocabulary: 30_522,
            positions: 512,
            context: 256,
            dropout: 0.1,
        }
    }
}

impl MiniLmConfig {
    /// # Errors
    /// [`ModelError::Config`] with the first field out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        let divides = self.heads >= 1 && self.width >= 1 && self.width.is_multiple_of(self.heads);
        ModelError::check(divides, "text.encoder.width", self.width, "a positive multiple of text.encoder.heads")?;
        ModelError::check(self.depth >= 1, "text.encoder.depth", self.depth, "at least 1")?;
        ModelError::check(self.mlp >= 1, "text.encoder.mlp", self.mlp, "at least 1")?;
        ModelError::check(self.vocabulary >= 3, "text.encoder.vocabulary", self.vocabulary, "at least 3")?;
        let fits = (3..=self.positions).contains(&self.context);
        ModelError::check(fits, "text.encoder.context", self.context, "from 3 to text.encoder.positions")?;
        let dropout = (0.0..1.0).contains(&self.dropout);
        ModelError::check(dropout, "text.encoder.dropout", self.dropout, "at least 0 and below 1")
    }

    /// Writes what decides a vector. Dropout does in training alone.
    pub(crate) fn describe(&self, space: &mut Description) {
        let Self { width, depth, heads, mlp, vocabulary, positions, context, dropout: _ } = self;
        let sizes = [("width", width), ("depth", depth), ("heads", heads), ("mlp", mlp), ("vocabulary", vocabulary)];
        sizes.into_iter().for_each(|(name, &size)| space.field(name, size));
        space.field("positions", *positions);
        space.field("context", *context);
    }

    /// Builds the network with random weights.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<MiniLm, ModelError> {
        self.validate()?;
        let normal = Initializer::Normal { mean: 0.0, std: 0.02 };
        Ok(MiniLm {
            word_embedding: normal.init([self.vocabulary, self.width], device),
            position_embedding: normal.init([self.positions, self.width], device),
            type_embedding: normal.init([2, self.width], device),
            norm: norm(self.width, device),
            layers: (0..self.depth).map(|_| Layer::new(self, device)).collect(),
            dropout: DropoutConfig::new(self.dropout).init(),
        })
    }
}

fn norm(width: usize, device: &Device) -> LayerNorm {
    LayerNormConfig::new(width).with_epsilon(1e-12).init(device)
}

/// Token ids to one vector of unit norm a sentence.
///
/// # Source
/// Reimers and Gurevych 2019; the checkpoint all-MiniLM-L6-v2.
#[derive(Module, Debug)]
pub struct MiniLm {
    word_embedding: Param<Tensor<2>>,
    position_embedding: Param<Tensor<2>>,
    type_embedding: Param<Tensor<2>>,
    norm: LayerNorm,
    layers: Vec<Layer>,
    dropout: Dropout,
}

impl MiniLm {
    /// # Shapes
    /// - returns `[batch, width]`, unit norm: the mean over the tokens that are not padding.
    pub fn forward(&self, tokens: TokenBatch) -> Tensor<2> {
        let [batch, length] = tokens.ids.dims();
        let [positions, width] = self.position_embedding.dims();
        assert!(length <= positions, "{length} tokens, but the model has {positions} positions");
        let device = tokens.ids.device();
        let words = self.word_embedding.val().select(0, tokens.ids.reshape([batch * length]));
        let shared = self.position_embedding.val().narrow(0, 0, length) + self.type_embedding.val().narrow(0, 0, 1);
        let x = words.reshape([batch, length, width]) + shared.unsqueeze::<3>();
        let mut x = self.dropout.forward(self.norm.forward(x.reshape([batch * length, width])));

        let place = Tensor::<1, Int>::arange(0..length as i64, &device).unsqueeze::<2>();
        let padding = place.expand([batch, length]).greater(tokens.ends.unsqueeze_dim::<2>(1).expand([batch, length]));
        for layer in &self.layers {
            x = layer.forward(x, &padding);
        }
        let mask = padding.float().neg() + 1.0; // 1 for a token, 0 for padding
        let counts = mask.clone().sum_dim(1); // [batch, 1]
        let sums = mask.unsqueeze_dim::<3>(1).matmul(x.reshape([batch, length, width]));
        let mean = sums.reshape([batch, width]) / counts;
        crate::muscall::normalise(mean)
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
    fn new(config: &MiniLmConfig, device: &Device) -> Self {
        let width = config.width;
        let linear = |inputs, outputs| Linear::normal(inputs, outputs, true, 0.02, device);
        Self {
            query: linear(width, width),
            key: linear(width, width),
            value: linear(width, width),
            attention_out: linear(width, width),
            attention_norm: norm(width, device),
            mlp_in: linear(width, config.mlp),
            mlp_out: linear(config.mlp, width),
            mlp_norm: norm(width, device),
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
