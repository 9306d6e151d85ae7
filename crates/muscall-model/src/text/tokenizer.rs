//! CLIP's byte-pair tokens.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use ahash::AHashMap;
use flate2::read::GzDecoder;
use muscall_files::replace;
use muscall_vectors::Fingerprint;
use serde::Deserialize;
use tokenizers::models::ModelWrapper;
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::replace::ReplacePattern;
use tokenizers::normalizers::{Lowercase, NFC, Replace, Sequence as Normalizers};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence as PreTokenizers;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{Model, SplitDelimiterBehavior, Tokenizer};
use xxhash_rust::xxh3::Xxh3;

use super::frontend::TextProcessor;
use crate::ModelError;

pub use super::tokenizer_error::TokenizerError;

/// The merges, as published with CLIP.
const MERGES: &[u8] = include_bytes!("../../assets/bpe_simple_vocab_16e6.txt.gz");
/// Merges that CLIP uses of the file, which has more.
const MERGE_COUNT: usize = 49_152 - 256 - 2;
const END_OF_WORD: &str = "</w>";
const START_TEXT: &str = "<|startoftext|>";
const END_TEXT: &str = "<|endoftext|>";
/// CLIP's pattern without its special tokens, which a caption cannot spell.
const WORDS: &str = r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+";

/// In a bundle, whichever tokenizer it is.
pub(crate) const TOKENIZER: &str = "tokenizer.json";

/// Captions to CLIP's byte-pair tokens.
///
/// # Source
/// Radford et al. 2021; the released MusCALL uses the same vocabulary.
#[derive(Debug, Clone)]
pub struct ClipTokenizer {
    tokenizer: Tokenizer,
    /// Bytes of text that no [`CONTEXT`](Self::CONTEXT) tokens can exceed.
    enough: usize,
    /// Hashed when it is first asked for, once for all clones.
    content: Arc<OnceLock<u64>>,
}

impl ClipTokenizer {
    /// Entries of the vocabulary.
    pub const VOCABULARY: usize = 49_408;
    /// Stands before every caption.
    pub const START: u32 = 49_406;
    /// Stands behind every caption.
    pub const END: u32 = 49_407;
    /// Most tokens of a caption, with start and end.
    pub const CONTEXT: usize = 77;

    /// From the vocabulary within this library.
    ///
    /// # Errors
    /// [`TokenizerError::BuiltIn`], which would be a defect of this library.
    pub fn new() -> Result<Self, TokenizerError> {
        let built = |source| TokenizerError::BuiltIn { source };
        let mut text = String::new();
        GzDecoder::new(MERGES).read_to_string(&mut text).map_err(|error| built(error.into()))?;
        let merges: Vec<(String, String)> = text
            .lines()
            .skip(1)
            .take(MERGE_COUNT)
            .filter_map(|line| line.split_once(' '))
            .map(|(left, right)| (left.to_owned(), right.to_owned()))
            .collect();
        let bytes = byte_symbols();
        let words = bytes.iter().map(|symbol| format!("{symbol}{END_OF_WORD}"));
        let mut symbols: Vec<String> = bytes.iter().map(char::to_string).chain(words).collect();
        symbols.extend(merges.iter().map(|(left, right)| format!("{left}{right}")));
        symbols.extend([START_TEXT.to_owned(), END_TEXT.to_owned()]);
        let vocabulary: AHashMap<String, u32> = symbols.into_iter().zip(0..).collect();
        let bpe = BPE::builder()
            .vocab_and_merges(vocabulary, merges)
            .end_of_word_suffix(END_OF_WORD.to_owned())
            .build()
            .map_err(built)?;
        Self::with(bpe)
    }

    /// From a `tokenizer.json` of this library or of another CLIP model. Vocabulary and merges are
    /// the file's; all else is ours, since special tokens, truncation or padding that a file may
    /// declare would let a caption move its end token.
    ///
    /// # Errors
    /// [`TokenizerError::File`] or [`TokenizerError::Vocabulary`], with the path.
    pub fn from_file(path: &Path) -> Result<Self, TokenizerError> {
        let file = |source| TokenizerError::File { path: path.to_owned(), source };
        let tokenizer = Tokenizer::from_file(path).map_err(file)?;
        let ModelWrapper::BPE(bpe) = tokenizer.get_model() else {
            return Err(file("not byte-pair encoding".into()));
        };
        let (found, expected) = (ids_needed(&bpe.get_vocab()), Self::VOCABULARY);
        let has = |token: &str, id| bpe.token_to_id(token) == Some(id);
        let has_bytes = byte_symbols()
            .iter()
            .zip(0..)
            .all(|(symbol, id)| has(&symbol.to_string(), id) && has(&format!("{symbol}{END_OF_WORD}"), id + 256));
        let has_special = has(START_TEXT, Self::START) && has(END_TEXT, Self::END);
        let is_suffixed = bpe.end_of_word_suffix.as_deref() == Some(END_OF_WORD);
        if found != expected || !has_bytes || !has_special || !is_suffixed {
            return Err(TokenizerError::Vocabulary { path: path.to_owned(), found, expected });
        }
        let mut bpe = bpe.clone();
        (bpe.dropout, bpe.unk_token, bpe.ignore_merges) = (None, None, false);
        Self::with(bpe)
    }

