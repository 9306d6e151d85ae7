//! A pretrained sentence encoder, ready to embed captions.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::Device;
use muscall_files::{FileError, replace, replace_bytes};
use muscall_vectors::Fingerprint;

use super::config::BertConfig;
use super::known::Known;
use super::network::Bert;
use super::published::{from_published, published_config, to_published};
use super::tokenizer::SentenceTokenizer;
use crate::ModelError;
use crate::space::{Description, former_name_of_sentence_encoder as former_name};
use crate::text::{TextBatch, TextFrontend, TextProcessor, TokenBatch};
use crate::weights::{StateDict, read_safetensors, state_of, with_state, write_safetensors};

/// Captions that go through the network together.
const BATCH: usize = 32;
const WEIGHTS: &str = "model.safetensors";
const TOKENIZER: &str = "tokenizer.json";
/// The folder of a frozen encoder in a bundle.
pub(in crate::text) const SENTENCE: &str = "sentence";
/// The name of the encoder that was written, in that folder.
const STAMP: &str = "fingerprint";

/// A sentence encoder with its tokenizer.
#[derive(Debug, Clone)]
pub struct SentenceEncoder {
    config: BertConfig,
    tokenizer: SentenceTokenizer,
    model: Bert,
    device: Device,
    known: Known,
    fingerprint: Fingerprint,
    /// Where it was read from.
    dir: PathBuf,
}

impl SentenceEncoder {
    /// Reads `model.safetensors` and `tokenizer.json` from a folder; sizes are those of its
    /// `config.json`, or of all-MiniLM-L6-v2 if there is none.
    ///
    /// # Errors
    /// [`ModelError`] with the file that is missing, damaged or does not fit.
    pub fn load(dir: &Path, device: &Device) -> Result<Self, ModelError> {
        Self::with_config(dir, published_config(dir)?, device)
    }

    /// Reads a folder whose sizes are known.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn with_config(dir: &Path, config: BertConfig, device: &Device) -> Result<Self, ModelError> {
        let device = device.clone().without_autodiff();
        let weights = dir.join(WEIGHTS);
        let state = from_published(read_safetensors(&weights)?, config.pooling);
        let model = with_state(config.init(&device)?, state, &weights.display().to_string())?;
        let tokenizer = SentenceTokenizer::from_file(&dir.join(TOKENIZER), &config)?;
        let fingerprint = fingerprint(&config, &tokenizer, &state_of(&model));
        Ok(Self {
            config,
            tokenizer,
            model: model.valid(),
            device,
            known: Known::default(),
            fingerprint,
            dir: dir.to_owned(),
        })
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

    /// The folder that it was read from.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Sizes of the network.
    pub fn config(&self) -> &BertConfig {
        &self.config
    }

    /// The network.
    pub fn model(&self) -> &Bert {
        &self.model
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &SentenceTokenizer {
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

    /// Embeds rows of tokens of one length, whatever they say.
    pub(in crate::text) fn embed_tokens(&self, rows: &[Vec<u32>]) -> Vec<f32> {
        let vectors = self.model.forward(TokenBatch::new(rows, &self.device)).into_data().convert::<f32>();
        vectors.try_into_vec().expect("converted to f32")
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
            let vectors = self.embed_tokens(&tokens);
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

fn fingerprint(config: &BertConfig, tokenizer: &SentenceTokenizer, state: &StateDict) -> Fingerprint {
    let mut space = Description::new("sentence encoder 1");
    config.describe(&mut space);
    space.field("tokenizer", format!("{:016x}", tokenizer.content()).as_str());
    let Ok(hash) = space.hash(state, |_| true);
    let fingerprint = Fingerprint::of(hash).with_former(former_name(config, state));
    // The dropout was a part of former names, and a frozen encoder may have been given the usual one.
    let usual = BertConfig { dropout: BertConfig::default().dropout, ..config.clone() };
    if usual == *config { fingerprint } else { fingerprint.with_former(former_name(&usual, state)) }
}

impl TextProcessor for SentenceEncoder {
    fn batch(&self, captions: &[&str], device: &Device) -> TextBatch {
        TextBatch::from_vectors(self.embed(captions), self.config.width, device)
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint.clone()
    }

    fn place(&self) -> &'static str {
        SENTENCE
    }

    fn save(&self, bundle: &Path) -> Result<(), ModelError> {
        let dir = bundle.join(SENTENCE);
        let (stamp, name) = (dir.join(STAMP), self.fingerprint.name());
        if fs::read_to_string(&stamp).is_ok_and(|found| found == name) {
            return Ok(());
        }
        SentenceEncoder::save(self, &dir)?;
        Ok(replace_bytes(&stamp, name)?)
    }

    fn former_stamp(&self, bundle: &Path) -> Option<String> {
        fs::read_to_string(bundle.join(SENTENCE).join(STAMP)).ok()
    }

    fn learned(
        &self,
        captions: &[&str],
        file: &dyn Fn(&Fingerprint) -> PathBuf,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Option<(TextFrontend, Option<ModelError>)> {
        let mut knowing = self.clone();
        let unsaved = knowing.learn(captions, &file(&self.fingerprint), progress).err();
        Some((knowing.into(), unsaved))
    }
}
