//! Static word vectors as the text branch.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::table::{STATIC_WORDS, StaticWords};
use crate::ModelError;
use crate::space::Description;
use crate::text::frontend::TextFrontend;
use crate::text::head::Head;
use crate::tower::{MOST_UNITS, TextEncoder, TextEncoderConfig, TextTower, TowerConfig};

/// Configuration of the text branch made of static word vectors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticWordsConfig {
    /// What `distil_words` wrote. Only training looks there; a bundle has its own copy.
    pub file: PathBuf,
    /// Dimensions of a vector.
    #[serde(default = "default_dim")]
    pub dim: usize,
    /// Hidden layer between the vectors and the projection, which is then a small MLP; none leaves it linear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<usize>,
}

fn default_dim() -> usize {
    256
}

impl StaticWordsConfig {
    /// Vectors of 256 dimensions, and a linear projection.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), dim: default_dim(), hidden: None }
    }

    /// Replaces the hidden layer.
    #[must_use]
    pub fn with_hidden(mut self, hidden: Option<usize>) -> Self {
        self.hidden = hidden;
        self
    }

    fn read(&self, path: &Path) -> Result<TextFrontend, ModelError> {
        let words = StaticWords::read(path)?;
        let found = format!("{}, where {} has {}", self.dim, path.display(), words.dim());
        ModelError::check(words.dim() == self.dim, "text.dim", found, "the dimensions of the file of word vectors")?;
        Ok(words.into())
    }
}

impl TowerConfig for StaticWordsConfig {
    fn validate(&self) -> Result<(), ModelError> {
        ModelError::check((1..=MOST_UNITS).contains(&self.dim), "text.dim", self.dim, "from 1 to 65536")?;
        let hidden = self.hidden.unwrap_or(1);
        ModelError::check((1..=MOST_UNITS).contains(&hidden), "text.hidden", hidden, "from 1 to 65536")
    }

    fn output_dim(&self) -> usize {
        self.hidden.unwrap_or(self.dim)
    }

    /// The vectors themselves are a part of the text frontend.
    fn describe(&self, space: &mut Description) {
        let Self { file: _, dim, hidden } = self;
        space.field("encoder", "vectors");
        space.field("width", *dim);
        space.unless(0, "hidden", hidden.unwrap_or(0));
    }

    /// All that there is to learn.
    fn is_top(&self, _name: &str) -> Option<bool> {
        Some(true)
    }
}

#[typetag::serde(name = "static_words")]
impl TextTower for StaticWordsConfig {
    fn without_dropout(&self) -> TextEncoderConfig {
        self.clone().into()
    }

    fn init(&self, device: &Device) -> Result<TextEncoder, ModelError> {
        Ok(TextEncoder::new(match self.hidden {
            Some(hidden) => Head::mlp(self.dim, hidden, device),
            None => Head::identity(),
        }))
    }

    fn in_bundle(&self) -> Option<TextEncoderConfig> {
        Some(Self { file: STATIC_WORDS.into(), ..self.clone() }.into())
    }

    fn frontend(&self, _: &mut dyn Iterator<Item = &str>, _: &Device) -> Result<TextFrontend, ModelError> {
        self.read(&self.file)
    }

    fn load_frontend(&self, bundle: &Path, _: &Device) -> Result<TextFrontend, ModelError> {
        self.read(&bundle.join(STATIC_WORDS))
    }
}
