//! Captions to what the text encoder reads: everything of the text branch that is not trained.

use std::any::Any;
use std::fmt::Debug;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::Device;
use muscall_vectors::Fingerprint;

use super::batch::TextBatch;
use crate::ModelError;

/// What stands between captions and a text encoder: a tokenizer, a frozen encoder, word vectors.
pub trait TextProcessor: Debug + Send + Sync + Any {
    /// Captions as rows of token ids, each with its end token, if that is what the encoder reads.
    fn tokens(&self, _captions: &[&str]) -> Option<Vec<Vec<u32>>> {
        None
    }

    /// Captions as vectors, one after the other, if those are what the encoder reads and they cost next to nothing.
    fn vectors(&self, _captions: &[&str]) -> Option<Vec<f32>> {
        None
    }

    /// Captions as a batch: of their tokens, unless the encoder reads something else.
    ///
    /// # Panics
    /// If there are no tokens, and this is not implemented.
    fn batch(&self, captions: &[&str], device: &Device) -> TextBatch {
        let rows = self.tokens(captions).expect("a processor without tokens makes its own batches");
        TextBatch::from_tokens(&rows, device)
    }

    /// Identifies what captions become before anything trained sees them: by the *content* of tokenizer, encoder or
    /// word vectors, wherever they are from.
    fn fingerprint(&self) -> Fingerprint;

    /// Its file or folder in a bundle.
    fn place(&self) -> &'static str;

    /// Writes its part of a bundle, each file as a whole or not at all. What is large and never changes may be left
    /// as it stands.
    ///
    /// # Errors
    /// [`ModelError::Io`] with the file.
    fn save(&self, bundle: &Path) -> Result<(), ModelError>;

    /// The fingerprint that bundles of version 0.1 kept beside it, if they did.
    fn former_stamp(&self, _bundle: &Path) -> Option<String> {
        None
    }

    /// The same processor, if it computes much of a caption that can be kept: with the vectors of these captions, which
    /// a file knows or comes to know. The file may depend on the fingerprint; `progress` is called with how many of how
    /// many are computed. A file that cannot be written is an error beside it.
    fn learned(
        &self,
        _captions: &[&str],
        _file: &dyn Fn(&Fingerprint) -> PathBuf,
        _progress: &mut dyn FnMut(usize, usize),
    ) -> Option<(TextFrontend, Option<ModelError>)> {
        None
    }
}

/// Any [`TextProcessor`]; clones share it.
#[derive(Debug, Clone)]
pub struct TextFrontend(Arc<dyn TextProcessor>);

impl<T: TextProcessor> From<T> for TextFrontend {
    fn from(processor: T) -> Self {
        Self(Arc::new(processor))
    }
}

impl TextFrontend {
    /// The processor, if it is of this type.
    pub fn downcast_ref<T: TextProcessor>(&self) -> Option<&T> {
        let processor: &dyn Any = &*self.0;
        processor.downcast_ref()
    }

    /// Captions as a batch.
    pub fn batch<S: AsRef<str>>(&self, captions: &[S], device: &Device) -> TextBatch {
        let captions: Vec<&str> = captions.iter().map(AsRef::as_ref).collect();
        self.0.batch(&captions, device)
    }
}

impl Deref for TextFrontend {
    type Target = dyn TextProcessor;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}
