//! What a run needs of its captions besides tokens.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::Device;
use muscall_model::text::bert::{SentenceEncoder, find};
use muscall_model::{AudioBatch, TextBatch, TextFrontend};
use muscall_retrieval::Fingerprint;

use crate::TrainError;
use crate::batcher::LoadedItem;
use crate::known::{Input, Known};
use crate::loss::Weighting;
use crate::manifest::Manifest;
use crate::recipe::Recipe;
use crate::step::CaptionSource;

/// A text frontend, and a sentence encoder where the loss is weighted by it. Sentence vectors are
/// computed once and kept beside the manifest.
#[derive(Debug, Clone)]
pub struct Captions {
    frontend: TextFrontend,
    weighting: Option<Arc<SentenceEncoder>>,
    /// What of clips and captions stays the same, and is known.
    known: Known,
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

    fn known_audio(&self, items: &[LoadedItem], device: &Device) -> Option<Input<AudioBatch>> {
        self.known.audio(items, device)
    }

    fn known_text(&self, items: &[LoadedItem], device: &Device) -> Option<Input<TextBatch>> {
        self.known.text(items, device)
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
        let file = |encoder: &Fingerprint| vectors_file(&manifests[0].source, encoder);
        let mut frontend = recipe.model.text.frontend(&mut captions.iter().copied(), device)?;
        let mut unsaved = None;
        if let Some((knowing, error)) = frontend.learned(&captions, &file, &mut progress) {
            (frontend, unsaved) = (knowing, error);
        }
        let mut weighting = weighting(recipe, &frontend, device)?;
        if let Some(Weighter { encoder, is_frontend: false }) = &mut weighting {
            let file = file(encoder.fingerprint());
            unsaved = encoder.learn(&captions, &file, &mut progress).err().or(unsaved);
        }
        Ok((Self::new(frontend, weighting), unsaved.map(TrainError::from)))
    }

    /// The same for a few batches: sentence vectors are computed when a batch needs them, and nothing is written beside
    /// the manifests.
    ///
    /// # Errors
    /// [`TrainError::Model`] if an encoder or word vectors cannot be read.
    pub fn without_file(recipe: &Recipe, manifests: &[&Manifest], device: &Device) -> Result<Self, TrainError> {
        let captions = captions_of(manifests);
        let frontend = recipe.model.text.frontend(&mut captions.iter().copied(), device)?;
        let weighting = weighting(recipe, &frontend, device)?;
        Ok(Self::new(frontend, weighting))
    }

    fn new(frontend: TextFrontend, weighting: Option<Weighter>) -> Self {
        Self { frontend, weighting: weighting.map(|weighter| Arc::new(weighter.encoder)), known: Known::default() }
    }

    /// Of a frontend that there is.
    pub(crate) fn of(frontend: TextFrontend) -> Self {
        Self::new(frontend, None)
    }

    /// With what is known of the training rows.
    pub(crate) fn with_known(self, known: Known) -> Self {
        Self { known, ..self }
    }

    /// What is known of the training rows.
    pub(crate) fn known(&self) -> &Known {
        &self.known
    }
}

/// The sentence encoder that weights a loss.
struct Weighter {
    encoder: SentenceEncoder,
    /// Whether it is the text frontend's own, which may know the captions already.
    is_frontend: bool,
}

fn weighting(recipe: &Recipe, frontend: &TextFrontend, device: &Device) -> Result<Option<Weighter>, TrainError> {
    let Some(Weighting { model, .. }) = recipe.loss.weighting() else {
        return Ok(None);
    };
    let dir = find(model)?;
    let own = frontend.downcast_ref::<SentenceEncoder>().filter(|encoder| encoder.dir() == dir);
    let encoder = own.cloned().map_or_else(|| SentenceEncoder::load(&dir, device), Ok)?;
    Ok(Some(Weighter { encoder, is_frontend: own.is_some() }))
}

pub(crate) fn captions_of<'a>(manifests: &[&'a Manifest]) -> Vec<&'a str> {
    let rows = manifests.iter().flat_map(|manifest| &manifest.rows);
    rows.flat_map(|row| &row.captions).map(String::as_str).collect()
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
