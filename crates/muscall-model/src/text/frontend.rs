//! Captions to what the text encoder reads.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;

use super::tokenizer::ClipTokenizer;
use super::word_vectors::{WordVectors, words};
use super::{TextBatch, TextEncoderConfig, TokenBatch};
use crate::ModelError;
use crate::bundle::replace;
#[cfg(feature = "sentence")]
use crate::sentence::{SentenceEncoder, WordPiece, find};

const TOKENIZER: &str = "tokenizer.json";
const WORD_VECTORS: &str = "word_vectors.bin";
#[cfg(feature = "sentence")]
const SENTENCE: &str = "sentence";

/// Everything of the text branch that is not trained: a tokenizer, a frozen sentence encoder, or
/// word vectors.
#[derive(Debug, Clone)]
pub enum TextFrontend {
    /// CLIP's byte pairs.
    Clip(Box<ClipTokenizer>),
    /// Word pieces for a sentence encoder that is fine-tuned.
    #[cfg(feature = "sentence")]
    WordPiece(Box<WordPiece>),
    /// A frozen sentence encoder.
    #[cfg(feature = "sentence")]
    Sentence(Arc<SentenceEncoder>),
    /// Frozen word vectors.
    WordVectors(Arc<WordVectors>),
}

impl From<ClipTokenizer> for TextFrontend {
    fn from(tokenizer: ClipTokenizer) -> Self {
        Self::Clip(Box::new(tokenizer))
    }
}

impl TextFrontend {
    /// What training starts from. Word vectors are read for the words of `captions`.
    ///
    /// # Errors
    /// [`ModelError`] with the file that is missing or damaged, or does not fit the configuration.
    // Only a sentence encoder computes here.
    #[cfg_attr(not(feature = "sentence"), allow(unused_variables))]
    pub fn for_training<'a>(
        config: &TextEncoderConfig,
        captions: impl Iterator<Item = &'a str>,
        device: &Device,
    ) -> Result<Self, ModelError> {
        config.check_tokens()?;
        match config {
            TextEncoderConfig::Transformer(_) => Ok(ClipTokenizer::new()?.into()),
            #[cfg(feature = "sentence")]
            TextEncoderConfig::Sentence(config) => {
                let encoder = SentenceEncoder::with_config(&find(&config.model)?, config.encoder.clone(), device)?;
                Ok(if config.fine_tune {
                    Self::WordPiece(Box::new(encoder.tokenizer().clone()))
                } else {
                    Self::Sentence(Arc::new(encoder))
                })
            }
            TextEncoderConfig::WordVectors(config) => {
                let vocabulary: HashSet<String> = captions.flat_map(words).collect();
                let vectors = WordVectors::read(&config.file, &vocabulary, config.keep)?;
                check_dim(&vectors, config.dim)?;
                Ok(Self::WordVectors(Arc::new(vectors)))
            }
        }
    }

    /// Captions as a batch.
    pub fn batch<S: AsRef<str>>(&self, captions: &[S], device: &Device) -> TextBatch {
        match self {
            Self::Clip(tokenizer) => tokens(captions, |text| tokenizer.encode(text), device),
            #[cfg(feature = "sentence")]
            Self::WordPiece(tokenizer) => tokens(captions, |text| tokenizer.encode(text), device),
            #[cfg(feature = "sentence")]
            Self::Sentence(encoder) => TextBatch::from_vectors(encoder.embed(captions), encoder.config().width, device),
            Self::WordVectors(vectors) => {
                let values = captions.iter().flat_map(|text| vectors.embed(text.as_ref())).collect();
                TextBatch::from_vectors(values, vectors.dim(), device)
            }
        }
    }

    /// Writes its part of a bundle. What is large and never changes is written once.
    pub(crate) fn save(&self, dir: &Path) -> Result<(), ModelError> {
        match self {
            Self::Clip(tokenizer) => replace(&dir.join(TOKENIZER), |path| Ok(tokenizer.save(path)?)),
            #[cfg(feature = "sentence")]
            Self::WordPiece(tokenizer) => replace(&dir.join(TOKENIZER), |path| Ok(tokenizer.save(path)?)),
            #[cfg(feature = "sentence")]
            Self::Sentence(encoder) => {
                let dir = dir.join(SENTENCE);
                let stamp = dir.join("fingerprint");
                let fingerprint = encoder.fingerprint();
                if std::fs::read_to_string(&stamp).is_ok_and(|found| found == fingerprint) {
                    return Ok(());
                }
                encoder.save(&dir)?;
                replace(&stamp, |path| {
                    std::fs::write(path, fingerprint).map_err(|source| ModelError::Io { path: path.to_owned(), source })
                })
            }
            Self::WordVectors(vectors) => replace(&dir.join(WORD_VECTORS), |path| vectors.save(path)),
        }
    }

    /// Reads its part of a bundle.
    #[cfg_attr(not(feature = "sentence"), allow(unused_variables))]
    pub(crate) fn load(dir: &Path, config: &TextEncoderConfig, device: &Device) -> Result<Self, ModelError> {
        match config {
            TextEncoderConfig::Transformer(_) => Ok(ClipTokenizer::from_file(&dir.join(TOKENIZER))?.into()),
            #[cfg(feature = "sentence")]
            TextEncoderConfig::Sentence(config) if config.fine_tune => {
                let encoder = &config.encoder;
                let tokenizer = WordPiece::from_file(&dir.join(TOKENIZER), encoder.vocabulary, encoder.context)?;
                Ok(Self::WordPiece(Box::new(tokenizer)))
            }
            #[cfg(feature = "sentence")]
            TextEncoderConfig::Sentence(config) => {
                let encoder = SentenceEncoder::with_config(&dir.join(SENTENCE), config.encoder.clone(), device)?;
                Ok(Self::Sentence(Arc::new(encoder)))
            }
            TextEncoderConfig::WordVectors(config) => {
                let vectors = WordVectors::read(&dir.join(WORD_VECTORS), &HashSet::new(), usize::MAX)?;
                check_dim(&vectors, config.dim)?;
                Ok(Self::WordVectors(Arc::new(vectors)))
            }
        }
    }
}

fn check_dim(vectors: &WordVectors, dim: usize) -> Result<(), ModelError> {
    ModelError::check(vectors.dim() == dim, "text.dim", dim, "the dimensions of the file of word vectors")
}

fn tokens<S: AsRef<str>>(captions: &[S], encode: impl Fn(&str) -> Vec<u32>, device: &Device) -> TextBatch {
    let rows: Vec<_> = captions.iter().map(|text| encode(text.as_ref())).collect();
    TokenBatch::new(&rows, device).into()
}
