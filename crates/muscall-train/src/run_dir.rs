//! The directory of a run.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::TrainError;
use crate::checkpoint::{Checkpoint, Progress};
use crate::learner::OnExisting;
use crate::recipe::Recipe;

const CHECKPOINTS: &str = "checkpoints";
/// Everything that happened, a line each; empty until something does.
const LOG: &str = "log.jsonl";
/// Logs of a run; they are removed when it starts anew.
const LOGS: [&str; 5] = [LOG, "steps.csv", "validation.csv", "validation_ema.csv", "not_finite.json"];
/// What else a run leaves behind that another one must not take for its own.
const FOLDERS: [&str; 3] = [CHECKPOINTS, "ema", "tensorboard"];

/// Looks for a run without touching anything: gives the checkpoint to go on from, if that is asked for.
///
/// # Errors
/// [`TrainError::RunExists`] if a run must not be there; [`TrainError::OtherRecipe`] and [`TrainError::OtherData`]
/// if it is not the one to go on with; [`TrainError::NoCheckpoint`] if it cannot be gone on with.
pub(crate) fn find(dir: &Path, on_existing: OnExisting, fresh: &Progress) -> Result<Option<Checkpoint>, TrainError> {
    match on_existing {
        OnExisting::Refuse => refuse(dir).map(|()| None),
        OnExisting::Replace => Ok(None),
        OnExisting::Resume => {
            let found = Checkpoint::latest(&dir.join(CHECKPOINTS))?;
            if let Some(Checkpoint { progress, .. }) = &found {
                if !progress.recipe.goes_on_with(&fresh.recipe) {
                    return Err(TrainError::OtherRecipe { path: dir.join("recipe.toml") });
                }
                if progress.data_fingerprint != fresh.data_fingerprint {
                    return Err(TrainError::OtherData { path: dir.to_owned() });
                }
            }
            if found.is_none() && has_lost_checkpoints(dir) {
                return Err(TrainError::NoCheckpoint { path: dir.to_owned() });
            }
            Ok(found)
        }
    }
}

/// Makes the directory that of a run which begins: removes what is left of another one, and writes the recipe.
///
/// # Errors
/// [`TrainError::Io`] with the path; [`TrainError::RunExists`] if another run has begun here since it was looked for.
pub(crate) fn claim(dir: &Path, on_existing: OnExisting, recipe: &Recipe) -> Result<(), TrainError> {
    let text = toml::to_string(recipe).map_err(|source| TrainError::RecipeText { source })?;
    match on_existing {
        OnExisting::Refuse => refuse(dir)?,
        OnExisting::Replace => {
            FOLDERS.iter().try_for_each(|name| remove(&dir.join(name), |path| fs::remove_dir_all(path)))?;
        }
        OnExisting::Resume => {}
    }
    let checkpoints = dir.join(CHECKPOINTS);
    fs::create_dir_all(&checkpoints).map_err(io(&checkpoints))?;
    LOGS.iter().try_for_each(|name| remove(&dir.join(name), |path| fs::remove_file(path)))?;
    let path = dir.join("recipe.toml");
    fs::write(&path, text).map_err(io(&path))
}

/// Fails where a run has left something that another one would write over. Empty folders and logs are left by runs
/// that ended before their first step.
fn refuse(dir: &Path) -> Result<(), TrainError> {
    let has_steps = fs::metadata(dir.join(LOG)).is_ok_and(|log| log.len() > 0);
    let has_bundle = dir.join("weights.safetensors").exists();
    if has_steps || has_bundle || Checkpoint::is_in(&dir.join(CHECKPOINTS))? {
        return Err(TrainError::RunExists { path: dir.to_owned() });
    }
    Ok(())
}

/// Whether there is the model of a run that must have had a checkpoint. The first one comes after the first
/// validation, which writes the first model.
fn has_lost_checkpoints(dir: &Path) -> bool {
    let validations = fs::read_to_string(dir.join("validation.csv")).map_or(0, |log| log.lines().skip(1).count());
    dir.join("weights.safetensors").exists() && validations != 1
}

fn remove(path: &Path, how: impl FnOnce(&Path) -> std::io::Result<()>) -> Result<(), TrainError> {
    match how(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io(path)(error)),
        _ => Ok(()),
    }
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> TrainError + use<> {
    let path = path.to_owned();
    move |source| TrainError::Io { path, source }
}

/// Writes down which batch gave a loss that is not a number.
pub(crate) fn write_not_finite(dir: &Path, step: u64, loss: f64, ids: &[String]) -> Result<(), TrainError> {
    let path = dir.join("not_finite.json");
    let text = serde_json::json!({ "step": step, "loss": loss.to_string(), "ids": ids }).to_string();
    fs::write(&path, text + "\n").map_err(io(&path))
}
