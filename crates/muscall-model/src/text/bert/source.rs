//! Where a pretrained sentence encoder is found.

use std::env;
use std::path::{Path, PathBuf};

use crate::ModelError;

/// The encoder of the paper's loss weighting.
pub const DEFAULT_MODEL: &str = "sentence-transformers/all-MiniLM-L6-v2";

/// The folder of a pretrained encoder (`model.safetensors`, `tokenizer.json`): `model` itself if
/// it is a folder; else the folder of that name in the user's cache (`~/.cache/muscall/`, where
/// `scripts/fetch_sentence_model.sh` puts it); else, with the feature `hub`, it is downloaded from
/// the Hugging Face hub.
///
/// # Errors
/// [`ModelError::SentenceModel`] with the places that were looked at.
pub fn find(model: &str) -> Result<PathBuf, ModelError> {
    let mut tried = vec![PathBuf::from(model)];
    if let Some(cache) = cache() {
        let name = model.rsplit('/').next().unwrap_or(model);
        tried.push(cache.join(name));
    }
    if let Some(found) = tried.iter().find(|path| path.join("model.safetensors").is_file()) {
        return Ok(found.clone());
    }
    let missing = |reason| ModelError::SentenceModel { model: model.to_owned(), tried, reason };
    download(model).map_err(missing)
}

fn cache() -> Option<PathBuf> {
    let home = || env::var_os("HOME").or_else(|| env::var_os("USERPROFILE"));
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| Some(Path::new(&home()?).join(".cache")));
    Some(cache?.join("muscall"))
}

#[cfg(feature = "hub")]
fn download(model: &str) -> Result<PathBuf, String> {
    let fetch = || {
        let repository = hf_hub::api::sync::Api::new()?.model(model.to_owned());
        repository.get("config.json")?;
        repository.get("tokenizer.json")?;
        repository.get("model.safetensors")
    };
    let weights = fetch().map_err(|error: hf_hub::api::sync::ApiError| format!("the hub says: {error}"))?;
    weights.parent().map(Path::to_owned).ok_or_else(|| "the hub gave no folder".to_owned())
}

#[cfg(not(feature = "hub"))]
fn download(_: &str) -> Result<PathBuf, String> {
    Err("downloads need the feature `hub`".to_owned())
}