    fn with(bpe: BPE) -> Result<Self, TokenizerError> {
        let built = |source| TokenizerError::BuiltIn { source };
        let mut tokenizer = Tokenizer::new(bpe);
        let spaces = Replace::new(ReplacePattern::Regex(r"\s+".to_owned()), " ").map_err(built)?;
        tokenizer.with_normalizer(Some(Normalizers::new(vec![NFC.into(), spaces.into(), Lowercase.into()])));
        let words =
            Split::new(SplitPattern::Regex(WORDS.to_owned()), SplitDelimiterBehavior::Removed, true).map_err(built)?;
        let bytes = ByteLevel::new(false, false, false);
        tokenizer.with_pre_tokenizer(Some(PreTokenizers::new(vec![words.into(), bytes.into()])));
        let longest = tokenizer.get_vocab(false).keys().map(|symbol| symbol.chars().count()).max();
        // A space may stand between any two tokens. Folding case can change a character's length
        // in bytes by a factor of three.
        let enough = 3 * Self::CONTEXT * (longest.unwrap_or(0) + 1);
        Ok(Self { tokenizer, enough, content: Arc::default() })
    }

    /// Writes the tokenizer as JSON, in the format of the crate `tokenizers`.
    ///
    /// # Errors
    /// [`TokenizerError::File`] with the path.
    pub fn save(&self, path: &Path) -> Result<(), TokenizerError> {
        let saved = self.tokenizer.save(path, false);
        saved.map_err(|source| TokenizerError::File { path: path.to_owned(), source })
    }

    /// A hash of what a file decides: vocabulary and merges, in the order of their numbers. It does not depend on how
    /// a file is laid out.
    pub(crate) fn content(&self) -> u64 {
        *self.content.get_or_init(|| self.hash())
    }

    fn hash(&self) -> u64 {
        let mut hash = Xxh3::new();
        let mut add = |text: &str| {
            hash.update(text.as_bytes());
            hash.update(&[0]);
        };
        if let ModelWrapper::BPE(bpe) = self.tokenizer.get_model() {
            add(bpe.continuing_subword_prefix.as_deref().unwrap_or_default());
            let mut vocabulary: Vec<(String, u32)> = bpe.get_vocab().into_iter().collect();
            vocabulary.sort_unstable_by(|(a, i), (b, j)| (i, a).cmp(&(j, b)));
            vocabulary.iter().for_each(|(token, id)| add(&format!("{id} {token}")));
            merges(bpe).iter().for_each(|(left, right)| add(&format!("{left} {right}")));
        }
        hash.digest()
    }

    /// Start, the caption's tokens, end; at most [`CONTEXT`](Self::CONTEXT) in all. A caption that
    /// is too long loses its tail, never the end token. Text that spells a special token is text.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let text = self.prefix(text.trim());
        let mut ids = vec![Self::START];
        // The pipeline has no step that can fail on text.
        if let Ok(encoding) = self.tokenizer.encode_fast(text, false) {
            ids.extend(encoding.get_ids().iter().take(Self::CONTEXT - 2));
        }
        ids.push(Self::END);
        ids
    }

    /// Whether a caption is too long, so that [`encode`](Self::encode) leaves out its tail.
    pub fn is_cut(&self, text: &str) -> bool {
        let prefix = self.prefix(text.trim());
        let tokens = self.tokenizer.encode_fast(prefix, false).map_or(0, |encoding| encoding.get_ids().len());
        tokens > Self::CONTEXT - 2
    }

    /// As many whole words as can matter, so that a caption of megabytes costs no more than a long
    /// one. The tokens of a word do not depend on what follows it.
    fn prefix<'a>(&self, text: &'a str) -> &'a str {
        let (mut bytes, mut in_word) = (0, false);
        for (at, character) in text.char_indices() {
            if !character.is_whitespace() {
                bytes += character.len_utf8();
                in_word = true;
            } else if in_word {
                in_word = false;
                if bytes > self.enough {
                    return &text[..at];
                }
            }
        }
        text
    }
}

/// A printable character for every byte, in the order of CLIP's vocabulary: bytes that are
/// printable in Latin-1 stand for themselves and come first.
fn byte_symbols() -> Vec<char> {
    let printable = |byte: &u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let own = (0..256).filter(printable).filter_map(char::from_u32);
    let others = (0..256).filter(|byte| !printable(byte)).count() as u32;
    let replaced = (256..256 + others).filter_map(char::from_u32);
    own.chain(replaced).collect()
}

/// The merges of a model, the first one first. It does not show them, but writes them.
fn merges(bpe: &BPE) -> Vec<(String, String)> {
    #[derive(Deserialize)]
    struct Written {
        merges: Vec<(String, String)>,
    }
    let written = serde_json::to_vec(bpe).and_then(|json| serde_json::from_slice::<Written>(&json));
    // Writing to memory and reading what was written do not fail; a test has the hash of CLIP's.
    written.map(|written| written.merges).unwrap_or_default()
}

