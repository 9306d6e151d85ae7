//! Captions to what the text encoder reads.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use muscall_files::{replace, replace_bytes};
use muscall_retrieval::Fingerprint;

use super::tokenizer::ClipTokenizer;
use super::word_vectors::{WordVectors, words};
use super::{TextBatch, TextEncoderConfig, TokenBatch};
use crate::ModelError;
#[cfg(feature = "sentence")]
use crate::sentence::{SentenceEncoder, WordPiece, find};

const TOKENIZER: &str = "tokenizer.json";
const WORD_VECTORS: &str = "word_vectors.bin";
#[cfg(feature = "sentence")]
const SENTENCE: &str = "sentence";
/// The name of the encoder that was written, in its folder.
#[cfg(feature = "sentence")]
const STAMP: &str = "fingerprint";

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
                let stamp = dir.join(STAMP);
                let name = encoder.fingerprint().name();
                if std::fs::read_to_string(&stamp).is_ok_and(|found| found == name) {
                    return Ok(());
                }
                encoder.save(&dir)?;
                Ok(replace_bytes(&stamp, name)?)
            }
            Self::WordVectors(vectors) => replace(&dir.join(WORD_VECTORS), |path| vectors.save(path)),
        }
    }

    /// Identifies what captions become before anything trained sees them: by the content of tokenizer, encoder or word
    /// vectors, wherever they are from.
    pub fn fingerprint(&self) -> Fingerprint {
        match self {
            Self::Clip(tokenizer) => Fingerprint::of(tokenizer.content()),
            #[cfg(feature = "sentence")]
            Self::WordPiece(tokenizer) => Fingerprint::of(tokenizer.content()),
            #[cfg(feature = "sentence")]
            Self::Sentence(encoder) => encoder.fingerprint().clone(),
            Self::WordVectors(vectors) => Fingerprint::of(vectors.content()),
        }
    }

    /// Reads its part of a bundle, which was saved with the fingerprint `saved`, if that is known.
    pub(crate) fn load(
        dir: &Path,
        config: &TextEncoderConfig,
        saved: Option<&str>,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let (frontend, place) = Self::read(dir, config, device)?;
        let expected = saved.map(str::to_owned).or_else(|| frontend.stamp(dir));
        let found = frontend.fingerprint();
        match expected {
            Some(expected) if !found.accepts(&expected) => {
                Err(ModelError::Words { path: dir.join(place), found: found.into(), expected })
            }
            _ => Ok(frontend),
        }
    }

    /// What older bundles know of their own: the fingerprint of a frozen sentence encoder, and nothing else.
    #[cfg_attr(not(feature = "sentence"), allow(unused_variables))]
    fn stamp(&self, dir: &Path) -> Option<String> {
        match self {
            #[cfg(feature = "sentence")]
            Self::Sentence(_) => std::fs::read_to_string(dir.join(SENTENCE).join(STAMP)).ok(),
            _ => None,
        }
    }

    /// From a bundle, with the name of the file or folder that it came from.
    #[cfg_attr(not(feature = "sentence"), allow(unused_variables))]
    fn read(dir: &Path, config: &TextEncoderConfig, device: &Device) -> Result<(Self, &'static str), ModelError> {
        match config {
            TextEncoderConfig::Transformer(_) => {
                Ok((ClipTokenizer::from_file(&dir.join(TOKENIZER))?.into(), TOKENIZER))
            }
            #[cfg(feature = "sentence")]
            TextEncoderConfig::Sentence(config) if config.fine_tune => {
                let encoder = &config.encoder;
                let tokenizer = WordPiece::from_file(&dir.join(TOKENIZER), encoder.vocabulary, encoder.context)?;
                Ok((Self::WordPiece(Box::new(tokenizer)), TOKENIZER))
            }
            #[cfg(feature = "sentence")]
            TextEncoderConfig::Sentence(config) => {
                let encoder = SentenceEncoder::with_config(&dir.join(SENTENCE), config.encoder.clone(), device)?;
                Ok((Self::Sentence(Arc::new(encoder)), SENTENCE))
            }
            TextEncoderConfig::WordVectors(config) => {
                let vectors = WordVectors::read(&dir.join(WORD_VECTORS), &HashSet::new(), usize::MAX)?;
                check_dim(&vectors, config.dim)?;
                Ok((Self::WordVectors(Arc::new(vectors)), WORD_VECTORS))
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
