//! Which captions and tracks belong together.

use crate::{Embeddings, RetrievalError, VectorError};

/// Which caption belongs to which track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairs {
    /// The track of each caption.
    pub text_to_audio: Vec<usize>,
}

impl Pairs {
    /// One caption a track, in the same order.
    pub fn one_to_one(tracks: usize) -> Self {
        Self { text_to_audio: (0..tracks).collect() }
    }

    /// The captions of each track.
    pub(crate) fn captions_of(
        &self,
        audio: Embeddings<'_>,
        text: Embeddings<'_>,
    ) -> Result<Vec<Vec<usize>>, RetrievalError> {
        if audio.dim() != text.dim() {
            let (expected, actual) = (audio.dim(), text.dim());
            return Err(VectorError::Dimensions { expected, actual }.into());
        }
        let tracks = audio.rows();
        if tracks == 0 || text.rows() == 0 {
            return Err(RetrievalError::Empty { what: "pairs" });
        }
        if self.text_to_audio.len() != text.rows() {
            let (given, captions) = (self.text_to_audio.len(), text.rows());
            return Err(RetrievalError::Pairs { given, captions });
        }
        let mut captions = vec![Vec::new(); tracks];
        for (caption, &track) in self.text_to_audio.iter().enumerate() {
            match captions.get_mut(track) {
                Some(captions) => captions.push(caption),
                None => return Err(RetrievalError::Track { caption, track, tracks }),
            }
        }
        if let Some(track) = captions.iter().position(Vec::is_empty) {
            return Err(RetrievalError::NoCaption { track });
        }
        Ok(captions)
    }
}
