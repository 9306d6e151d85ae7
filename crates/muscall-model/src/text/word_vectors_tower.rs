//! Frozen word vectors as the text branch.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::frontend::TextFrontend;
use super::head::Head;
use super::word_vectors::{WORD_VECTORS, WordVectors, words};
use crate::ModelError;
use crate::space::Description;
use crate::tower::{MOST_UNITS, TextEncoder, TextEncoderConfig, TextTower, TowerConfig};

/// Configuration of the text branch made of word vectors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WordVectorsConfig {
    /// The vectors, in word2vec's text or binary format. Only training looks there; a bundle has
    /// its own copy of the words that it keeps.
    pub file: PathBuf,
    /// Dimensions of a vector.
    #[serde(default = "default_dim")]
    pub dim: usize,
    /// Words of the file, from the first on, that are kept besides those of the captions, for
    /// queries to come.
    #[serde(default = "default_keep")]
    pub keep: usize,
}

fn default_dim() -> usize {
    300
}

fn default_keep() -> usize {
    20_000
}

impl WordVectorsConfig {
    /// Vectors of 300 dimensions; the 20,000 most frequent words are kept.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), dim: default_dim(), keep: default_keep() }
    }

    fn check_dim(&self, vectors: WordVectors) -> Result<TextFrontend, ModelError> {
        let fits = vectors.dim() == self.dim;
        ModelError::check(fits, "text.dim", self.dim, "the dimensions of the file of word vectors")?;
        Ok(vectors.into())
    }
}

impl TowerConfig for WordVectorsConfig {
    fn validate(&self) -> Result<(), ModelError> {
        ModelError::check((1..=MOST_UNITS).contains(&self.dim), "text.dim", self.dim, "from 1 to 65536")
    }

    fn output_dim(&self) -> usize {
        self.dim
    }

    /// The vectors themselves are a part of the text frontend.
    fn describe(&self, space: &mut Description) {
        let Self { file: _, dim, keep: _ } = self;
        space.field("encoder", "vectors");
        space.field("width", *dim);
    }
}

#[typetag::serde(name = "word_vectors")]
impl TextTower for WordVectorsConfig {
    fn without_dropout(&self) -> TextEncoderConfig {
        self.clone().into()
    }

    fn init(&self, _: &Device) -> Result<TextEncoder, ModelError> {
        Ok(TextEncoder::new(Head::identity()))
    }

    fn in_bundle(&self) -> Option<TextEncoderConfig> {
        Some(Self { file: WORD_VECTORS.into(), ..self.clone() }.into())
    }

    fn frontend(&self, captions: &mut dyn Iterator<Item = &str>, _: &Device) -> Result<TextFrontend, ModelError> {
        let vocabulary: HashSet<String> = captions.flat_map(words).collect();
        self.check_dim(WordVectors::read(&self.file, &vocabulary, self.keep)?)
    }

    fn load_frontend(&self, bundle: &Path, _: &Device) -> Result<TextFrontend, ModelError> {
        self.check_dim(WordVectors::read(&bundle.join(WORD_VECTORS), &HashSet::new(), usize::MAX)?)
    }
}
