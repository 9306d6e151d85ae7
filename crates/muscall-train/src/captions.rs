//! What a run needs of its captions besides tokens.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::Device;
use muscall_model::TextFrontend;
use muscall_model::sentence::{SentenceEncoder, find};
use muscall_model::text::TextEncoderConfig;
use muscall_model::weights::{StateDict, state_of};
use muscall_retrieval::Fingerprint;

use crate::TrainError;
use crate::manifest::Manifest;
use crate::recipe::Recipe;
use crate::step::CaptionSource;

/// Where the parameters of a text branch that is fine-tuned begin.
pub(crate) const PRETRAINED: &str = "text.encoder.";

/// A text frontend, and a sentence encoder where the loss is weighted by it. Sentence vectors are
/// computed once and kept beside the manifest.
#[derive(Debug, Clone)]
pub struct Captions {
    frontend: TextFrontend,
    weighting: Option<Arc<SentenceEncoder>>,
}

impl CaptionSource for Captions {
    fn frontend(&self) -> &TextFrontend {
        &self.frontend
    }

    fn similarity(&self, captions: &[&str]) -> Option<Vec<f32>> {
        let encoder = self.weighting.as_ref()?;
        let (vectors, dim) = (encoder.embed(captions), encoder.config().width);
        let rows: Vec<&[f32]> = vectors.chunks_exact(dim).collect();
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
        Some(rows.iter().flat_map(|a| rows.iter().map(move |b| dot(a, b))).collect())
    }
}

impl Captions {
    /// Prepares the captions of all manifests; `progress` is called with how many of how many are
    /// embedded. The second result says why sentence vectors could not be kept, if so.
    ///
    /// # Errors
    /// [`TrainError::Model`] if an encoder or word vectors cannot be read.
    pub fn prepare(
        recipe: &Recipe,
        manifests: &[&Manifest],
        device: &Device,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<(Self, Option<TrainError>), TrainError> {
        let captions = captions_of(manifests);
        let mut unsaved = None;
        let learn = |encoder: &mut SentenceEncoder| {
            let file = vectors_file(&manifests[0].source, encoder.fingerprint());
            if let Err(error) = encoder.learn(&captions, &file, &mut progress) {
                unsaved = Some(TrainError::from(error));
            }
        };
        let prepared = Self::with(recipe, &captions, device, learn)?;
        Ok((prepared, unsaved))
    }

    /// The same for a few batches: sentence vectors are computed when a batch needs them, and nothing is written beside
    /// the manifests.
    ///
    /// # Errors
    /// [`TrainError::Model`] if an encoder or word vectors cannot be read.
    pub fn without_file(recipe: &Recipe, manifests: &[&Manifest], device: &Device) -> Result<Self, TrainError> {
        Self::with(recipe, &captions_of(manifests), device, |_| {})
    }

    /// `learn` is called with each sentence encoder that there is.
    fn with(
        recipe: &Recipe,
        captions: &[&str],
        device: &Device,
        mut learn: impl FnMut(&mut SentenceEncoder),
    ) -> Result<Self, TrainError> {
        let mut frontend = TextFrontend::for_training(&recipe.model.text, captions.iter().copied(), device)?;
        if let TextFrontend::Sentence(encoder) = &mut frontend {
            learn(Arc::make_mut(encoder));
        }
        let weighting = match recipe.loss.weighting() {
            None => None,
            Some(weighting) => match (&frontend, &recipe.model.text) {
                (TextFrontend::Sentence(encoder), TextEncoderConfig::Sentence(tower))
                    if tower.model == weighting.model =>
                {
                    Some(encoder.clone())
                }
                _ => {
                    let mut encoder = SentenceEncoder::load(&find(&weighting.model)?, device)?;
                    learn(&mut encoder);
                    Some(Arc::new(encoder))
                }
            },
        };
        Ok(Self { frontend, weighting })
    }
}

fn captions_of<'a>(manifests: &[&'a Manifest]) -> Vec<&'a str> {
    manifests.iter().flat_map(|manifest| &manifest.rows).flat_map(|row| &row.captions).map(String::as_str).collect()
}

/// `manifest.jsonl.captions-<encoder>.safetensors`, or the like within a folder. One that an earlier version began
/// under a former name of the encoder is gone on with.
fn vectors_file(source: &Path, encoder: &Fingerprint) -> PathBuf {
    let file = |encoder: &str| {
        let name = format!("captions-{encoder}.safetensors");
        if source.is_dir() {
            return source.join(name);
        }
        let own = source.file_name().unwrap_or_default().to_string_lossy();
        source.parent().unwrap_or(Path::new("")).join(format!("{own}.{name}"))
    };
    let there = encoder.names().map(file).find(|path| path.exists());
    there.unwrap_or_else(|| file(encoder))
}

/// The weights that a fine-tuned text branch starts from, by the model's names.
///
/// # Errors
/// [`TrainError::Model`] if the pretrained encoder cannot be read.
pub(crate) fn pretrained_text(config: &TextEncoderConfig, device: &Device) -> Result<StateDict, TrainError> {
    match config {
        TextEncoderConfig::Sentence(tower) if tower.fine_tune => {
            let encoder = SentenceEncoder::with_config(&find(&tower.model)?, tower.encoder.clone(), device)?;
            let renamed = state_of(encoder.model()).into_iter();
            Ok(renamed.map(|(name, data)| (format!("{PRETRAINED}{name}"), data)).collect())
        }
        _ => Ok(StateDict::new()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn vectors_that_an_earlier_version_began_are_gone_on_with() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("music.jsonl");
        let encoder = Fingerprint::new("new").with_former("old");
        let file = |name: &str| dir.path().join(format!("music.jsonl.captions-{name}.safetensors"));
        assert_eq!(vectors_file(&source, &encoder), file("new"));
        std::fs::write(file("old"), "").unwrap();
        assert_eq!(vectors_file(&source, &encoder), file("old"));
        std::fs::write(file("new"), "").unwrap();
        assert_eq!(vectors_file(&source, &encoder), file("new"));
        let folder = dir.path().join("data");
        std::fs::create_dir(&folder).unwrap();
        assert_eq!(vectors_file(&folder, &encoder), folder.join("captions-new.safetensors"));
    }
}
