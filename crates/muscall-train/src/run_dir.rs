//! The directory of a run.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use muscall_files::{FileError, write};
use muscall_model::weights_file;

use crate::TrainError;
use crate::checkpoint::{Checkpoint, Progress};
use crate::learner::OnExisting;

const CHECKPOINTS: &str = "checkpoints";
/// Everything that happened, a line each; empty until something does.
const LOG: &str = "log.jsonl";
/// Logs of a run; they are removed when it starts anew.
const LOGS: [&str; 5] = [LOG, "steps.csv", "validation.csv", "validation_ema.csv", "not_finite.json"];
/// What else a run leaves behind that another one must not take for its own.
const FOLDERS: [&str; 2] = ["ema", "tensorboard"];
const RECIPE: &str = "recipe.toml";

/// The checkpoints of a run, a directory each.
pub(crate) fn checkpoints(dir: &Path) -> PathBuf {
    dir.join(CHECKPOINTS)
}

/// Looks for a run without touching anything: gives the checkpoint to go on from, if that is asked for. Of one that has
/// taken no step yet, only the same run goes on: another may begin in its place.
///
/// # Errors
/// [`TrainError::RunExists`] if a run must not be there; [`TrainError::OtherRecipe`] and [`TrainError::OtherData`]
/// if it is not the one to go on with; [`TrainError::NoCheckpoint`] if it cannot be gone on with.
pub(crate) fn find(dir: &Path, on_existing: OnExisting, fresh: &Progress) -> Result<Option<Checkpoint>, TrainError> {
    match on_existing {
        OnExisting::Refuse => refuse(dir).map(|()| None),
        OnExisting::Replace => Ok(None),
        OnExisting::Resume => {
            let Some(found) = Checkpoint::latest(&checkpoints(dir))? else {
                return match has_lost_checkpoints(dir)? {
                    true => Err(TrainError::NoCheckpoint { path: dir.to_owned() }),
                    false => Ok(None),
                };
            };
            let progress = &found.progress;
            let other = if !progress.recipe.goes_on_with(&fresh.recipe) {
                Some(TrainError::OtherRecipe { path: dir.join(RECIPE) })
            } else if progress.data_fingerprint != fresh.data_fingerprint {
                Some(TrainError::OtherData { path: dir.to_owned() })
            } else {
                None
            };
            match other {
                Some(_) if progress.step == 0 => Ok(None),
                Some(other) => Err(other),
                None => Ok(Some(found)),
            }
        }
    }
}

/// Makes the directory that of a run which begins: writes its first checkpoint, removes what is left of another one,
/// and writes the recipe. Whenever that is cut short, the directory is as it was, or a run goes on from that checkpoint.
///
/// # Errors
/// [`TrainError::Io`] with the path; [`TrainError::RunExists`] if another run has begun here since it was looked for.
pub(crate) fn claim(dir: &Path, on_existing: OnExisting, first: &Checkpoint) -> Result<(), TrainError> {
    let text = toml::to_string(&first.progress.recipe).map_err(|source| TrainError::RecipeText { source })?;
    if on_existing == OnExisting::Refuse {
        refuse(dir)?;
    }
    let checkpoints = checkpoints(dir);
    fs::create_dir_all(&checkpoints).map_err(FileError::writing(&checkpoints))?;
    let replaces = on_existing == OnExisting::Replace || Checkpoint::begins(&checkpoints)?;
    first.begin(&checkpoints)?;
    if replaces {
        FOLDERS.iter().try_for_each(|name| remove(&dir.join(name), |path| fs::remove_dir_all(path)))?;
    }
    LOGS.iter().try_for_each(|name| remove(&dir.join(name), |path| fs::remove_file(path)))?;
    let path = dir.join(RECIPE);
    write(&path, text)?;
    first.settle(&checkpoints)
}

/// Fails where a run has left something that another one would write over. Empty folders, logs and a first checkpoint are
/// left by runs that ended before their first step.
fn refuse(dir: &Path) -> Result<(), TrainError> {
    let has_logged = bytes(&dir.join(LOG))?.is_some_and(|bytes| bytes > 0);
    let has_bundle = bytes(&weights_file(dir))?.is_some();
    if has_logged || has_bundle || Checkpoint::has_steps(&checkpoints(dir))? {
        return Err(TrainError::RunExists { path: dir.to_owned() });
    }
    Ok(())
}

/// Whether there is the model of a run that must have had a checkpoint. Older versions wrote the first one after the first
/// validation, which writes the first model; and where they stopped before the first step, a model and an empty log.
fn has_lost_checkpoints(dir: &Path) -> Result<bool, TrainError> {
    let validations = fs::read_to_string(dir.join("validation.csv")).map_or(0, |log| log.lines().skip(1).count());
    let has_begun = bytes(&dir.join(LOG))? != Some(0);
    Ok(bytes(&weights_file(dir))?.is_some() && validations != 1 && has_begun)
}

/// Of a file; nothing if there is none. One that cannot be looked at may well be there.
fn bytes(path: &Path) -> Result<Option<u64>, TrainError> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::reading(path)(error).into()),
    }
}

fn remove(path: &Path, how: impl FnOnce(&Path) -> std::io::Result<()>) -> Result<(), TrainError> {
    match how(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(FileError::writing(path)(error).into()),
        _ => Ok(()),
    }
}

/// Writes down which batch gave a loss that is not a number.
pub(crate) fn write_not_finite(dir: &Path, step: u64, loss: f64, ids: &[String]) -> Result<(), TrainError> {
    let path = dir.join("not_finite.json");
    let text = serde_json::json!({ "step": step, "loss": loss.to_string(), "ids": ids }).to_string();
    Ok(write(&path, text + "\n")?)
}
