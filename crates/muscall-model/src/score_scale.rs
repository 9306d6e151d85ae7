//! What a score means: whether anything fits.

use std::path::Path;

use muscall_files::{FileError, replace_bytes};
use muscall_vectors::{Fingerprint, dot};
use serde::{Deserialize, Serialize};

use crate::ModelError;

/// In a bundle.
pub(crate) const SCORES: &str = "scores.json";

/// How well the best answer to a query fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As well as the better half of what was there to be found.
    Good,
    /// Something like it is there.
    Fair,
    /// Nothing fits, or the model doesn't know what the words mean.
    Nothing,
}

/// What was found out about a scale with queries that it was not fitted to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScaleQuality {
    /// Queries about what is there.
    pub present: usize,
    /// How many of these got the verdict that nothing fits, from 0 to 1.
    pub present_refused: f64,
    /// Queries about what is not there.
    pub absent: usize,
    /// How many of these got that verdict, from 0 to 1.
    pub absent_refused: f64,
}

/// Tells answers that fit from the best of a bad lot. A cosine alone does not: something is always nearest.
///
/// It is a linear rule, fitted to captions with their music and to queries for which there was none: on the embedding of the
/// query, which lies elsewhere for words that the model has never learned, and on the best score.
/// It holds for the model that it was fitted to, and for queries of one text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreScale {
    /// Of the model, as [`Muscall::fingerprint`](crate::Muscall::fingerprint) gives it.
    pub model: String,
    /// `[projection_dim]`: how each coordinate of the query counts.
    pub words: Vec<f32>,
    /// How the best score counts.
    pub score: f32,
    /// What is added.
    pub offset: f32,
    /// Sums below this one mean that nothing fits.
    pub nothing_below: f32,
    /// Sums from this one on mean that the answer is good.
    pub good_from: f32,
    /// How often it is right.
    pub quality: ScaleQuality,
}

impl ScoreScale {
    /// How well the best answer fits.
    ///
    /// # Shapes
    /// - words: `[projection_dim]`, the embedding of the query.
    ///
    /// # Panics
    /// If the query is of another model.
    pub fn verdict(&self, words: &[f32], best_score: f32) -> Verdict {
        assert_eq!(words.len(), self.words.len(), "the scale is of this model");
        let sum = self.sum(words, best_score);
        match () {
            () if sum >= self.good_from => Verdict::Good,
            () if sum < self.nothing_below => Verdict::Nothing,
            () => Verdict::Fair,
        }
    }

    fn sum(&self, words: &[f32], best_score: f32) -> f32 {
        dot(&self.words, words) + self.score * best_score + self.offset
    }

    /// Writes it into a bundle.
    ///
    /// # Errors
    /// [`ModelError::Io`] with the file.
    pub fn save(&self, bundle: impl AsRef<Path>) -> Result<(), ModelError> {
        let path = bundle.as_ref().join(SCORES);
        let text =
            serde_json::to_string(self).map_err(|source| ModelError::ConfigFile { path: path.clone(), source })?;
        Ok(replace_bytes(&path, text + "\n")?)
    }

    /// The scale of a bundle; none if it has none, or one of weights that are no longer there.
    pub(crate) fn read(bundle: &Path, model: &Fingerprint, dim: usize) -> Result<Option<Self>, ModelError> {
        let path = bundle.join(SCORES);
        match std::fs::read(&path) {
            Ok(bytes) => Self::parse(&path, &bytes, model, dim),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FileError::reading(&path)(error).into()),
        }
    }

    pub(crate) fn parse(
        path: &Path,
        bytes: &[u8],
        model: &Fingerprint,
        dim: usize,
    ) -> Result<Option<Self>, ModelError> {
        let scale: Self =
            serde_json::from_slice(bytes).map_err(|source| ModelError::ConfigFile { path: path.to_owned(), source })?;
        if !model.accepts(&scale.model) {
            return Ok(None);
        }
        let found = scale.words.len();
        let of_file = |source| ModelError::InvalidFile { path: path.to_owned(), source: Box::new(source) };
        ModelError::check(found == dim, "words", found, "as many numbers as an embedding has").map_err(of_file)?;
        Ok(Some(scale))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn scale() -> ScoreScale {
        let quality = ScaleQuality { present: 100, present_refused: 0.1, absent: 100, absent_refused: 0.8 };
        let (model, words) = ("a model".to_owned(), vec![1.0, -1.0]);
        ScoreScale { model, words, score: 2.0, offset: -1.0, nothing_below: 0.0, good_from: 0.5, quality }
    }

    #[test]
    fn words_and_scores_count() {
        let scale = scale();
        assert_eq!(scale.verdict(&[1.0, 0.0], 0.3), Verdict::Good);
        assert_eq!(scale.verdict(&[1.0, 0.0], 0.1), Verdict::Fair);
        assert_eq!(scale.verdict(&[1.0, 0.0], -0.1), Verdict::Nothing);
        assert_eq!(scale.verdict(&[0.0, 1.0], 0.3), Verdict::Nothing);
    }

    #[test]
    fn a_scale_is_of_one_model() {
        let dir = tempfile::tempdir().unwrap();
        let model = Fingerprint::new("a model");
        assert_eq!(ScoreScale::read(dir.path(), &model, 2).unwrap(), None);
        scale().save(dir.path()).unwrap();
        assert_eq!(ScoreScale::read(dir.path(), &model, 2).unwrap(), Some(scale()));
        assert_eq!(ScoreScale::read(dir.path(), &Fingerprint::new("another"), 2).unwrap(), None);
        let error = ScoreScale::read(dir.path(), &model, 3).unwrap_err().to_string();
        assert!(error.contains("scores.json") && error.contains("words"), "{error}");
        std::fs::write(dir.path().join(SCORES), "{").unwrap();
        assert!(ScoreScale::read(dir.path(), &model, 2).is_err());
    }
}
