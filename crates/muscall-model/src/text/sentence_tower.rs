//! A pretrained sentence encoder as the text branch.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::{Head, TokenBatch};
use crate::ModelError;
use crate::sentence::{DEFAULT_MODEL, MiniLm, MiniLmConfig};
use crate::space::Description;

/// Configuration of the text branch made of a sentence encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SentenceTowerConfig {
    /// Where the pretrained encoder comes from: see [`find`](crate::sentence::find). Only training
    /// looks there; a bundle has its own copy.
    pub model: String,
    /// Whether the encoder is trained on, or frozen.
    pub fine_tune: bool,
    /// Size of a hidden layer before the projection into the joint space; without it the head is
    /// linear.
    pub hidden: Option<usize>,
    /// Sizes of the encoder.
    pub encoder: MiniLmConfig,
}

impl Default for SentenceTowerConfig {
    fn default() -> Self {
        let encoder = MiniLmConfig::default();
        Self { model: DEFAULT_MODEL.to_owned(), fine_tune: false, hidden: None, encoder }
    }
}

impl SentenceTowerConfig {
    /// Replaces the place of the pretrained encoder.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<String>) -> Self {
        self.model = model.into();
        self
    }

    /// Replaces whether the encoder is trained on.
    #[must_use]
    pub fn with_fine_tune(mut self, fine_tune: bool) -> Self {
        self.fine_tune = fine_tune;
        self
    }

    /// Replaces the hidden layer of the head.
    #[must_use]
    pub fn with_hidden(mut self, hidden: Option<usize>) -> Self {
        self.hidden = hidden;
        self
    }

    /// # Errors
    /// [`ModelError::Config`] with the first field out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        let hidden = self.hidden.unwrap_or(1);
        ModelError::check(hidden >= 1, "text.hidden", hidden, "at least 1")?;
        self.encoder.validate()
    }

    /// Writes what decides a vector. A frozen encoder is a part of the text frontend, and so is its own name.
    pub(super) fn describe(&self, space: &mut Description) {
        let Self { model: _, fine_tune, hidden, encoder } = self;
        if *fine_tune {
            space.field("encoder", "sentence");
            encoder.describe(space);
        } else {
            space.field("encoder", "vectors");
        }
        space.unless(0, "hidden", hidden.unwrap_or(0));
    }

    pub(super) fn output_dim(&self) -> usize {
        self.hidden.unwrap_or(self.encoder.width)
    }

    pub(super) fn head(&self, device: &Device) -> Head {
        match self.hidden {
            Some(hidden) => Head::mlp(self.encoder.width, hidden, device),
            None => Head::identity(),
        }
    }

    pub(super) fn init(&self, device: &Device) -> Result<SentenceTower, ModelError> {
        Ok(SentenceTower { encoder: self.encoder.init(device)?, head: self.head(device) })
    }
}

/// A sentence encoder that is fine-tuned, and a head.
#[derive(Module, Debug)]
pub struct SentenceTower {
    /// Starts from pretrained weights.
    pub encoder: MiniLm,
    /// Starts from random ones.
    pub head: Head,
}

impl SentenceTower {
    /// # Shapes
    /// - returns `[batch, output_dim]`.
    pub fn forward(&self, tokens: TokenBatch) -> Tensor<2> {
        self.head.forward(self.encoder.forward(tokens))
    }
}
