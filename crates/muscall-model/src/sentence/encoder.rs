//! A pretrained sentence encoder, ready to embed captions.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use muscall_files::{FileError, replace};
use muscall_retrieval::Fingerprint;
use serde::Deserialize;

use super::known::Known;
use super::{MiniLm, MiniLmConfig, WordPiece};
use crate::ModelError;
use crate::space::{Description, former};
use crate::text::TokenBatch;
use crate::weights::{StateDict, read_safetensors, state_of, with_state, write_safetensors};

/// Captions that go through the network together.
const BATCH: usize = 32;
const WEIGHTS: &str = "model.safetensors";
const TOKENIZER: &str = "tokenizer.json";

/// Ours and those of the published checkpoints, as parts of a name.
const NAMES: &[(&str, &str)] = &[
    ("word_embedding", "embeddings.word_embeddings.weight"),
    ("position_embedding", "embeddings.position_embeddings.weight"),
    ("type_embedding", "embeddings.token_type_embeddings.weight"),
    ("norm.", "embeddings.LayerNorm."),
    ("layers.", "encoder.layer."),
];
const PARTS: &[(&str, &str)] = &[
    (".query.", ".attention.self.query."),
    (".key.", ".attention.self.key."),
    (".value.", ".attention.self.value."),
    (".attention_out.", ".attention.output.dense."),
    (".attention_norm.", ".attention.output.LayerNorm."),
    (".mlp_in.", ".intermediate.dense."),
    (".mlp_out.", ".output.dense."),
    (".mlp_norm.", ".output.LayerNorm."),
];

/// What a published `config.json` says about the network.
#[derive(Deserialize)]
struct PublishedConfig {
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    vocab_size: usize,
    max_position_embeddings: usize,
}

/// A sentence encoder with its tokenizer.
#[derive(Debug, Clone)]
pub struct SentenceEncoder {
    config: MiniLmConfig,
    tokenizer: WordPiece,
    model: MiniLm,
    device: Device,
    known: Known,
    fingerprint: Fingerprint,
}

impl SentenceEncoder {
    /// Reads `model.safetensors` and `tokenizer.json` from a folder; sizes are those of its
    /// `config.json`, or of all-MiniLM-L6-v2 if there is none.
    ///
    /// # Errors
    /// [`ModelError`] with the file that is missing, damaged or does not fit.
    pub fn load(dir: &Path, device: &Device) -> Result<Self, ModelError> {
        let config = published_config(&dir.join("config.json"))?;
        Self::with_config(dir, config, device)
    }

    /// Reads a folder whose sizes are known.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn with_config(dir: &Path, config: MiniLmConfig, device: &Device) -> Result<Self, ModelError> {
        let device = device.clone().without_autodiff();
        let weights = dir.join(WEIGHTS);
        let state = from_published(read_safetensors(&weights)?);
        let model = with_state(config.init(&device)?, state, &weights.display().to_string())?;
        let tokenizer = WordPiece::from_file(&dir.join(TOKENIZER), config.vocabulary, config.context)?;
        let fingerprint = fingerprint(&config, &tokenizer, &state_of(&model));
        Ok(Self { config, tokenizer, model: model.valid(), device, known: Known::default(), fingerprint })
    }

    /// Writes `model.safetensors`, with the published names, and `tokenizer.json`, each as a whole or not at all.
    ///
    /// # Errors
    /// [`ModelError::Io`] with the file.
    pub fn save(&self, dir: &Path) -> Result<(), ModelError> {
        fs::create_dir_all(dir).map_err(FileError::writing(dir))?;
        let state = to_published(state_of(&self.model));
        replace(&dir.join(WEIGHTS), |path| write_safetensors(path, &state))?;
        replace(&dir.join(TOKENIZER), |path| Ok(self.tokenizer.save(path)?))
    }

    /// Sizes of the network.
    pub fn config(&self) -> &MiniLmConfig {
        &self.config
    }

    /// The network.
    pub fn model(&self) -> &MiniLm {
        &self.model
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &WordPiece {
        &self.tokenizer
    }

    /// Embeds captions, so that they cost nothing from now on. What the file knows is not computed
    /// again; what it does not know is added to it. `progress` is called with how many of how many
    /// are computed.
    ///
    /// # Errors
    /// [`ModelError::Io`] if the file cannot be written; the captions are known all the same.
    pub fn learn<S: AsRef<str>>(
        &mut self,
        texts: &[S],
        file: &Path,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<(), ModelError> {
        self.known = Known::read(file, &self.fingerprint);
        let new: BTreeSet<&str> =
            texts.iter().map(AsRef::as_ref).filter(|text| self.known.get(text).is_none()).collect();
        let new: Vec<&str> = new.into_iter().collect();
        if new.is_empty() {
            return Ok(());
        }
        let values = self.compute(&new, |done| progress(done, new.len()));
        for (text, vector) in new.iter().zip(values.chunks_exact(self.config.width)) {
            self.known.insert(text, vector);
        }
        self.known.write(file, &self.fingerprint)
    }

    /// Embeds captions.
    ///
    /// # Shapes
    /// - returns `[texts, width]`, unit norm, in the order given.
    pub fn embed<S: AsRef<str>>(&self, texts: &[S]) -> Vec<f32> {
        let new: Vec<&str> = texts.iter().map(AsRef::as_ref).filter(|text| self.known.get(text).is_none()).collect();
        let computed = self.compute(&new, |_| {});
        let mut computed = computed.chunks_exact(self.config.width);
        let vector = |text: &S| self.known.get(text.as_ref()).or_else(|| computed.next()).unwrap_or_default();
        texts.iter().map(vector).collect::<Vec<_>>().concat()
    }

    fn compute(&self, texts: &[&str], mut progress: impl FnMut(usize)) -> Vec<f32> {
        let rows: Vec<Vec<u32>> = texts.iter().map(|text| self.tokenizer.encode(text)).collect();
        // Captions of about one length go together: less padding.
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|&i| rows[i].len());
        let width = self.config.width;
        let mut values = vec![0.0; rows.len() * width];
        let mut done = 0;
        for batch in order.chunks(BATCH) {
            let tokens: Vec<_> = batch.iter().map(|&i| rows[i].clone()).collect();
            let vectors = self.model.forward(TokenBatch::new(&tokens, &self.device)).into_data().convert::<f32>();
            let vectors = vectors.as_slice::<f32>().expect("converted to f32");
            for (&i, vector) in batch.iter().zip(vectors.chunks_exact(width)) {
                values[i * width..][..width].copy_from_slice(vector);
            }
            done += batch.len();
            progress(done);
        }
        values
    }

    /// Identifies what captions become: a hash over weights, tokenizer, and what of the configuration decides a vector.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }
}

