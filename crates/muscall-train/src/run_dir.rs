//! The directory of a run.

use std::fs;
use std::path::Path;

use crate::TrainError;
use crate::checkpoint::{Checkpoint, Progress};
use crate::learner::OnExisting;

/// Logs of a run; they are removed when it starts anew.
const LOGS: [&str; 5] = ["log.jsonl", "steps.csv", "validation.csv", "validation_ema.csv", "not_finite.json"];

/// Prepares the directory of a run; gives the checkpoint to go on from, if that is asked for.
pub(crate) fn open(dir: &Path, on_existing: OnExisting, fresh: &Progress) -> Result<Option<Checkpoint>, TrainError> {
    let checkpoints = dir.join("checkpoints");
    let existing = Checkpoint::latest(&checkpoints);
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| TrainError::Io { path, source }
    };
    match on_existing {
        OnExisting::Refuse if checkpoints.exists() => return Err(TrainError::RunExists { path: dir.to_owned() }),
        OnExisting::Refuse => {}
        OnExisting::Replace => {
            for old in [&checkpoints, &dir.join("ema"), &dir.join("tensorboard")] {
                if old.exists() {
                    fs::remove_dir_all(old).map_err(io(old))?;
                }
            }
        }
        OnExisting::Resume => {
            if let Some(checkpoint) = existing? {
                let progress = &checkpoint.progress;
                if progress.recipe != fresh.recipe {
                    return Err(TrainError::OtherRecipe { path: dir.join("recipe.toml") });
                }
                if progress.data_fingerprint != fresh.data_fingerprint {
                    return Err(TrainError::OtherData { path: dir.to_owned() });
                }
                return Ok(Some(checkpoint));
            }
        }
    }
    fs::create_dir_all(&checkpoints).map_err(io(&checkpoints))?;
    for log in LOGS {
        let path = dir.join(log);
        if path.exists() {
            fs::remove_file(&path).map_err(io(&path))?;
        }
    }
    let path = dir.join("recipe.toml");
    let text = toml::to_string(&fresh.recipe).map_err(|source| TrainError::RecipeText { source })?;
    fs::write(&path, text).map_err(io(&path))?;
    Ok(None)
}

/// Writes down which batch gave a loss that is not a number.
pub(crate) fn write_not_finite(dir: &Path, step: u64, loss: f64, ids: &[String]) -> Result<(), TrainError> {
    let path = dir.join("not_finite.json");
    let text = serde_json::json!({ "step": step, "loss": loss.to_string(), "ids": ids }).to_string();
    fs::write(&path, text + "\n").map_err(|source| TrainError::Io { path, source })
}
