//! Embeddings of music and of text, which cannot be mistaken for each other.

use std::ops::Deref;

use muscall_vectors::OwnedEmbeddings;

/// Embeddings of music, `[clips, dim]`, unit norm.
#[derive(Debug, Clone, PartialEq)]
pub struct AudioEmbedding(OwnedEmbeddings);

/// Embeddings of text, `[texts, dim]`, unit norm.
#[derive(Debug, Clone, PartialEq)]
pub struct TextEmbedding(OwnedEmbeddings);

impl AudioEmbedding {
    /// Of values that are known to be finite.
    pub(crate) fn new(values: Vec<f32>, dim: usize) -> Self {
        Self(OwnedEmbeddings::assume_finite(values, dim))
    }
}

impl TextEmbedding {
    /// Of values that are known to be finite.
    pub(crate) fn new(values: Vec<f32>, dim: usize) -> Self {
        Self(OwnedEmbeddings::assume_finite(values, dim))
    }
}

impl Deref for AudioEmbedding {
    type Target = OwnedEmbeddings;

    fn deref(&self) -> &OwnedEmbeddings {
        &self.0
    }
}

impl Deref for TextEmbedding {
    type Target = OwnedEmbeddings;

    fn deref(&self) -> &OwnedEmbeddings {
        &self.0
    }
}
