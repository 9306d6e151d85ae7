//! BERT's word pieces.

use std::path::Path;

use tokenizers::{Tokenizer, TruncationParams};

use crate::text::tokenizer::{TokenizerError, ids_needed};

/// Captions to the word pieces of a `tokenizer.json`.
#[derive(Debug, Clone)]
pub struct WordPiece(Tokenizer);

impl WordPiece {
    /// Reads a `tokenizer.json`. How it pads does not matter; `context` is the most tokens of a
    /// caption, whatever the file says (the one of all-MiniLM-L6-v2 says 128, while its model uses
    /// 256).
    ///
    /// # Errors
    /// [`TokenizerError`] with the path.
    pub fn from_file(path: &Path, vocabulary: usize, context: usize) -> Result<Self, TokenizerError> {
        let file = |source| TokenizerError::File { path: path.to_owned(), source };
        let mut tokenizer = Tokenizer::from_file(path).map_err(file)?;
        let found = ids_needed(&tokenizer.get_vocab(true));
        if found > vocabulary {
            return Err(TokenizerError::Vocabulary { path: path.to_owned(), found, expected: vocabulary });
        }
        tokenizer.with_padding(None);
        let truncation = TruncationParams { max_length: context, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(file)?;
        Ok(Self(tokenizer))
    }

    /// Start, the caption's pieces, end.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        // The pipeline has no step that can fail on text.
        self.0.encode_fast(text.trim(), true).map_or_else(|_| vec![0], |encoding| encoding.get_ids().to_vec())
    }

    /// Writes the tokenizer as JSON.
    ///
    /// # Errors
    /// [`TokenizerError::File`] with the path.
    pub fn save(&self, path: &Path) -> Result<(), TokenizerError> {
        let saved = self.0.save(path, false);
        saved.map_err(|source| TokenizerError::File { path: path.to_owned(), source })
    }
}
