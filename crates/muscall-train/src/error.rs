//! What can go wrong between a manifest and a trained model.

mod checks;

use std::path::PathBuf;

use muscall_files::FileError;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A file or a directory cannot be read or written.
    #[error(transparent)]
    Io(#[from] FileError),
    /// A text file is not UTF-8.
    #[error("{path}: line {line} is not UTF-8; save the file as UTF-8")]
    NotUtf8 {
        /// The text file.
        path: PathBuf,
        /// From 1; of a table's row, the line where it begins.
        line: usize,
    },
    /// A file is not the JSON that it should be.
    #[error("{path}: {source}; correct the JSON there")]
    Json {
        /// The JSON file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A file is not the CSV that it should be.
    #[error("{path}: {source}; texts with commas or line breaks need quotes")]
    Csv {
        /// The table.
        path: PathBuf,
        /// Where and why.
        source: csv::Error,
    },
    /// A manifest is of no known format.
    #[error(
        "{path}: not a manifest; expected a .jsonl, .json, .csv or .tsv file, or a folder with dataset_train.json, dataset_val.json, dataset_test.json and audio/"
    )]
    UnknownManifest {
        /// What was given as a manifest.
        path: PathBuf,
    },
    /// A manifest has no rows at all.
    #[error("{path}: the manifest has no rows; add some")]
    EmptyManifest {
        /// The manifest.
        path: PathBuf,
    },
    /// A row of a manifest lacks something.
    #[error("{path}: row {row}: no `{key}`; found {found}; add it")]
    MissingKey {
        /// The manifest.
        path: PathBuf,
        /// From 1; in files with a header, the line.
        row: usize,
        /// What the row should have.
        key: &'static str,
        /// The keys that are there.
        found: String,
    },
    /// A line is not JSON.
    #[error("{path}: row {row}: {reason} in column {column} of {found}; expected one JSON object per line")]
    BrokenRow {
        /// The manifest.
        path: PathBuf,
        /// From 1.
        row: usize,
        /// What stands there.
        found: String,
        /// Where in the line it goes wrong, from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// A value of a row is of another type than expected.
    #[error("{path}: row {row}: `{key}` is {found}; expected {expected}")]
    WrongType {
        /// The manifest.
        path: PathBuf,
        /// From 1; in files with a header, the line.
        row: usize,
        /// The key.
        key: String,
        /// What stands there.
        found: String,
        /// What should.
        expected: &'static str,
    },
    /// A quote in a table makes one text of many rows.
    #[error(
        "{path}: line {line}: a quote opens here and does not close before {until}, so that it swallows the rows between; close it, or write \"\" for a quote inside a quoted text"
    )]
    StrayQuote {
        /// The table.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// Where it ends.
        until: String,
    },
    /// The times of a row are no part of a file.
    #[error("{path}: row {row}: the part goes from {start_s}{} ({source})", end_s.map_or(" on".to_owned(), |end_s| format!(" to {end_s} s")))]
    Times {
        /// The manifest.
        path: PathBuf,
        /// From 1; in files with a header, the line.
        row: usize,
        /// Where it should start.
        start_s: f64,
        /// Where it should end.
        end_s: Option<f64>,
        /// Why not.
        source: muscall_audio::NoPart,
    },
    /// A caption is empty.
    #[error("{path}: row {row}: `caption` is empty; remove the row or add text")]
    EmptyCaption {
        /// The manifest.
        path: PathBuf,
        /// From 1; in files with a header, the line.
        row: usize,
    },
    /// A row names no split where others do, or an unknown one.
    #[error("{path}: row {row}: `split` is {found}; expected train, val or test in every row, or in none")]
    Split {
        /// The manifest.
        path: PathBuf,
        /// From 1; in files with a header, the line.
        row: usize,
        /// What stands there.
        found: String,
    },
    /// No row of a manifest is of the split asked for.
    #[error("{path}: no row has the split {split}; give some rows that split, or read another one")]
    EmptySplit {
        /// The manifest.
        path: PathBuf,
        /// The split.
        split: &'static str,
    },
    /// Two rows have one id but different audio.
    #[error("{path}: row {row}: the id `{id}` already belongs to {other}; give every audio file its own id")]
    DuplicateId {
        /// The manifest.
        path: PathBuf,
        /// From 1; in files with a header, the line.
        row: usize,
        /// The id.
        id: String,
        /// The audio file of the earlier row.
        other: PathBuf,
    },
    /// A data set is not where it was looked for.
    #[error("{path}: the folder does not exist; give the folder that holds the data set")]
    NoSuchFolder {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Too little of a data set is there.
    #[error(
        "{path}: {found} of {expected} audio files are there ({first} is not); expected at least half: check the folder, or complete the copy"
    )]
    BenchmarkIncomplete {
        /// The data set's folder.
        path: PathBuf,
        /// Files that are there.
        found: usize,
        /// Files that the lists name.
        expected: usize,
        /// The first that is not.
        first: PathBuf,
    },
    /// An audio file, with the row that names it.
    #[error(transparent)]
    Audio(#[from] muscall_audio::AudioError),
    /// The model, its tokenizer, or a bundle.
    #[error(transparent)]
    Model(#[from] muscall_model::ModelError),
    /// Metrics.
    #[error(transparent)]
    Retrieval(#[from] muscall_retrieval::RetrievalError),
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
    #[error("`{setting}` is not a setting; write something like model.clip_s=10 or loss.directions=sum")]
    Setting {
        /// What was given.
        setting: String,
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
    /// A file that was there when the run began cannot be read, and neither can others: their disk, folder or network is
    /// away. The step that needs it is not taken.
    #[error(
        "{path}: the file was there when the run began, and now it cannot be read: {reason}; the same is true of {other}. Bring them back and continue with `--resume`; if they are gone for good, leave them out with `--resume --leave-out-missing`"
    )]
    AudioAway {
        /// The first file that the step needs.
        path: PathBuf,
        /// What the system says.
        reason: String,
        /// The first other file of the manifest that cannot be read; the same one if it has no other.
        other: PathBuf,
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
