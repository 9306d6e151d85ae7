//! The vectors of pieces, in 8 bits.

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use muscall_files::{FileError, replace_bytes};
use muscall_vectors::Fingerprint;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use xxhash_rust::xxh3::Xxh3;

use super::pieces::Pieces;
use crate::ModelError;
use crate::text::{TextBatch, TextProcessor};
use crate::weights::{in_steps, step_of};

/// In a bundle.
pub(super) const STATIC_WORDS: &str = "words.safetensors";

/// Word pieces, each with a vector of 8-bit steps and the size of a step. How much a piece counts is in its step.
///
/// A file of it is in the safetensors format: `pieces`, names one per line; `vectors`, `[pieces, dim]`; `steps`,
/// `[pieces]`.
#[derive(Debug, Clone)]
pub struct StaticWords {
    pieces: Pieces,
    dim: usize,
    vectors: Vec<i8>,
    steps: Vec<f32>,
    /// Of all that, which takes a while to compute.
    fingerprint: Fingerprint,
}

impl StaticWords {
    /// Rounds vectors to 8 bits.
    ///
    /// # Shapes
    /// - vectors: `[pieces, dim]`.
    /// # Errors
    /// [`ModelError::Config`] if a name is empty, has a line break or occurs twice, or if vectors are not finite or not
    /// one per name.
    pub fn new(pieces: Vec<String>, vectors: &[f32], dim: usize) -> Result<Self, ModelError> {
        let fits = dim > 0 && vectors.len() == pieces.len() * dim && vectors.iter().all(|value| value.is_finite());
        ModelError::check(fits, "text.dim", dim, "a vector of finite numbers for each piece")?;
        let (mut rounded, mut steps) = (Vec::with_capacity(vectors.len()), Vec::with_capacity(pieces.len()));
        for row in vectors.chunks_exact(dim) {
            let step = step_of(row);
            steps.push(step);
            rounded.extend(row.iter().map(|value| in_steps(*value, step)));
        }
        Self::of_parts(pieces, rounded, steps, dim)
    }

    fn of_parts(pieces: Vec<String>, vectors: Vec<i8>, steps: Vec<f32>, dim: usize) -> Result<Self, ModelError> {
        let named = pieces.iter().all(|name| !name.is_empty() && !name.contains('\n'));
        let count = pieces.len();
        let pieces = Pieces::new(pieces);
        let valid = named && count > 0 && !pieces.has_twins();
        ModelError::check(valid, "text.file", format!("{count} pieces"), "names on a line each, all different")?;
        let steps_valid = steps.iter().all(|step| step.is_finite() && *step >= 0.0);
        ModelError::check(steps_valid, "text.file", "steps that are negative or no numbers", "steps of 0 or more")?;
        let mut words = Self { pieces, dim, vectors, steps, fingerprint: Fingerprint::of(0) };
        let mut hash = Xxh3::new();
        hash.update(b"static words 1");
        hash.update(&words.to_bytes());
        words.fingerprint = Fingerprint::of(hash.digest());
        Ok(words)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`ModelError::Io`], or [`ModelError::InvalidFile`] with what is wrong with it.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        Self::of_bytes(path, &fs::read(path).map_err(FileError::reading(path))?)
    }

    /// The same of what such a file holds; `path` is what errors call it.
    pub(crate) fn of_bytes(path: &Path, bytes: &[u8]) -> Result<Self, ModelError> {
        let named = |source| ModelError::InvalidFile { path: path.to_owned(), source: Box::new(source) };
        Self::from_bytes(bytes).map_err(named)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        let wrong = |found: String| ModelError::Config {
            field: "text.file",
            found,
            expected: "safetensors with `pieces` (U8), `vectors` (I8, two dimensions) and `steps` (F32)",
        };
        let file = SafeTensors::deserialize(bytes).map_err(|error| wrong(error.to_string()))?;
        let tensor = |name: &str, dtype: Dtype| {
            let tensor = file.tensor(name).map_err(|error| wrong(error.to_string()))?;
            let fits = tensor.dtype() == dtype;
            fits.then_some(tensor.clone()).ok_or_else(|| wrong(format!("`{name}` of {:?}", tensor.dtype())))
        };
        let (names, vectors) = (tensor("pieces", Dtype::U8)?, tensor("vectors", Dtype::I8)?);
        let steps = tensor("steps", Dtype::F32)?;
        let names = std::str::from_utf8(names.data()).map_err(|error| wrong(error.to_string()))?;
        let names: Vec<String> = names.lines().map(str::to_owned).collect();
        let steps: Vec<f32> = steps.data().as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        let &[rows, dim] = vectors.shape() else {
            return Err(wrong(format!("`vectors` of {} dimensions", vectors.shape().len())));
        };
        if dim == 0 || rows != names.len() || rows != steps.len() {
            return Err(wrong(format!("{} names, {rows} vectors of {dim} values, {} steps", names.len(), steps.len())));
        }
        let vectors = vectors.data().iter().map(|&byte| byte.cast_signed()).collect();
        Self::of_parts(names, vectors, steps, dim)
    }

    /// Writes a file, as a whole or not at all.
    ///
    /// # Errors
    /// [`ModelError::Io`] with the path.
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        Ok(replace_bytes(path, self.to_bytes())?)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let names = self.pieces.names().join("\n");
        let vectors: Vec<u8> = self.vectors.iter().map(|value| value.cast_unsigned()).collect();
        let steps: Vec<u8> = self.steps.iter().flat_map(|step| step.to_le_bytes()).collect();
        let count = self.pieces.len();
        let view = |dtype, shape, data| TensorView::new(dtype, shape, data).expect("shapes are those of the data");
        let tensors = [
            ("pieces", view(Dtype::U8, vec![names.len()], names.as_bytes())),
            ("steps", view(Dtype::F32, vec![count], &steps)),
            ("vectors", view(Dtype::I8, vec![count, self.dim], &vectors)),
        ];
        safetensors::serialize(tensors, None).expect("names are different")
    }

    /// Dimensions of a vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Pieces that have a vector.
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Never: a table without a piece is refused.
    pub fn is_empty(&self) -> bool {
        self.pieces.len() == 0
    }

    /// # Shapes
    /// - returns `[captions, dim]`.
    fn embed_all(&self, captions: &[&str]) -> Vec<f32> {
        captions.iter().flat_map(|caption| self.embed(caption)).collect()
    }

    /// The sum of a text's pieces.
    ///
    /// # Shapes
    /// - returns `[dim]`, unit norm; zeros for a text without a piece.
    pub fn embed(&self, text: &str) -> Vec<f32> {
        let mut sum = vec![0f32; self.dim];
        for id in self.pieces.of(text) {
            let (row, step) = (&self.vectors[id * self.dim..][..self.dim], self.steps[id]);
            sum.iter_mut().zip(row).for_each(|(sum, &value)| *sum += step * f32::from(value));
        }
        let norm = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
        if norm > 0.0 {
            sum.iter_mut().for_each(|x| *x /= norm);
        }
        sum
    }
}

