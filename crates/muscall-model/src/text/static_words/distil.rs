//! Static word vectors from a sentence encoder.

use super::StaticWords;
use super::principal::principal;
use crate::ModelError;
use crate::text::bert::SentenceEncoder;

/// Entries that go through the encoder together.
const BATCH: usize = 256;

/// How the vectors of pieces are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distillation {
    /// Principal components that are kept.
    pub dim: usize,
    /// Pieces count `rarity / (rarity + 1 / rank)`: what is frequent, which stands early in a vocabulary, counts
    /// little.
    pub rarity: f64,
}

impl Default for Distillation {
    fn default() -> Self {
        Self { dim: 256, rarity: 1e-3 }
    }
}

/// Sends each word piece of a vocabulary through the encoder by itself, removes the mean, keeps the principal
/// components, and weights by rarity. Pieces of other characters than Latin letters and digits are left out, and so is
/// what stands for no word. `progress` is called with how many of how many are embedded.
///
/// # Errors
/// [`ModelError`] if the vocabulary has no word pieces, or `dim` is larger than the encoder's width.
pub fn distil(
    encoder: &SentenceEncoder,
    how: Distillation,
    mut progress: impl FnMut(usize, usize),
) -> Result<StaticWords, ModelError> {
    let Distillation { dim, rarity } = how;
    let width = encoder.config().width;
    ModelError::check((1..=width).contains(&dim), "dim", dim, "at least 1 and at most the encoder's width")?;
    ModelError::check(rarity > 0.0 && rarity.is_finite(), "rarity", rarity, "a number above 0")?;
    let entries = encoder.tokenizer().word_pieces();
    let expected = "a sentence encoder with a vocabulary of word pieces, such as all-MiniLM-L6-v2";
    ModelError::check(!entries.is_empty(), "vocabulary", "no word pieces", expected)?;
    let mut vectors = Vec::with_capacity(entries.len() * width);
    let [start, end] = encoder.tokenizer().start_and_end();
    for batch in entries.chunks(BATCH) {
        let rows: Vec<Vec<u32>> = batch.iter().map(|(_, id)| vec![start, *id, end]).collect();
        vectors.extend(encoder.embed_tokens(&rows));
        progress(vectors.len() / width, entries.len());
    }
    let mut reduced = principal(&vectors, width, dim);
    for (row, (_, rank)) in reduced.chunks_exact_mut(dim).zip(&entries) {
        let weight = rarity / (rarity + 1.0 / f64::from(*rank + 1));
        row.iter_mut().for_each(|value| *value *= weight as f32);
    }
    StaticWords::new(entries.into_iter().map(|(name, _)| name).collect(), &reduced, dim)
}
