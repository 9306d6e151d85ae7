//! What can go wrong between a manifest and a trained model.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::PathBuf;

use muscall_files::FileError;

use crate::manifest::Manifest;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A file or a directory cannot be read or written.
    #[error(transparent)]
    Io(#[from] FileError),
    /// A file is not the JSON that it should be.
    #[error("{path}: {source}; correct the JSON there")]
    Json {
        /// The JSON file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A manifest, a public data set, or a file that batches are made of.
    #[error(transparent)]
    Data(#[from] muscall_data::DataError),
    /// An audio file, with the row that names it.
    #[error(transparent)]
    Audio(#[from] muscall_audio::AudioError),
    /// The model, its tokenizer, or a bundle.
    #[error(transparent)]
    Model(#[from] muscall_model::ModelError),
    /// Metrics.
    #[error(transparent)]
    Retrieval(#[from] muscall_retrieval::RetrievalError),
    /// Rows of vectors that do not fit, or are not finite.
    #[error(transparent)]
    Vectors(#[from] muscall_retrieval::VectorError),
    /// A recipe does not parse.
    #[error("{path}: {source}")]
    RecipeFile {
        /// The recipe's file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A recipe names a model that does not exist.
    #[error("{path}: the preset {found} does not exist; expected {expected}")]
    Preset {
        /// The recipe's file.
        path: PathBuf,
        /// What it names.
        found: String,
        /// What there is.
        expected: &'static str,
    },
    /// A recipe extends itself, over others or at once.
    #[error(
        "{path}: the recipe extends itself, directly or through others, or a chain of more than 16; break the chain of `extends`"
    )]
    ExtendsItself {
        /// The recipe's file.
        path: PathBuf,
    },
    /// A setting that is not `key=value`.
    #[error("`--set {setting}` is not a setting; write something like model.clip_s=10 or loss.directions=sum")]
    Setting {
        /// What was given.
        setting: String,
    },
    /// A setting that the recipe cannot have.
    #[error("`--set {setting}`: {source}")]
    InvalidSetting {
        /// What was given.
        setting: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A recipe cannot be written.
    #[error("the recipe cannot be written as TOML: {source}")]
    RecipeText {
        /// What the TOML writer says.
        source: toml::ser::Error,
    },
    /// A field of a recipe is out of range.
    #[error("recipe: `{field}` is {found}; it must be {expected}")]
    Recipe {
        /// Path of the field, such as `optimizer.beta_1`.
        field: &'static str,
        /// The value that was given.
        found: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// A recipe's file says what cannot be.
    #[error("{path}: {source}")]
    InvalidRecipe {
        /// The recipe's file.
        path: PathBuf,
        /// Which field.
        source: Box<TrainError>,
    },
    /// There are fewer rows than a batch takes.
    #[error("{path}: {rows} rows, but a batch takes {batch_size}; lower `batch_size` in the recipe, or add rows")]
    TooFewRows {
        /// The manifest.
        path: PathBuf,
        /// Its rows.
        rows: usize,
        /// Of the recipe.
        batch_size: usize,
    },
    /// The scores of a model say nothing.
    #[error(
        "these scores can't be calibrated: {found}; expected {expected}. Train the model further, or with more music"
    )]
    NoScale {
        /// What was found.
        found: String,
        /// What a scale needs.
        expected: &'static str,
    },
    /// No track of a manifest can be read.
    #[error("{path}: none of its {rows} tracks can be read: {reason}; is the audio folder there?")]
    NothingToEvaluate {
        /// The manifest, or the first file.
        path: PathBuf,
        /// Its rows.
        rows: usize,
        /// Why the first one cannot.
        reason: String,
    },
    /// Most of a model is to stay as it is, and there is no model.
    #[error(
        "the recipe says learns = \"{learns}\", so that the rest of a trained model stays as it is; name that model: --init BUNDLE (Learner::with_initial)"
    )]
    NoInitial {
        /// What the recipe trains.
        learns: &'static str,
    },
    /// A model is to learn what another one makes of music, and there is no other one.
    #[error(
        "the recipe's loss is `distil`, and there is no teacher; distil with `muscall distil`, or give one with Learner::with_teacher"
    )]
    NoTeacher,
    /// A recipe that takes its model from somewhere else was read by itself.
    #[error(
        "{path}: the recipe has no [model]; start from a trained one (--init BUNDLE), or write preset = \"…\" under [model]"
    )]
    NoModel {
        /// The recipe's file.
        path: PathBuf,
    },
    /// A run that goes on was given other weights for what does not learn.
    #[error(
        "{path}: the run was started from other weights than these of {origin}; give those it was started from, or start over in another directory"
    )]
    OtherInitial {
        /// The run's directory.
        path: PathBuf,
        /// Where the weights are from.
        origin: String,
    },
    /// Another program is computing the same vectors.
    #[error("{path}: another run is computing these vectors; wait until it is done, or stop it")]
    VectorsInUse {
        /// The file of vectors.
        path: PathBuf,
    },
    /// The listener stopped a run before its first step.
    #[error(
        "stopped before the first step, {done} of {all} {what} being computed; what is computed is kept, and the same command continues"
    )]
    Stopped {
        /// Windows or captions.
        what: &'static str,
        /// How many are.
        done: usize,
        /// Of how many.
        all: usize,
    },
    /// The directory holds a run already, or a bundle.
    #[error(
        "{path}: this directory already holds a run; continue it (`--resume`, OnExisting::Resume), start over (`--replace`, OnExisting::Replace), or choose another directory"
    )]
    RunExists {
        /// The run's directory.
        path: PathBuf,
    },
    /// The run to resume had another recipe.
    #[error(
        "{path}: the run was started with this recipe, not with the given one; resume it with this recipe, or start over in another directory"
    )]
    OtherRecipe {
        /// The recipe of the run.
        path: PathBuf,
    },
    /// There was a run, and it has no checkpoint any more.
    #[error(
        "{path}: there is a model, but no checkpoint to continue from; start from the model in another directory (`--init`), or replace it (`--replace`)"
    )]
    NoCheckpoint {
        /// The run's directory.
        path: PathBuf,
    },
    /// The run to resume had other training rows.
    #[error(
        "{path}: the run was started on other training rows; resume it with those, or start over in another directory"
    )]
    OtherData {
        /// The run's directory.
        path: PathBuf,
    },
    /// A device disagrees with the CPU.
    #[error(
        "{device} disagrees with the CPU in {count} values, first {first}; see docs/DEVICES.md for what to try, or train without this check"
    )]
    DeviceDiffers {
        /// What it calls itself.
        device: String,
        /// The first value that is beyond its tolerance, and by how much.
        first: String,
        /// How many are.
        count: usize,
    },
    /// The program has no CPU backend to compare a device with.
    #[error(
        "the device was not compared with the CPU, since this program was built without the CPU; build it with the feature `flex`"
    )]
    NothingToCompareWith,
    /// A device does not compute in the numbers of the recipe.
    #[error(
        "{device} does not support {precision:?}; set `precision` in the recipe to f32, or to the other one of bf16 and f16"
    )]
    Precision {
        /// Of the recipe.
        precision: muscall_model::Precision,
        /// What it calls itself.
        device: String,
    },
    /// The loss is not a number.
    #[error("step {step}: the loss is {loss}, the norm of its gradient {gradient_norm}; the last checkpoint is kept: lower the learning rate or set optimizer.clip_norm, and look at the batch: {}", ids.join(", "))]
    NotFinite {
        /// The step, from 0.
        step: u64,
        /// The loss.
        loss: f64,
        /// Of all gradients together.
        gradient_norm: f64,
        /// Ids of the batch's tracks.
        ids: Vec<String>,
    },
    /// Another rank is gone.
    #[error(
        "rank {rank} of {ranks} is gone, and the others cannot go on without it; the last checkpoint is kept: see what rank {rank} printed, and resume with any number of ranks"
    )]
    RankLost {
        /// The first that is gone.
        rank: usize,
        /// How many there were.
        ranks: usize,
    },
    /// There was nothing to learn from in a whole epoch.
    #[error(
        "{path}: in a whole epoch, no batch had two tracks that could be read: {reason}; is the audio folder there? See what `check` says about the manifest"
    )]
    NothingToTrainOn {
        /// The manifest.
        path: PathBuf,
        /// Why the first file was left out.
        reason: String,
    },
    /// The cache of decoded audio takes no more files; a run goes on without it.
    #[error(
        "{path}: {reason}; files that are not in the cache yet are decoded every time: free some space, or set `data.cache` to another folder"
    )]
    CacheNotWritten {
        /// The file that could not be written.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// Another rank has failed.
    #[error("rank {rank}: {message}")]
    OnRank {
        /// The rank that failed.
        rank: usize,
        /// What it said.
        message: String,
    },
    /// Ranks do not do the same.
    #[error("rank {rank} has another {what} than rank 0; start all ranks with the same program, arguments and data")]
    RanksDiffer {
        /// The first that differs.
        rank: usize,
        /// In what.
        what: &'static str,
    },
    /// There are more ranks than tracks.
    #[error(
        "{ranks} ranks for batches of {batch_size}; start at most one per track, or raise `batch_size` in the recipe"
    )]
    TooManyRanks {
        /// How many ranks there are.
        ranks: usize,
        /// Of the recipe.
        batch_size: usize,
    },
    /// Several processes were started by a program that cannot connect them.
    #[error(
        "{ranks} processes were started together, but this program was compiled without the feature `mpi`; compile it with `--features mpi`, or start one"
    )]
    WithoutMpi {
        /// How many processes were started.
        ranks: usize,
    },
    /// MPI can be started once per process.
    #[error("MPI was already started in this process; keep the handle from the first start")]
    MpiStarted,
}

impl TrainError {
    /// None of a manifest's rows could be heard, for these reasons.
    pub(crate) fn nothing_heard(manifest: &Manifest, unheard: &BTreeMap<usize, String>) -> Self {
        let reason = unheard.values().next().cloned().unwrap_or_else(|| "there are none".to_owned());
        Self::NothingToEvaluate { path: manifest.source.clone(), rows: manifest.rows.len(), reason }
    }

    /// The error of a field of a recipe that is not valid, for a loss's [`validate`](crate::loss::PairLoss::validate).
    ///
    /// # Errors
    /// [`Recipe`](Self::Recipe) unless `valid`.
    pub fn check(valid: bool, field: &'static str, found: impl Display, expected: &'static str) -> Result<(), Self> {
        if valid {
            return Ok(());
        }
        let found = found.to_string();
        Err(Self::Recipe { field, found, expected })
    }
}
