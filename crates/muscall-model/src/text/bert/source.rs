//! Where a pretrained sentence encoder is found.

use std::env;
use std::path::{Path, PathBuf};

use crate::ModelError;
use crate::hub::HubCache;

/// The encoder of the paper's loss weighting.
pub const DEFAULT_MODEL: &str = "sentence-transformers/all-MiniLM-L6-v2";

const WEIGHTS: &str = "model.safetensors";
#[cfg(feature = "hub")]
const TOKENIZER: &str = "tokenizer.json";

/// The folder of a pretrained encoder (`model.safetensors`, `tokenizer.json`): `model` itself if
/// it is a folder; else the folder of that name in the user's cache (`~/.cache/muscall/`, where
/// `scripts/fetch_sentence_model.sh` puts it); else the model of that name in the hub's cache, into which it is
/// downloaded with the feature `hub`.
///
/// # Errors
/// [`ModelError::SentenceModel`] with the places that were looked at.
pub fn find(model: &str) -> Result<PathBuf, ModelError> {
    let tried = match find_here(model) {
        Ok(found) => return Ok(found),
        Err(tried) => tried,
    };
    let missing = |reason| ModelError::SentenceModel { model: model.to_owned(), tried, reason };
    download(model).map_err(missing)
}

/// The same without a download, or the places that were looked at.
pub(in crate::text) fn find_here(model: &str) -> Result<PathBuf, Vec<PathBuf>> {
    let mut tried = vec![PathBuf::from(model)];
    if let Some(cache) = cache() {
        let name = model.rsplit('/').next().unwrap_or(model);
        tried.push(cache.join(name));
    }
    tried.extend(HubCache::from_env().and_then(|cache| cache.snapshot(model)));
    match tried.iter().find(|path| path.join(WEIGHTS).is_file()) {
        Some(found) => Ok(found.clone()),
        None => Err(tried),
    }
}

fn cache() -> Option<PathBuf> {
    let home = || env::var_os("HOME").or_else(|| env::var_os("USERPROFILE"));
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| Some(Path::new(&home()?).join(".cache")));
    Some(cache?.join("muscall"))
}

#[cfg(feature = "hub")]
fn download(model: &str) -> Result<PathBuf, String> {
    use crate::hub::{Hub, HubError};

    let fetch = || {
        let hub = Hub::from_env()?;
        let revision = hub.newest(model)?;
        let wanted = ["config.json", "modules.json", "1_Pooling/config.json", TOKENIZER, WEIGHTS];
        for file in wanted.into_iter().filter(|&file| revision.has(file) || file == WEIGHTS || file == TOKENIZER) {
            revision.fetch(file, &mut |_| ())?;
        }
        revision.keep()
    };
    fetch().map_err(|error: HubError| error.to_string())
}

#[cfg(not(feature = "hub"))]
fn download(_: &str) -> Result<PathBuf, String> {
    Err("downloads need the feature `hub`".to_owned())
}