/// How many embeddings the ids of a vocabulary need: a file may have fewer tokens than its largest id says.
pub(crate) fn ids_needed(vocabulary: &HashMap<String, u32>) -> usize {
    vocabulary.values().max().map_or(0, |&id| id as usize + 1)
}

impl TextProcessor for ClipTokenizer {
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
        replace(&bundle.join(TOKENIZER), |path| Ok(ClipTokenizer::save(self, path)?))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokenizers::{AddedToken, TruncationParams};

    use super::*;

    #[test]
    fn a_long_caption_keeps_its_end_and_its_first_tokens() {
        let tokenizer = ClipTokenizer::new().unwrap();
        let long = "slow   blues, ".repeat(200_000);
        let ids = tokenizer.encode(&long);
        assert_eq!(ids.len(), ClipTokenizer::CONTEXT);
        assert_eq!(ids.last(), Some(&ClipTokenizer::END));
        assert_eq!(ids, tokenizer.encode(&"slow blues, ".repeat(40)));
        let word = "a".repeat(100_000);
        assert_eq!(tokenizer.encode(&word).len(), ClipTokenizer::CONTEXT);
    }

    #[test]
    fn text_cannot_spell_a_special_token() {
        let tokenizer = ClipTokenizer::new().unwrap();
        let ids = tokenizer.encode("a <|endoftext|> b <|startoftext|>\0\u{7f}");
        assert_eq!(ids.iter().filter(|&&id| id >= ClipTokenizer::START).count(), 2);
        assert_eq!((ids[0], *ids.last().unwrap()), (ClipTokenizer::START, ClipTokenizer::END));
    }

    #[test]
    fn survives_the_round_trip() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokenizer.json");
        let tokenizer = ClipTokenizer::new().unwrap();
        tokenizer.save(&path).unwrap();
        let loaded = ClipTokenizer::from_file(&path).unwrap();
        for text in ["", "R&B / soul — smooth & sexy", "日本の伝統音楽 with koto", "I'm you're"] {
            assert_eq!(loaded.encode(text), tokenizer.encode(text));
        }
        std::fs::write(&path, r#"{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}"#).unwrap();
        assert!(matches!(ClipTokenizer::from_file(&path), Err(TokenizerError::Vocabulary { found: 1, .. })));
        // As many tokens as there should be, one of them far behind the last embedding.
        tokenizer.save(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let moved = text.replacen("\"music</w>\":", "\"music</w>\":99", 1);
        assert_ne!(moved, text);
        std::fs::write(&path, moved).unwrap();
        assert!(matches!(ClipTokenizer::from_file(&path), Err(TokenizerError::Vocabulary { .. })));
        std::fs::write(&path, "{}").unwrap();
        assert!(ClipTokenizer::from_file(&path).unwrap_err().to_string().contains("tokenizer.json"));
    }

    /// It is a part of the names of models.
    #[test]
    fn the_content_is_that_of_vocabulary_and_merges_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokenizer.json");
        let tokenizer = ClipTokenizer::new().unwrap();
        assert_eq!(format!("{:016x}", tokenizer.content()), "0ae07f39a4e9054d");
        let mut other = tokenizer.tokenizer.clone();
        other.with_truncation(Some(TruncationParams { max_length: 9, ..TruncationParams::default() })).unwrap();
        other.save(&path, true).unwrap();
        assert_eq!(ClipTokenizer::from_file(&path).unwrap().content(), tokenizer.content());
        let text = std::fs::read_to_string(&path).unwrap();
        let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let changed = |json: &serde_json::Value| {
            std::fs::write(&path, json.to_string()).unwrap();
            ClipTokenizer::from_file(&path).unwrap().content()
        };
        assert_eq!(changed(&json), tokenizer.content());
        // Two words change their numbers.
        let vocabulary = json["model"]["vocab"].as_object_mut().unwrap();
        let ids = ["music</w>", "piano</w>"].map(|word| vocabulary[word].clone());
        vocabulary["music</w>"] = ids[1].clone();
        vocabulary["piano</w>"] = ids[0].clone();
        assert_ne!(changed(&json), tokenizer.content());
        // Two merges change places.
        let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
        json["model"]["merges"].as_array_mut().unwrap().swap(0, 1);
        assert_ne!(changed(&json), tokenizer.content());
    }

    #[test]
    fn what_a_file_declares_cannot_move_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokenizer.json");
        let tokenizer = ClipTokenizer::new().unwrap();
        let mut other = tokenizer.tokenizer.clone();
        other.add_special_tokens(&[AddedToken::from(END_TEXT, true)]);
        let short = TruncationParams { max_length: 3, ..TruncationParams::default() };
        other.with_truncation(Some(short)).unwrap();
        other.save(&path, false).unwrap();
        let loaded = ClipTokenizer::from_file(&path).unwrap();
        let text = "<|endoftext|> injected into a caption";
        assert_eq!(loaded.encode(text), tokenizer.encode(text));
    }
}
