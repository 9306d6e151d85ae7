//! All that a run needs to go on as if it had never stopped.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use muscall_data::AbsentRows;
use muscall_files::{FileError, replace_bytes, sync_folder};
use muscall_model::weights::{StateDict, read_safetensors, write_safetensors};
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::loss_scale::LossScale;
use crate::recipe::Recipe;
use crate::schedule::PlateauState;

const MODEL: &str = "model.safetensors";
const OPTIMIZER: &str = "optimizer.safetensors";
const EMA: &str = "ema.safetensors";
const PROGRESS: &str = "progress.json";
/// What is under this name may be half of something.
const UNFINISHED: &str = "unfinished";
/// A checkpoint under this name is whole, and is that of a run which is about to replace the others.
const BEGINNING: &str = "beginning";

/// How far a run is. Random states are not stored: every draw is a function of the recipe's seed
/// and of these numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Steps taken in all.
    pub step: u64,
    /// The epoch that the next step belongs to, from 0.
    pub epoch: u64,
    /// Batches of that epoch already taken.
    pub step_in_epoch: usize,
    /// Best validation score so far: what the recipe goes by, then the other one.
    pub best: Option<[f64; 2]>,
    /// Epochs since then.
    pub epochs_without_best: usize,
    /// Steps of the optimizer: others than `step` where batches were left out, or where it came
    /// with a history.
    pub optimizer_steps: u64,
    /// Sum of this epoch's losses so far, and how many they are.
    pub epoch_loss: (f64, u64),
    /// The best score of the averaged weights.
    pub best_ema: Option<[f64; 2]>,
    /// Of a schedule that goes by the score.
    pub plateau: PlateauState,
    /// The factor on the loss, where the precision needs one.
    #[serde(default)]
    pub loss_scale: Option<LossScale>,
    /// The run's recipe.
    pub recipe: Recipe,
    /// Identifies the training rows and their captions.
    pub data_fingerprint: String,
    /// Identifies the weights that do not learn, where some don't: a checkpoint is without them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<String>,
    /// Whose audio was not there when the run began. A checkpoint of an older version does not know.
    #[serde(default)]
    pub absent: Option<AbsentRows>,
}

impl Progress {
    /// Of a run that begins.
    pub(crate) fn at_start(recipe: &Recipe, data_fingerprint: String) -> Self {
        Self {
            step: 0,
            epoch: 0,
            step_in_epoch: 0,
            best: None,
            epochs_without_best: 0,
            optimizer_steps: 0,
            epoch_loss: (0.0, 0),
            best_ema: None,
            plateau: PlateauState::default(),
            loss_scale: LossScale::of(recipe.precision),
            recipe: recipe.clone(),
            data_fingerprint,
            frozen: None,
            absent: None,
        }
    }

    /// Of the checkpoint's directory. An epoch ends after its last step, hence both numbers; in
    /// alphabetical order the newest comes last.
    fn name(&self) -> String {
        format!("{}epoch-{:06}", step_prefix(self.step), self.epoch)
    }
}

/// A snapshot between two steps.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// How far.
    pub progress: Progress,
    /// Parameters and running statistics of what learns.
    pub model: StateDict,
    /// Moments.
    pub optimizer: StateDict,
    /// The moving average of the weights, if there is one.
    pub ema: Option<StateDict>,
}

impl Checkpoint {
    /// Writes `<dir>/step-<n>-epoch-<n>`, whole or not at all, and then removes older ones.
    ///
    /// # Errors
    /// [`TrainError::Io`] with the path; older checkpoints are then still there.
    pub fn save(&self, dir: &Path) -> Result<PathBuf, TrainError> {
        let place = dir.join(self.progress.name());
        // A run is a function of its progress: what stands there is this checkpoint. It may have been written by a run that
        // was killed before it removed the older ones.
        if !place.try_exists().map_err(FileError::reading(&place))? {
            self.write(dir, &place)?;
        }
        for older in steps(dir)?.into_iter().filter(|path| *path != place) {
            remove(&older)?;
        }
        Ok(place)
    }

    /// The checkpoint of a run that begins in the place of whatever stands there: from here on it is the
    /// [latest](Self::latest), and stays so until [`settle`](Self::settle) has removed the others.
    ///
    /// # Errors
    /// [`TrainError::Io`] with the path.
    pub(crate) fn begin(&self, dir: &Path) -> Result<(), TrainError> {
        let place = dir.join(BEGINNING);
        if Self::begins(dir)? {
            // The others have been given up already, and must not come back when this one goes.
            steps(dir)?.iter().try_for_each(|step| remove(step))?;
            // Half removed it would still have its name.
            let unfinished = dir.join(UNFINISHED);
            remove(&unfinished)?;
            fs::rename(&place, &unfinished).map_err(FileError::writing(&place))?;
        }
        self.write(dir, &place)
    }

