//! What a checkpoint of LAION-CLAP holds, by the hub's names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::TensorData;

use super::names::{TEXT_LOGIT_SCALE, is_fusion, is_unused};
use crate::weights::StateDict;
use crate::weights::pytorch::{TorchFile, Value};
use crate::{Differences, ModelError};

/// Tensors by the hub's names, without those that nothing uses.
pub(super) struct Checkpoint {
    pub(super) path: PathBuf,
    /// The temperature of one direction, which no model of ours has.
    pub(super) text_logit_scale: Option<f32>,
    pub(super) tensors: StateDict,
}

impl Checkpoint {
    pub(super) fn new(path: &Path, mut tensors: StateDict) -> Result<Self, ModelError> {
        if let Some(name) = tensors.keys().find(|name| is_fusion(name)) {
            return Err(fused(path, name));
        }
        let scale = tensors.get(TEXT_LOGIT_SCALE).and_then(|data| data.as_slice::<f32>().ok()?.first().copied());
        tensors.retain(|name, _| !is_unused(name));
        Ok(Self { path: path.to_owned(), text_logit_scale: scale.filter(|scale| scale.is_finite()), tensors })
    }

    /// The tensors under the names of a model, whose shapes are given; all differences are listed by the hub's names.
    pub(super) fn state_for(
        mut self,
        shapes: &BTreeMap<String, Vec<usize>>,
        hub: impl Fn(&str) -> String,
    ) -> Result<StateDict, ModelError> {
        let mut differences = Differences::default();
        let mut state = StateDict::new();
        for (ours, own) in shapes {
            let name = hub(ours);
            let Some(found) = self.tensors.remove(&name) else {
                differences.missing.push(name);
                continue;
            };
            if found.as_slice::<f32>().is_ok_and(|values| values.iter().any(|x| !x.is_finite())) {
                return Err(ModelError::Checkpoint {
                    path: self.path,
                    found: format!("a number in `{name}` that is not finite"),
                    expected: "a model that has not diverged, and a file that is whole",
                });
            }
            match reshaped(found, own) {
                Ok(found) => drop(state.insert(ours.clone(), found)),
                Err(shape) => {
                    let expected = format!("{own:?}");
                    differences.misshapen.push((name, expected, format!("{shape:?}")));
                }
            }
        }
        differences.surplus.extend(self.tensors.into_keys());
        if differences.is_empty() {
            return Ok(state);
        }
        Err(ModelError::Mismatch { origin: self.path.display().to_string(), differences })
    }
}

/// The reason why fused checkpoints are not read.
pub(super) fn fused(path: &Path, found: &str) -> ModelError {
    ModelError::Checkpoint {
        path: path.to_owned(),
        found: format!("`{found}`, so that this is a fused model: it hears random crops of long audio"),
        expected: "an unfused one, such as laion/clap-htsat-unfused or laion/larger_clap_general, whose vectors are the \
                   same each time",
    }
}

/// Scalars are vectors of one here, and kernels of patches rows: nothing else may differ.
fn reshaped(data: TensorData, shape: &[usize]) -> Result<TensorData, Vec<usize>> {
    let found = data.shape().as_slice().to_vec();
    let is_scalar = found.is_empty() && shape == [1];
    let is_patch = matches!((&found[..], shape), ([outputs, 1, height, width], [rows, values])
        if outputs == rows && height * width == *values);
    if found == shape {
        return Ok(data);
    }
    if !is_scalar && !is_patch {
        return Err(found);
    }
    let values = data.try_into_vec::<f32>().map_err(|_| found)?;
    Ok(TensorData::new(values, shape.to_vec()))
}

/// The float tensors of a `.pt` or `.bin` file, by their names in it; `module.` in front of all of them is taken away.
/// Nothing but the weights is read, however large the rest.
pub(super) fn read_torch(path: &Path) -> Result<StateDict, ModelError> {
    let mut file = TorchFile::open(path)?;
    let root = file.root().clone();
    let saved = ["state_dict", "model"].iter().find_map(|key| root.get(key)).unwrap_or(&root);
    let tensors =
        |value: &Value| value.entries().is_some_and(|entries| entries.iter().any(|(_, v)| v.as_tensor().is_some()));
    if !tensors(saved) {
        return Err(ModelError::Checkpoint {
            path: path.to_owned(),
            found: "no tensors by name".to_owned(),
            expected: "a state dict, or a dictionary with `state_dict`",
        });
    }
    let mut state = StateDict::new();
    for (name, value) in saved.entries().unwrap_or_default() {
        let (Some(name), Some(tensor)) = (name.as_str(), value.as_tensor()) else { continue };
        let name = name.strip_prefix("module.").unwrap_or(name);
        if tensor.kind.is_float() {
            state.insert(name.to_owned(), TensorData::new(file.read(tensor)?, tensor.shape.clone()));
        }
    }
    Ok(state)
}
