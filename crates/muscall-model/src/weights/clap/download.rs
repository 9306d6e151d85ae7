//! The files of a LAION-CLAP model from the hub.

use std::path::{Path, PathBuf};

use super::files::{WEIGHTS, is_index, parts};
use super::folder::{CONFIG, PREPROCESSOR};
use crate::ModelError;
use crate::hub::{Hub, Progress};
use crate::text::bert::{MERGES, VOCABULARY};
use crate::text::tokenizer::TOKENIZER;

/// Downloads what [`import_clap`](super::import_clap) reads of a model into the hub's cache: the folder with it. Files
/// that are there already are not fetched again, and half of a file is gone on with.
///
/// # Errors
/// [`ModelError::Hub`].
pub fn download_clap(hub: &Hub, name: &str, progress: &mut dyn FnMut(Progress<'_>)) -> Result<PathBuf, ModelError> {
    const TOKENIZER_FILES: &str = "tokenizer.json, or vocab.json and merges.txt";
    let revision = hub.newest(name)?;
    // What a model lacks is known before anything large is fetched.
    if !revision.has(CONFIG) {
        return Err(revision.lacks(CONFIG, "a LAION-CLAP model in the layout of transformers").into());
    }
    let words = if revision.has(TOKENIZER) { vec![TOKENIZER] } else { vec![VOCABULARY, MERGES] };
    if let Some(missing) = words.iter().find(|file| !revision.has(file)) {
        return Err(revision.lacks(missing, TOKENIZER_FILES).into());
    }
    let Some(weights) = WEIGHTS.into_iter().find(|file| revision.has(file)) else {
        return Err(revision.lacks(WEIGHTS[0], "that, pytorch_model.bin, or the index of either").into());
    };
    let small = [CONFIG].into_iter().chain(revision.has(PREPROCESSOR).then_some(PREPROCESSOR)).chain(words);
    for file in small {
        revision.fetch(file, progress)?;
    }
    let path = revision.fetch(weights, progress)?;
    if is_index(Path::new(weights)) {
        for part in parts(&path)?.keys() {
            revision.fetch(part, progress)?;
        }
    }
    Ok(revision.keep()?)
}
