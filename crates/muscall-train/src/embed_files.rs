//! Embeddings of the files that can be read.

use std::path::Path;

use muscall_audio::{AudioError, AudioSource, Clip};
use muscall_model::{Muscall, ReadableFiles};

use crate::TrainError;

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
    let ReadableFiles { audio, readable, unreadable, .. } = model.embed_loading(files, |file| load(*file), |_| ())?;
    let unreadable = unreadable.into_iter().map(TrainError::from).collect();
    let found = EmbeddedFiles { audio: audio.values().to_vec(), readable, unreadable };
    if found.readable.is_empty() {
        let reason = found.unreadable.first().map_or_else(|| "there are none".to_owned(), ToString::to_string);
        return Err(TrainError::NothingToEvaluate { path: source.to_owned(), rows: files.len(), reason });
    }
    Ok(found)
}
