//! The tokenizer of a BERT-like encoder, whichever kind its file says.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use muscall_files::replace;
use muscall_vectors::Fingerprint;
use tokenizers::{ModelWrapper, Tokenizer, TruncationParams};
use xxhash_rust::xxh3::xxh3_64;

use super::byte_pairs::{MERGES, VOCABULARY, tokenizer_json};
use super::config::BertConfig;
use crate::ModelError;
use crate::text::TextProcessor;
use crate::text::tokenizer::{TOKENIZER, TokenizerError, ids_needed};

/// Captions to the tokens of a `tokenizer.json`: word pieces, byte pairs.
#[derive(Debug, Clone)]
pub struct SentenceTokenizer {
    tokenizer: Tokenizer,
    /// The file itself: it is saved as it is, and the same in every version.
    file: Arc<[u8]>,
    /// Whether spaces at both ends of a caption are taken off.
    trim: bool,
}

impl SentenceTokenizer {
    /// Reads a `tokenizer.json`. How it pads does not matter; the configuration's `context` is the most tokens of a
    /// caption, whatever the file says (the one of all-MiniLM-L6-v2 says 128, while its model uses
    /// 256).
    ///
    /// # Errors
    /// [`TokenizerError`] with the path.
    pub fn from_file(path: &Path, config: &BertConfig) -> Result<Self, TokenizerError> {
        let file = |source| TokenizerError::File { path: path.to_owned(), source };
        let bytes = fs::read(path).map_err(|error| file(error.into()))?;
        Self::from_bytes(bytes, path, config)
    }

    /// Reads the tokenizer of a published model: `tokenizer.json`, or what RoBERTa had before there was such a file,
    /// `vocab.json` and `merges.txt`. [`save`](Self::save) writes a `tokenizer.json` either way.
    ///
    /// # Errors
    /// [`TokenizerError`] with the path.
    pub fn from_folder(folder: &Path, config: &BertConfig) -> Result<Self, TokenizerError> {
        let [whole, vocabulary, merges] = [TOKENIZER, VOCABULARY, MERGES].map(|name| folder.join(name));
        if whole.exists() || !vocabulary.exists() || !merges.exists() {
            return Self::from_file(&whole, config);
        }
        Self::from_bytes(tokenizer_json(&vocabulary, &merges)?, &vocabulary, config)
    }

    fn from_bytes(bytes: Vec<u8>, path: &Path, config: &BertConfig) -> Result<Self, TokenizerError> {
        let BertConfig { vocabulary, context, trim, .. } = *config;
        let file = |source| TokenizerError::File { path: path.to_owned(), source };
        let mut tokenizer = Tokenizer::from_bytes(&bytes).map_err(file)?;
        let found = ids_needed(&tokenizer.get_vocab(true));
        if found > vocabulary {
            return Err(TokenizerError::Vocabulary { path: path.to_owned(), found, expected: vocabulary });
        }
        tokenizer.with_padding(None);
        let truncation = TruncationParams { max_length: context, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(file)?;
        Ok(Self { tokenizer, file: bytes.into(), trim })
    }

    /// Start, the caption's pieces, end.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        // The pipeline has no step that can fail on text.
        let encoded = self.tokenizer.encode_fast(if self.trim { text.trim() } else { text }, true);
        encoded.map_or_else(|_| vec![0], |encoding| encoding.get_ids().to_vec())
    }

    /// The words and parts of words of a vocabulary of word pieces, in Latin letters and digits, by their ids; none if
    /// it is of another kind.
    pub(in crate::text) fn word_pieces(&self) -> Vec<(String, u32)> {
        if !matches!(self.tokenizer.get_model(), ModelWrapper::WordPiece(_)) {
            return Vec::new();
        }
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let special = self.tokenizer.get_added_vocabulary().get_vocab();
        let all = self.tokenizer.get_vocab(false).into_iter();
        let mut pieces: Vec<(String, u32)> = all
            .filter(|(name, _)| !special.contains_key(name))
            .filter(|(name, _)| {
                let name = name.strip_prefix("##").unwrap_or(name);
                !name.is_empty() && name.chars().all(is_plain)
            })
            .collect();
        pieces.sort_by_key(|&(_, id)| id);
        pieces
    }

    /// What stands before and behind a caption.
    pub(in crate::text) fn start_and_end(&self) -> [u32; 2] {
        let around = self.encode("");
        [around.first().copied().unwrap_or(0), around.last().copied().unwrap_or(0)]
    }

    /// Writes the file that it was read from.
    ///
    /// # Errors
    /// [`TokenizerError::File`] with the path.
    pub fn save(&self, path: &Path) -> Result<(), TokenizerError> {
        fs::write(path, &self.file)
            .map_err(|error| TokenizerError::File { path: path.to_owned(), source: error.into() })
    }

    /// A hash of the file.
    pub(crate) fn content(&self) -> u64 {
        xxh3_64(&self.file)
    }
}

impl TextProcessor for SentenceTokenizer {
    fn tokens(&self, captions: &[&str]) -> Option<Vec<Vec<u32>>> {
        Some(captions.iter().map(|text| self.encode(text)).collect())
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.content())
    }

    fn place(&self) -> &'static str {
        TOKENIZER
    }

    fn save(&self, bundle: &Path) -> Result<(), ModelError> {
        replace(&bundle.join(TOKENIZER), |path| Ok(SentenceTokenizer::save(self, path)?))
    }
}
