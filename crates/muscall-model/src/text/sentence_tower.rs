//! A pretrained sentence encoder as the text branch.

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::batch::TextBatch;
use super::bert::{
    Bert, BertConfig, DEFAULT_MODEL, SENTENCE, SentenceEncoder, SentenceTokenizer, find, find_here, published_config,
};
use super::frontend::TextFrontend;
use super::head::Head;
use super::tokenizer::TOKENIZER;
use super::transformer::{TOP_LAYERS, is_in_top_layers};
use crate::space::Description;
use crate::tower::{Encoder, MOST_UNITS, ParameterGroup, TextEncoder, TextEncoderConfig, TextTower, TowerConfig};
use crate::weights::{StateDict, read_safetensors, state_of, weights_file};
use crate::{Activations, ModelError};

/// Where the names of the encoder's parameters begin.
const ENCODER: &str = "encoder.";

/// Configuration of the text branch made of a sentence encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SentenceTowerConfig {
    /// Where the pretrained encoder comes from: see [`find`](crate::text::bert::find). Only training
    /// looks there; a bundle has its own copy. Empty if it came with the whole model; with `fine_tune` it may be
    /// the bundle of such a model.
    pub model: String,
    /// Whether the encoder is trained on, or frozen.
    pub fine_tune: bool,
    /// Size of a hidden layer before the projection into the joint space; without it the head is
    /// linear.
    pub hidden: Option<usize>,
    /// Sizes of the encoder.
    pub encoder: BertConfig,
}

impl Default for SentenceTowerConfig {
    fn default() -> Self {
        let encoder = BertConfig::default();
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

    /// With the sizes that the encoder's folder gives in its `config.json`, if it is on this machine and no bundle. What only
    /// training looks at stays.
    ///
    /// # Errors
    /// [`ModelError`] with the file of the folder that does not fit.
    pub fn with_published_sizes(mut self) -> Result<Self, ModelError> {
        if self.bundle().is_none()
            && let Ok(folder) = find_here(&self.model)
        {
            self.encoder = BertConfig { dropout: self.encoder.dropout, ..published_config(&folder)? };
        }
        Ok(self)
    }

    fn head(&self, device: &Device) -> Head {
        match self.hidden {
            Some(hidden) => Head::mlp(self.encoder.width, hidden, device),
            None => Head::identity(),
        }
    }

    /// The bundle that the encoder comes from, if it is one.
    fn bundle(&self) -> Option<&Path> {
        let dir = Path::new(&self.model);
        (!self.model.is_empty() && weights_file(dir).exists()).then_some(dir)
    }

    fn read(&self, dir: &Path, device: &Device) -> Result<SentenceEncoder, ModelError> {
        SentenceEncoder::with_config(dir, self.encoder.clone(), device)
    }
}

impl TowerConfig for SentenceTowerConfig {
    fn validate(&self) -> Result<(), ModelError> {
        let hidden = self.hidden.unwrap_or(1);
        ModelError::check((1..=MOST_UNITS).contains(&hidden), "text.hidden", hidden, "from 1 to 65536")?;
        self.encoder.validate()
    }

    fn output_dim(&self) -> usize {
        self.hidden.unwrap_or(self.encoder.width)
    }

    fn parameters(&self) -> f64 {
        self.encoder.parameters()
    }

    /// A frozen encoder is a part of the text frontend, and so is its own name.
    fn describe(&self, space: &mut Description) {
        let Self { model: _, fine_tune, hidden, encoder } = self;
        if *fine_tune {
            space.field("encoder", "sentence");
            encoder.describe(space);
        } else {
            space.field("encoder", "vectors");
        }
        space.unless(0, "hidden", hidden.unwrap_or(0));
    }

    fn dropout(&self) -> f64 {
        if self.fine_tune { self.encoder.dropout } else { 0.0 }
    }

    fn parameter_group(&self, name: &str) -> ParameterGroup {
        let is_pretrained = self.fine_tune && name.starts_with(ENCODER);
        if is_pretrained { ParameterGroup::Pretrained } else { ParameterGroup::Rest }
    }

