//! The files that hold a model's weights: one, or parts with an index.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use muscall_files::FileError;
use serde::Deserialize;

use super::checkpoint::{Checkpoint, read_torch};
use crate::ModelError;
use crate::hub::is_plain;
use crate::weights::{StateDict, read_safetensors};

/// What the weights may be called, best first; an index names the parts of what would be too large as one file.
pub(super) const WEIGHTS: [&str; 4] =
    ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"];

/// The weights in a folder, whole or in parts.
pub(super) fn read_weights(folder: &Path) -> Result<Checkpoint, ModelError> {
    let Some(path) = WEIGHTS.iter().map(|name| folder.join(name)).find(|path| path.exists()) else {
        return Err(ModelError::Checkpoint {
            path: folder.to_owned(),
            found: "neither model.safetensors nor pytorch_model.bin, nor the index of either".to_owned(),
            expected: "a folder with config.json, preprocessor_config.json, tokenizer.json and one of these",
        });
    };
    if !is_index(&path) {
        return Checkpoint::new(&path, read_file(&path)?);
    }
    let mut state = StateDict::new();
    for part in whole_parts(folder, &path)? {
        for (name, data) in read_file(&part)? {
            if state.contains_key(&name) {
                let (found, expected) = (format!("`{name}`, which another part has too"), "each tensor in one part");
                return Err(ModelError::Checkpoint { path: part, found, expected });
            }
            state.insert(name, data);
        }
    }
    Checkpoint::new(&path, state)
}

/// Whether the weights in a folder are all there.
pub(super) fn has_weights(folder: &Path) -> bool {
    let found = WEIGHTS.iter().map(|name| folder.join(name)).find(|path| path.exists());
    found.is_some_and(|path| !is_index(&path) || whole_parts(folder, &path).is_ok())
}

/// Whether a file says which other files hold the weights.
pub(super) fn is_index(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json")
}

/// The parts that an index names, each once, with how many tensors it has.
pub(super) fn parts(index: &Path) -> Result<BTreeMap<String, usize>, ModelError> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let bytes = fs::read(index).map_err(FileError::reading(index))?;
    let Index { weight_map } =
        serde_json::from_slice(&bytes).map_err(|source| ModelError::ConfigFile { path: index.to_owned(), source })?;
    let mut parts = BTreeMap::new();
    for part in weight_map.into_values() {
        if !is_plain(&part) || is_index(Path::new(&part)) {
            let (path, found) = (index.to_owned(), format!("the part `{part}`"));
            return Err(ModelError::Checkpoint { path, found, expected: "names of files beside it" });
        }
        *parts.entry(part).or_insert(0) += 1;
    }
    Ok(parts)
}

/// The parts that an index names, all of which are there.
fn whole_parts(folder: &Path, index: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let parts = parts(index)?;
    let missing = parts.iter().filter(|(part, _)| !folder.join(part).exists());
    let missing: Vec<String> = missing.map(|(part, count)| format!("{part} ({count} tensors)")).collect();
    if !missing.is_empty() {
        let (path, found) = (index.to_owned(), format!("no {} beside it", missing.join(", no ")));
        return Err(ModelError::Checkpoint { path, found, expected: "all parts that it names: copy these as well" });
    }
    Ok(parts.keys().map(|part| folder.join(part)).collect())
}

fn read_file(path: &Path) -> Result<StateDict, ModelError> {
    if path.extension().is_some_and(|extension| extension == "safetensors") {
        read_safetensors(path)
    } else {
        read_torch(path)
    }
}