    /// Whether a run was cut short between [`begin`](Self::begin) and [`settle`](Self::settle).
    ///
    /// # Errors
    /// [`TrainError::Io`] with the path.
    pub(crate) fn begins(dir: &Path) -> Result<bool, TrainError> {
        let place = dir.join(BEGINNING);
        Ok(place.try_exists().map_err(FileError::reading(&place))?)
    }

    /// Removes all checkpoints but the one of [`begin`](Self::begin), which gets its name.
    ///
    /// # Errors
    /// [`TrainError::Io`] with the path.
    pub(crate) fn settle(&self, dir: &Path) -> Result<(), TrainError> {
        steps(dir)?.iter().try_for_each(|step| remove(step))?;
        let (beginning, place) = (dir.join(BEGINNING), dir.join(self.progress.name()));
        Ok(fs::rename(&beginning, &place).and_then(|()| sync_folder(dir)).map_err(FileError::writing(&place))?)
    }

    /// Writes it under another name first.
    fn write(&self, dir: &Path, place: &Path) -> Result<(), TrainError> {
        let new = dir.join(UNFINISHED);
        remove(&new)?;
        fs::create_dir_all(&new).map_err(FileError::writing(&new))?;
        write_safetensors(&new.join(MODEL), &self.model)?;
        write_safetensors(&new.join(OPTIMIZER), &self.optimizer)?;
        if let Some(ema) = &self.ema {
            write_safetensors(&new.join(EMA), ema)?;
        }
        let path = new.join(PROGRESS);
        let text = serde_json::to_string_pretty(&self.progress)
            .map_err(|source| TrainError::Json { path: path.clone(), source })?;
        replace_bytes(&path, text)?;
        sync_folder(&new).map_err(FileError::writing(&new))?;
        Ok(fs::rename(&new, place).and_then(|()| sync_folder(dir)).map_err(FileError::writing(place))?)
    }

    /// Whether there is one under `dir`, readable or not, of a run that has taken a step.
    ///
    /// # Errors
    /// [`TrainError::Io`] if `dir` cannot be listed.
    pub fn has_steps(dir: &Path) -> Result<bool, TrainError> {
        let has_begun = |path: &PathBuf| !path.file_name().is_some_and(|name| is_of_step(name, 0));
        Ok(steps(dir)?.iter().any(has_begun))
    }

    /// Reads the newest checkpoint under `dir`; none if there is none.
    ///
    /// # Errors
    /// With the name of the file that cannot be read. One half written is never looked at.
    pub fn latest(dir: &Path) -> Result<Option<Self>, TrainError> {
        let place = if Self::begins(dir)? { Some(dir.join(BEGINNING)) } else { steps(dir)?.pop() };
        let Some(place) = place else {
            return Ok(None);
        };
        let path = place.join(PROGRESS);
        let text = fs::read_to_string(&path).map_err(FileError::reading(&path))?;
        let progress: Progress = serde_json::from_str(&text).map_err(|source| TrainError::Json { path, source })?;
        // Without its file a run would begin another average.
        let ema = progress.recipe.ema.as_ref().map(|_| read_safetensors(&place.join(EMA)));
        Ok(Some(Self {
            progress,
            ema: ema.transpose()?,
            model: read_safetensors(&place.join(MODEL))?,
            optimizer: read_safetensors(&place.join(OPTIMIZER))?,
        }))
    }
}

/// Complete checkpoints, oldest first.
fn steps(dir: &Path) -> Result<Vec<PathBuf>, TrainError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(FileError::reading(dir)(error).into()),
    };
    // A list that breaks off must not hide the newest one.
    let entries: Vec<fs::DirEntry> = entries.collect::<Result<_, _>>().map_err(FileError::reading(dir))?;
    let is_step = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with("step-");
    let mut steps: Vec<PathBuf> = entries.iter().filter(|entry| is_step(entry)).map(fs::DirEntry::path).collect();
    steps.sort();
    Ok(steps)
}

/// Whether the name of a checkpoint is that of a step.
fn is_of_step(name: &OsStr, step: u64) -> bool {
    name.to_string_lossy().starts_with(&step_prefix(step))
}

fn step_prefix(step: u64) -> String {
    format!("step-{step:09}-")
}

fn remove(dir: &Path) -> Result<(), TrainError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(FileError::writing(dir)(error).into()),
        _ => Ok(()),
    }
}
