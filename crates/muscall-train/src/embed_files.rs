//! Embeddings of the files that can be read.

use std::path::Path;

use muscall_audio::{AudioError, AudioSource, Clip};
use muscall_model::Muscall;
use rayon::prelude::*;

use crate::TrainError;

/// Files decoded and embedded together.
const FILES: usize = 32;

/// Files, some of which could not be read.
pub(crate) struct EmbeddedFiles {
    /// `[readable, dim]`.
    pub(crate) audio: Vec<f32>,
    /// Which could be read.
    pub(crate) readable: Vec<usize>,
    /// Which could not, and why.
    pub(crate) unreadable: Vec<TrainError>,
}

/// Embeds what `load` makes of each file.
///
/// # Errors
/// [`TrainError::NothingToEvaluate`] with `source` if no file can be read.
pub(crate) fn embed_files(
    model: &Muscall,
    files: &[AudioSource<'_>],
    source: &Path,
    load: impl Fn(AudioSource<'_>) -> Result<Clip, AudioError> + Sync,
) -> Result<EmbeddedFiles, TrainError> {
    let mut found = EmbeddedFiles { audio: Vec::new(), readable: Vec::new(), unreadable: Vec::new() };
    for (chunk, files) in files.chunks(FILES).enumerate() {
        let loaded: Vec<_> = files.par_iter().map(|file| load(*file)).collect();
        let (mut clips, before) = (Vec::new(), found.readable.len());
        for (i, clip) in loaded.into_iter().enumerate() {
            match clip {
                Ok(clip) => {
                    found.readable.push(chunk * FILES + i);
                    clips.push(clip);
                }
                Err(error) => found.unreadable.push(error.into()),
            }
        }
        let position = |index: usize| found.readable[before + index];
        let embedded = model.embed_loaded(&clips).map_err(|error| error.with_index(position))?;
        found.audio.extend_from_slice(embedded.values());
    }
    if found.readable.is_empty() {
        let reason = found.unreadable.first().map_or_else(|| "there are none".to_owned(), ToString::to_string);
        return Err(TrainError::NothingToEvaluate { path: source.to_owned(), rows: files.len(), reason });
    }
    Ok(found)
}
