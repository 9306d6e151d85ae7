//! Sizes and habits of a BERT-like encoder.

use serde::{Deserialize, Serialize};

use crate::ModelError;
use crate::space::Description;
use crate::tower::MOST_UNITS;

/// Configuration of a [`Bert`](super::Bert); the default is all-MiniLM-L6-v2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BertConfig {
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
    /// Rows of the position embedding before that of the first token: 2 in RoBERTa.
    pub position_offset: usize,
    /// Rows of the token type embedding, of which the first is added to every token: 1 in RoBERTa.
    pub token_types: usize,
    /// What keeps the norms from dividing by zero: 1e-5 in RoBERTa.
    pub norm_epsilon: f64,
    /// How the tokens of a caption become one vector.
    pub pooling: BertPooling,
    /// Whether that vector is scaled to unit norm.
    pub unit_norm: bool,
    /// Whether spaces at both ends of a caption are taken off before it is read.
    pub trim: bool,
}

/// How the tokens of a caption become one vector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BertPooling {
    /// Their mean, as in most sentence encoders.
    #[default]
    Mean,
    /// The state of the first token.
    FirstToken,
    /// A linear layer and tanh on the state of the first token, as BERT was trained with.
    Pooler,
}

impl Default for BertConfig {
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
            position_offset: 0,
            token_types: 2,
            norm_epsilon: 1e-12,
            pooling: BertPooling::Mean,
            unit_norm: true,
            trim: true,
        }
    }
}

impl BertConfig {
    /// # Errors
    /// [`ModelError::Config`] with the first field out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        let divides = self.heads >= 1 && self.width >= 1 && self.width.is_multiple_of(self.heads);
        ModelError::check(divides, "text.encoder.width", self.width, "a positive multiple of text.encoder.heads")?;
        ModelError::check((1..=256).contains(&self.depth), "text.encoder.depth", self.depth, "from 1 to 256")?;
        ModelError::check(self.width <= MOST_UNITS, "text.encoder.width", self.width, "at most 65536")?;
        ModelError::check((1..=MOST_UNITS).contains(&self.mlp), "text.encoder.mlp", self.mlp, "from 1 to 65536")?;
        let vocabulary = (3..=1 << 24).contains(&self.vocabulary);
        ModelError::check(vocabulary, "text.encoder.vocabulary", self.vocabulary, "from 3 to 16777216")?;
        let positions = self.positions <= 1 << 20;
        ModelError::check(positions, "text.encoder.positions", self.positions, "at most 1048576")?;
        let most = self.positions.saturating_sub(self.position_offset);
        let expected = "from 3 to text.encoder.positions, less text.encoder.position_offset";
        ModelError::check((3..=most).contains(&self.context), "text.encoder.context", self.context, expected)?;
        ModelError::check(self.token_types >= 1, "text.encoder.token_types", self.token_types, "at least 1")?;
        let epsilon = self.norm_epsilon.is_finite() && self.norm_epsilon > 0.0;
        ModelError::check(epsilon, "text.encoder.norm_epsilon", self.norm_epsilon, "positive")?;
        let dropout = (0.0..1.0).contains(&self.dropout);
        ModelError::check(dropout, "text.encoder.dropout", self.dropout, "at least 0 and below 1")
    }

    /// About how many parameters it has.
    pub(crate) fn parameters(&self) -> f64 {
        let (width, tokens) = (self.width as f64, (self.vocabulary + self.positions) as f64);
        tokens * width + self.depth as f64 * width * (4.0 * width + 2.0 * self.mlp as f64)
    }

    /// Writes what decides a vector. Dropout does in training alone.
    pub(crate) fn describe(&self, space: &mut Description) {
        let Self {
            width,
            depth,
            heads,
            mlp,
            vocabulary,
            positions,
            context,
            dropout: _,
            position_offset,
            token_types,
            norm_epsilon,
            pooling,
            unit_norm,
            trim,
        } = self;
        let sizes = [("width", width), ("depth", depth), ("heads", heads), ("mlp", mlp), ("vocabulary", vocabulary)];
        sizes.into_iter().for_each(|(name, &size)| space.field(name, size));
        space.field("positions", *positions);
        space.field("context", *context);
        space.unless(0, "position_offset", *position_offset);
        space.unless(2, "token_types", *token_types);
        space.unless(1e-12, "norm_epsilon", *norm_epsilon);
        let pooling = match pooling {
            BertPooling::Mean => "mean",
            BertPooling::FirstToken => "first_token",
            BertPooling::Pooler => "pooler",
        };
        space.unless("mean", "token_pooling", pooling);
        space.unless("yes", "unit_norm", if *unit_norm { "yes" } else { "no" });
        space.unless("yes", "trim", if *trim { "yes" } else { "no" });
    }
}