impl TextProcessor for StaticWords {
    fn batch(&self, captions: &[&str], device: &Device) -> TextBatch {
        TextBatch::from_vectors(self.embed_all(captions), self.dim, device)
    }

    fn vectors(&self, captions: &[&str]) -> Option<Vec<f32>> {
        Some(self.embed_all(captions))
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint.clone()
    }

    fn place(&self) -> &'static str {
        STATIC_WORDS
    }

    fn save(&self, bundle: &Path) -> Result<(), ModelError> {
        StaticWords::save(self, &bundle.join(STATIC_WORDS))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn words() -> StaticWords {
        let names = ["calm", "piano", "##s"].map(str::to_owned).to_vec();
        StaticWords::new(names, &[3.0, 4.0, 0.0, 0.0, 0.5, -1.0, 0.0, 0.0, 0.0], 3).unwrap()
    }

    fn close(found: &[f32], expected: [f32; 3]) {
        let worst = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f32::max);
        assert!(worst < 5e-3, "{found:?} {expected:?}");
    }

    #[test]
    fn a_text_is_the_sum_of_its_pieces() {
        let words = words();
        close(&words.embed("calm"), [0.6, 0.8, 0.0]);
        let norm = (9.0_f32 + 4.5 * 4.5 + 1.0).sqrt();
        close(&words.embed("Calm pianos!"), [3.0 / norm, 4.5 / norm, -1.0 / norm]);
        assert_eq!(words.embed("other words"), [0.0; 3]);
        assert_eq!(words.embed("piano calm"), words.embed("calm piano"));
    }

    #[test]
    fn files_are_read_back_and_damage_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("words.safetensors");
        let words = words();
        words.save(&path).unwrap();
        let back = StaticWords::read(&path).unwrap();
        assert_eq!(back.fingerprint(), words.fingerprint());
        assert_eq!(back.embed("calm pianos"), words.embed("calm pianos"));
        let bytes = fs::read(&path).unwrap();
        for length in [0, 7, 100, bytes.len() - 1] {
            fs::write(&path, &bytes[..length]).unwrap();
            let error = StaticWords::read(&path).unwrap_err().to_string();
            assert!(error.contains("words.safetensors"), "{error}");
        }
        let twice = ["a", "a"].map(str::to_owned).to_vec();
        assert!(StaticWords::new(twice, &[1.0, 2.0], 1).is_err());
        assert!(StaticWords::new(vec!["a".into()], &[f32::NAN], 1).is_err());
        assert!(StaticWords::new(vec!["a".into()], &[1.0], 2).is_err());
    }
}
