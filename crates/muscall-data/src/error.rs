//! What can go wrong between a manifest and a batch.

use std::path::{Path, PathBuf};

use muscall_files::FileError;

/// Errors of this crate: each names the file and, where there is one, the row, what was found and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A recipe names a source that no row has, or a part that is none.
    #[error(
        "data.sources: {source_name} = {part}: expected a number above 0 and at most 1, and a source that rows of {path} name \
         (these do: {known}); {rows} rows name this one"
    )]
    Source {
        /// The manifest.
        path: PathBuf,
        /// As the recipe has it.
        source_name: String,
        /// As the recipe has it.
        part: f64,
        /// Rows of the source.
        rows: usize,
        /// Sources that there are.
        known: String,
    },
    /// What is made of a track is not known, since it could not be heard when a run began.
    #[error("{path}: {reason}")]
    Unheard {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// No rows can be held out of a manifest.
    #[error("{path}: cannot hold out rows: found {found}, expected {expected}")]
    HeldOut {
        /// The manifest.
        path: PathBuf,
        /// What is wrong.
        found: String,
        /// What would be right.
        expected: &'static str,
    },
    /// A file or a directory cannot be read or written.
    #[error(transparent)]
    Io(#[from] FileError),
    /// A text file is not UTF-8.
    #[error("{path}: line {line} is not UTF-8; save the file as UTF-8")]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// From 1; of a table's row, the line where it begins.
        line: usize,
    },
    /// A file is not the JSON that it should be.
    #[error("{path}: {source}; correct the JSON there")]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A file is not the CSV that it should be.
    #[error("{path}: {source}; texts with commas or line breaks need quotes")]
    Csv {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: csv::Error,
    },
    /// A file is not the TOML that it should be.
    #[error("{path}: {source}; correct the TOML there")]
    Toml {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A template file says something that cannot be.
    #[error("{path}: `{key}` is {found}; expected {expected}")]
    Template {
        /// The template file.
        path: PathBuf,
        /// Of what stands there.
        key: String,
        /// What stands there, or what is wrong with it.
        found: String,
        /// What should.
        expected: String,
    },
    /// A tag of a table is not in the templates.
    #[error("{path}: row {row}: {source}")]
    UnknownTag {
        /// The table.
        path: PathBuf,
        /// The line, from 1.
        row: usize,
        /// Which tag, and what to do.
        source: crate::sentences::UnknownTag,
    },
    /// A manifest is of no known format.
    #[error(
        "{path}: not a manifest; expected a .jsonl, .json, .csv or .tsv file, shards (.tar), or a folder of shards, with metadata.csv, with a .txt of the same name \
         beside each audio file, or with dataset_train.json, dataset_val.json, dataset_test.json and audio/"
    )]
    UnknownManifest {
        /// The file.
        path: PathBuf,
    },
    /// A table is in Parquet or Arrow.
    #[error(
        "{path}: Parquet and Arrow are not read; write the audio into files, and the rest into {{\"audio\": …, \"caption\": …}} lines of a \
         .jsonl file: docs/DATASETS.md has a script"
    )]
    Parquet {
        /// The file, or the first of a folder.
        path: PathBuf,
    },
    /// A manifest has no rows at all.
    #[error("{path}: the manifest has no rows; add some")]
    EmptyManifest {
        /// The manifest.
        path: PathBuf,
    },
    /// A pattern of shards that is none.
    #[error(
        "{path}: found {found}; expected tar files such as music-{{000..127}}.tar, or several patterns with `::` between them"
    )]
    Shards {
        /// The pattern.
        path: PathBuf,
        /// What is wrong with it.
        found: String,
    },
    /// An address of the web, or of another kind of store.
    #[error(
        "{path}: addresses are not read, except for shards in a bucket of S3 (s3://bucket/music-{{000..127}}.tar); copy the files to this machine first"
    )]
    Address {
        /// The address.
        path: PathBuf,
    },
    /// An address in a bucket, in a program that knows no buckets.
    #[error(
        "{path}: this program was built without support for buckets; build it with `--features s3`, or copy the shards to this machine"
    )]
    NoBuckets {
        /// The address.
        path: PathBuf,
    },
    /// An address in a bucket below which no shards are.
    #[error(
        "{path}: no shards (.tar) are in the bucket below this address; check it, and copy tables and audio files to this machine, since only shards are read from buckets"
    )]
    NoShards {
        /// The address.
        path: PathBuf,
    },
    /// A bucket, or a shard in it, cannot be found or read.
    #[cfg(feature = "s3")]
    #[error(transparent)]
    Bucket(#[from] muscall_bucket::BucketError),
    /// A part of a shard in a bucket did not come while its headers were read.
    #[error("{path}: the shard cannot be read to its end: {reason}; check the network and the bucket, and start again")]
    ShardAway {
        /// The address.
        path: PathBuf,
        /// What the store says.
        reason: String,
    },
    /// A shard is damaged.
    #[error("{path}: the shard cannot be used: {reason}; make it anew, or copy it again")]
    Shard {
        /// The tar file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A member of a shard is none that can be used.
    #[error("{path}: member {member}: {reason}; make the shard without it, or mend it")]
    Member {
        /// The tar file.
        path: PathBuf,
        /// Its name there.
        member: String,
        /// What is wrong.
        reason: String,
    },
    /// A row of a manifest lacks something.
    #[error("{path}: row {row}: no `{key}`; found {found}; {remedy}")]
    MissingKey {
        /// The manifest.
        path: PathBuf,
        /// From 1; in files with a header, the line.
        row: usize,
        /// What the row should have.
        key: String,
        /// The keys that are there.
        found: String,
        /// What to do.
        remedy: String,
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
    /// The size of a batch, or how batches are made, is out of range.
    #[error("recipe: `{field}` is {found}; it must be {expected}")]
    OutOfRange {
        /// The field of a recipe, such as `data.threads`.
        field: &'static str,
        /// Its value.
        found: usize,
        /// What is allowed.
        expected: &'static str,
    },
}

impl DataError {
    /// Of a CSV file: what helps depends on whether it is the disk, the encoding or the commas.
    pub(crate) fn csv(path: &Path, source: csv::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            csv::ErrorKind::Utf8 { pos, .. } => {
                let line = pos.as_ref().map_or(1, csv::Position::line) as usize;
                Self::NotUtf8 { path, line }
            }
            csv::ErrorKind::Io(_) => FileError::reading(&path)(source.into()).into(),
            _ => Self::Csv { path, source },
        }
    }

    /// The row of a manifest that it is about, from 1; in files with a header, the line.
    pub fn row(&self) -> Option<usize> {
        match self {
            Self::MissingKey { row, .. }
            | Self::BrokenRow { row, .. }
            | Self::WrongType { row, .. }
            | Self::Times { row, .. }
            | Self::EmptyCaption { row, .. }
            | Self::Split { row, .. }
            | Self::DuplicateId { row, .. } => Some(*row),
            Self::NotUtf8 { line, .. } => Some(*line),
            _ => None,
        }
    }

    /// Whether a number that steers a loader is at least 1.
    pub(crate) fn check_positive(found: usize, field: &'static str) -> Result<(), Self> {
        match found {
            0 => Err(Self::OutOfRange { field, found, expected: "at least 1" }),
            _ => Ok(()),
        }
    }
}
