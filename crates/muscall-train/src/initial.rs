//! Weights that a run starts from instead of random ones.

use std::path::Path;

use burn::tensor::TensorData;
use muscall_files::{FileError, replace};
use muscall_model::weights::{StateDict, read_safetensors, write_safetensors};
use muscall_model::{Differences, ModelError, weights_file};

use crate::TrainError;

const OPTIMIZER: &str = "optimizer.safetensors";
const STEPS: &str = "steps";

/// Weights, and maybe the state of an optimizer that has been at work on them.
#[derive(Debug, Clone)]
pub struct InitialWeights {
    /// Of the model, complete.
    pub model: StateDict,
    /// Moments by parameter, as [`AdamW::take_state`](crate::optimizer::AdamW::take_state) gives them, and
    /// the steps taken with them.
    pub optimizer: Option<(StateDict, u64)>,
    /// What an error message calls them.
    pub origin: String,
}

impl InitialWeights {
    /// From a bundle, with the `optimizer.safetensors` beside its weights if there is one.
    ///
    /// # Errors
    /// [`TrainError::Model`] with the file that cannot be read.
    pub fn read(bundle: &Path) -> Result<Self, TrainError> {
        let (weights, optimizer) = (weights_file(bundle), bundle.join(OPTIMIZER));
        let is_there = optimizer.try_exists().map_err(FileError::reading(&optimizer))?;
        let moments = if is_there {
            let mut state = read_safetensors(&optimizer).map_err(ModelError::in_bundle)?;
            let steps = state.remove(STEPS).and_then(|data| data.as_slice::<f32>().ok()?.first().copied());
            // Exact up to 2^24 steps, in which a bias correction has long become one.
            Some((state, steps.unwrap_or(0.0) as u64))
        } else {
            None
        };
        let origin = weights.display().to_string();
        let model = read_safetensors(&weights).map_err(ModelError::in_bundle)?;
        Ok(Self { model, optimizer: moments, origin })
    }

    /// Whether the moments are those of a model with these tensors.
    pub(crate) fn check_moments(&self, model: &StateDict) -> Result<(), TrainError> {
        let mut differences = Differences::default();
        for (name, data) in self.optimizer.iter().flat_map(|(moments, _)| moments) {
            let parameter = name.strip_prefix("first.").or_else(|| name.strip_prefix("second."));
            match parameter.and_then(|parameter| model.get(parameter)) {
                None => differences.surplus.push(name.clone()),
                Some(own) if own.shape() != data.shape() => {
                    let [expected, found] = [own, data].map(|data| format!("{:?}", data.shape().as_slice()));
                    differences.misshapen.push((name.clone(), expected, found));
                }
                Some(_) => {}
            }
        }
        if differences.is_empty() {
            return Ok(());
        }
        let origin = format!("optimizer state beside {}", self.origin);
        Err(ModelError::Mismatch { origin, differences }.into())
    }

    /// Writes an optimizer's state beside the weights of a bundle.
    ///
    /// # Errors
    /// [`ModelError::Io`] with the file.
    pub fn save_optimizer(bundle: &Path, moments: &StateDict, steps: u64) -> Result<(), ModelError> {
        let mut state = moments.clone();
        state.insert(STEPS.to_owned(), TensorData::new(vec![steps as f32], [1]));
        replace(&bundle.join(OPTIMIZER), |new| write_safetensors(new, &state))
    }
}
