//! The text branch: captions to one vector.

mod batch;
mod descriptions;
mod frontend;
mod head;
#[cfg(feature = "sentence")]
mod sentence_tower;
pub mod tokenizer;
mod transformer;
pub mod word_vectors;

pub use batch::{TextBatch, TokenBatch};
pub(crate) use descriptions::descriptions;
pub use frontend::TextFrontend;
pub use head::Head;
#[cfg(feature = "sentence")]
pub use sentence_tower::{SentenceTower, SentenceTowerConfig};
pub use transformer::{Transformer, TransformerConfig};
pub use word_vectors::{WordVectors, WordVectorsConfig};

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use self::tokenizer::ClipTokenizer;
use crate::space::Description;
use crate::{Activations, ModelError, Precision};

/// Which text encoder, and how large.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TextEncoderConfig {
    /// The paper's Transformer, trained from scratch.
    Transformer(TransformerConfig),
    /// A pretrained sentence encoder, frozen or fine-tuned.
    #[cfg(feature = "sentence")]
    Sentence(SentenceTowerConfig),
    /// Frozen word vectors, averaged.
    WordVectors(WordVectorsConfig),
}

impl From<TransformerConfig> for TextEncoderConfig {
    fn from(config: TransformerConfig) -> Self {
        Self::Transformer(config)
    }
}

#[cfg(feature = "sentence")]
impl From<SentenceTowerConfig> for TextEncoderConfig {
    fn from(config: SentenceTowerConfig) -> Self {
        Self::Sentence(config)
    }
}

impl From<WordVectorsConfig> for TextEncoderConfig {
    fn from(config: WordVectorsConfig) -> Self {
        Self::WordVectors(config)
    }
}

impl TextEncoderConfig {
    /// # Errors
    /// [`ModelError::Config`] with the first field out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        match self {
            Self::Transformer(config) => config.validate(),
            #[cfg(feature = "sentence")]
            Self::Sentence(config) => config.validate(),
            Self::WordVectors(config) => config.validate(),
        }
    }

    /// Whether every caption's tokens fit. A model with another vocabulary can be loaded and fed
    /// with tokens, but not with captions.
    ///
    /// # Errors
    /// [`ModelError::Config`].
    pub fn check_tokens(&self) -> Result<(), ModelError> {
        let Self::Transformer(config) = self else {
            return Ok(());
        };
        let vocabulary = config.vocabulary >= ClipTokenizer::VOCABULARY;
        ModelError::check(vocabulary, "text.vocabulary", config.vocabulary, "at least 49408, for CLIP's tokens")?;
        let context = config.context >= ClipTokenizer::CONTEXT;
        ModelError::check(context, "text.context", config.context, "at least 77, for CLIP's captions")
    }

    /// Dimensions of what the encoder gives.
    pub fn output_dim(&self) -> usize {
        match self {
            Self::Transformer(config) => config.width,
            #[cfg(feature = "sentence")]
            Self::Sentence(config) => config.output_dim(),
            Self::WordVectors(config) => config.dim,
        }
    }

    /// Writes what decides a vector, but for what the text frontend holds.
    pub(crate) fn describe(&self, space: &mut Description) {
        match self {
            Self::Transformer(config) => config.describe(space),
            #[cfg(feature = "sentence")]
            Self::Sentence(config) => config.describe(space),
            Self::WordVectors(config) => config.describe(space),
        }
    }

    /// Whether what is computed of a caption alone is frozen, so that it can be kept.
    pub fn has_frozen_vectors(&self) -> bool {
        match self {
            Self::Transformer(_) => false,
            #[cfg(feature = "sentence")]
            Self::Sentence(config) => !config.fine_tune,
            Self::WordVectors(_) => true,
        }
    }

    /// Builds the trainable part with random weights.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<TextEncoder, ModelError> {
        self.validate()?;
        Ok(match self {
            Self::Transformer(config) => TextEncoder::Transformer(config.init(device)?),
            #[cfg(feature = "sentence")]
            Self::Sentence(config) if config.fine_tune => TextEncoder::Sentence(config.init(device)?),
            #[cfg(feature = "sentence")]
            Self::Sentence(config) => TextEncoder::Vectors(config.head(device)),
            Self::WordVectors(_) => TextEncoder::Vectors(Head::identity()),
        })
    }
}

/// The trainable part of the text branch.
// There is one of these in a model.
#[allow(clippy::large_enum_variant)]
#[derive(Module, Debug)]
pub enum TextEncoder {
    /// From tokens.
    Transformer(Transformer),
    /// From word pieces, pretrained.
    #[cfg(feature = "sentence")]
    Sentence(SentenceTower),
    /// From vectors of whole captions that a frozen encoder made.
    Vectors(Head),
}

impl TextEncoder {
    /// In which numbers the Transformer computes; the others compute in 32 bits.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        match self {
            Self::Transformer(encoder) => Self::Transformer(encoder.with_precision(precision)),
            #[allow(unreachable_patterns)]
            other => other,
        }
    }

    /// # Shapes
    /// - returns `[batch, output_dim]`.
    /// # Panics
    /// If the batch is not of the kind that this encoder reads.
    pub fn forward(&self, text: impl Into<TextBatch>) -> Tensor<2> {
        self.run(text.into(), None)
    }

    /// The same; adds what comes out of the layers of a Transformer to `seen`.
    pub(crate) fn run(&self, text: TextBatch, seen: Option<&mut Activations>) -> Tensor<2> {
        match (self, text) {
            (Self::Transformer(encoder), TextBatch::Tokens(tokens)) => encoder.run(tokens, seen),
            #[cfg(feature = "sentence")]
            (Self::Sentence(encoder), TextBatch::Tokens(tokens)) => encoder.forward(tokens),
            (Self::Vectors(head), TextBatch::Vectors(vectors)) => head.forward(vectors),
            _ => panic!("a batch made by the frontend of another text encoder"),
        }
    }
}
