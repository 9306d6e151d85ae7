//! What can go wrong with a tokenizer.

use std::path::PathBuf;

/// What can go wrong with a tokenizer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// A file is not a tokenizer.
    #[error("{path}: {source}; expected the tokenizer.json of a bundle")]
    File {
        /// The tokenizer's JSON file.
        path: PathBuf,
        /// What the tokenizer library says.
        source: tokenizers::Error,
    },
    /// A file is a tokenizer with another vocabulary.
    #[error("{path}: a vocabulary of {found} tokens, or other special tokens; expected CLIP's {expected}")]
    Vocabulary {
        /// The tokenizer's JSON file.
        path: PathBuf,
        /// Tokens in the file.
        found: usize,
        /// Tokens of CLIP.
        expected: usize,
    },
    /// The vocabulary within this library is damaged.
    #[error("the built-in vocabulary cannot be read: {source}")]
    BuiltIn {
        /// What the tokenizer library says.
        source: tokenizers::Error,
    },
}
