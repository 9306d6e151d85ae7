//! Where a checkpoint is: a path, the hub's cache, or the hub.

use std::path::{Path, PathBuf};

use super::files::has_weights;
use super::folder::CONFIG;
use crate::ModelError;
use crate::hub::{HubCache, Progress, is_hub_name};
use crate::text::bert::{MERGES, VOCABULARY};
use crate::text::tokenizer::TOKENIZER;

/// The file or folder for [`import_clap`](super::import_clap): the path itself if there is one; else it is taken for
/// a model's name, such as `laion/larger_clap_general`, and the model is looked for in the hub's cache. What is there is
/// taken without asking the hub. With the feature `hub` it is downloaded if it is not there.
///
/// # Errors
/// [`ModelError::NoSource`] if nothing is found and nothing can be downloaded; [`ModelError::Hub`] if the download fails.
pub fn find_clap(source: &Path, progress: &mut dyn FnMut(Progress<'_>)) -> Result<PathBuf, ModelError> {
    let Some(name) = source.to_str().filter(|name| !source.exists() && is_hub_name(name)) else {
        return Ok(source.to_owned());
    };
    match HubCache::from_env().and_then(|cache| cache.snapshot(name)).filter(|folder| is_whole(folder)) {
        Some(folder) => Ok(folder),
        None => download(name, progress),
    }
}

/// Whether a folder has all that an import reads.
fn is_whole(folder: &Path) -> bool {
    let has = |name: &str| folder.join(name).exists();
    has(CONFIG) && (has(TOKENIZER) || has(VOCABULARY) && has(MERGES)) && has_weights(folder)
}

#[cfg(not(feature = "hub"))]
fn download(name: &str, _: &mut dyn FnMut(Progress<'_>)) -> Result<PathBuf, ModelError> {
    Err(ModelError::NoSource { path: name.into() })
}

#[cfg(feature = "hub")]
fn download(name: &str, progress: &mut dyn FnMut(Progress<'_>)) -> Result<PathBuf, ModelError> {
    super::download_clap(&crate::hub::Hub::from_env()?, name, progress)
}