    /// Of a caption of usual length, as the published networks of this kind have been measured.
    fn activations(&self, only_top: bool) -> Option<f64> {
        const TOKENS: f64 = 24.0;
        let BertConfig { depth, width, mlp, heads, .. } = self.encoder;
        let layers = if only_top { depth.min(TOP_LAYERS) } else { depth };
        let states = 12.0 * width as f64 + 3.0 * mlp as f64 + 3.0 * heads as f64 * TOKENS;
        Some(if self.fine_tune { layers as f64 * TOKENS * states } else { 0.0 })
    }

    /// The last layers and what pools them; all that a frozen encoder leaves to learn.
    fn is_top(&self, name: &str) -> Option<bool> {
        Some(match name.strip_prefix(ENCODER) {
            Some(name) => is_in_top_layers(name, self.encoder.depth) || name.starts_with("pooler."),
            None => true,
        })
    }

    fn pretrained(&self, device: &Device) -> Result<StateDict, ModelError> {
        if !self.fine_tune || self.model.is_empty() {
            return Ok(StateDict::new());
        }
        if let Some(bundle) = self.bundle() {
            let all = read_safetensors(&weights_file(bundle))?.into_iter();
            let own = all.filter_map(|(name, data)| Some((name.strip_prefix("text.")?.to_owned(), data)));
            return Ok(own.filter(|(name, _)| name.starts_with(ENCODER)).collect());
        }
        let encoder = self.read(&find(&self.model)?, device)?;
        let named = state_of(encoder.model()).into_iter();
        Ok(named.map(|(name, data)| (format!("{ENCODER}{name}"), data)).collect())
    }
}

#[typetag::serde(name = "sentence")]
impl TextTower for SentenceTowerConfig {
    /// A name on the hub says where the encoder is from; a path says nothing to others.
    fn in_bundle(&self) -> Option<TextEncoderConfig> {
        let path = Path::new(&self.model);
        let name = path.is_absolute().then(|| path.file_name()).flatten()?;
        Some(Self { model: name.to_string_lossy().into_owned(), ..self.clone() }.into())
    }

    fn without_dropout(&self) -> TextEncoderConfig {
        let encoder = BertConfig { dropout: 0.0, ..self.encoder.clone() };
        Self { encoder, ..self.clone() }.into()
    }

    fn init(&self, device: &Device) -> Result<TextEncoder, ModelError> {
        if !self.fine_tune {
            return Ok(TextEncoder::new(self.head(device)));
        }
        Ok(TextEncoder::new(SentenceTower { encoder: self.encoder.init(device)?, head: self.head(device) }))
    }

    fn frontend(&self, _: &mut dyn Iterator<Item = &str>, device: &Device) -> Result<TextFrontend, ModelError> {
        let expected = "a folder or a name of a sentence encoder; this model has its words in its bundle only";
        ModelError::check(!self.model.is_empty(), "text.model", "empty", expected)?;
        if self.fine_tune
            && let Some(bundle) = self.bundle()
        {
            return self.load_frontend(bundle, device);
        }
        let encoder = self.read(&find(&self.model)?, device)?;
        Ok(if self.fine_tune { encoder.tokenizer().clone().into() } else { encoder.into() })
    }

    fn load_frontend(&self, bundle: &Path, device: &Device) -> Result<TextFrontend, ModelError> {
        if self.fine_tune {
            return Ok(SentenceTokenizer::from_file(&bundle.join(TOKENIZER), &self.encoder)?.into());
        }
        Ok(self.read(&bundle.join(SENTENCE), device)?.into())
    }
}

/// A sentence encoder that is fine-tuned, and a head.
#[derive(Module, Debug)]
pub struct SentenceTower {
    /// Starts from pretrained weights.
    pub encoder: Bert,
    /// Starts from random ones.
    pub head: Head,
}

impl Encoder<TextBatch> for SentenceTower {
    fn forward(&self, text: TextBatch, seen: Option<&mut Activations>) -> Tensor<2> {
        match text {
            TextBatch::Tokens(tokens) => self.head.forward(self.encoder.run(tokens, seen)),
            TextBatch::Vectors(_) => panic!("vectors, where tokens are read"),
        }
    }
}