fn fingerprint(config: &MiniLmConfig, tokenizer: &WordPiece, state: &StateDict) -> Fingerprint {
    let mut space = Description::new("sentence encoder 1");
    config.describe(&mut space);
    space.field("tokenizer", format!("{:016x}", tokenizer.content()).as_str());
    let fingerprint = Fingerprint::of(space.hash(state.iter())).with_former(former::sentence_encoder(config, state));
    // The dropout was a part of former names, and a frozen encoder may have been given the usual one.
    let usual = MiniLmConfig { dropout: MiniLmConfig::default().dropout, ..config.clone() };
    if usual == *config { fingerprint } else { fingerprint.with_former(former::sentence_encoder(&usual, state)) }
}

fn published_config(path: &Path) -> Result<MiniLmConfig, ModelError> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(MiniLmConfig::default()),
        other => other.map_err(FileError::reading(path))?,
    };
    let parse = |source| ModelError::ConfigFile { path: path.to_owned(), source };
    let published: PublishedConfig = serde_json::from_str(&text).map_err(parse)?;
    let default = MiniLmConfig::default();
    Ok(MiniLmConfig {
        width: published.hidden_size,
        depth: published.num_hidden_layers,
        heads: published.num_attention_heads,
        mlp: published.intermediate_size,
        vocabulary: published.vocab_size,
        positions: published.max_position_embeddings,
        context: default.context.min(published.max_position_embeddings),
        dropout: default.dropout,
    })
}

/// Renames a published state dict to ours, without the pooler, which sentence vectors do not use.
fn from_published(state: StateDict) -> StateDict {
    let used = state.into_iter().filter(|(name, _)| !name.starts_with("pooler."));
    used.map(|(name, data)| {
        let mut ours = name.strip_prefix("bert.").unwrap_or(&name).to_owned();
        if let Some((our, their)) = NAMES.iter().find(|(_, their)| ours.starts_with(their)) {
            ours = format!("{our}{}", &ours[their.len()..]);
        }
        // `.attention.output.` before `.output.`, which is a part of it.
        for (our, their) in PARTS {
            ours = ours.replace(their, our);
        }
        if ours.contains("norm.") {
            ours = ours.replace("norm.weight", "norm.gamma").replace("norm.bias", "norm.beta");
        }
        (ours, data)
    })
    .collect()
}

fn to_published(state: StateDict) -> StateDict {
    let rename = |(name, data): (String, _)| {
        let mut theirs = name.clone();
        if let Some((our, their)) = NAMES.iter().find(|(our, _)| name.starts_with(our)) {
            theirs = format!("{their}{}", &name[our.len()..]);
        }
        for (our, their) in PARTS {
            theirs = theirs.replace(our, their);
        }
        (theirs.replace(".gamma", ".weight").replace(".beta", ".bias"), data)
    };
    state.into_iter().map(rename).collect()
}
