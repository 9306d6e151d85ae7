//! Folders that are data sets.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use muscall_audio::audio_files;
use serde_json::{Map, Value};

use super::columns::Columns;
use super::rows::{RawRow, row, set_caption};
use super::split::Split;
use crate::read_text::read_text;
use crate::{DataError, shards};

/// Tables of a folder of audio, as the hub of Hugging Face has them.
const TABLES: [&str; 4] = ["metadata.csv", "metadata.jsonl", "metadata.tsv", "metadata.json"];

/// How a folder says what its audio is.
pub(super) enum Layout {
    /// By a file for the split alone: the released layout, or a folder for each split with a table.
    OfSplit(PathBuf),
    /// By a table of all of it.
    Table(PathBuf),
    /// By shards, which hold both.
    Shards(Vec<PathBuf>),
    /// By a text beside each file.
    Beside(Beside),
}

/// Rows of audio files with a text beside them.
pub(super) struct Beside {
    pub(super) rows: Vec<Result<RawRow, DataError>>,
    /// Files without one, relative to the folder.
    pub(super) without_text: Vec<String>,
}

impl Layout {
    /// Of a folder; nothing if it has none, or not this split.
    pub(super) fn of(folder: &Path, split: Split, columns: &Columns) -> Option<Self> {
        let of_split = |split: Split| {
            let released = folder.join(format!("dataset_{}.json", split.name()));
            let tables = split.names().iter().flat_map(|name| TABLES.map(|table| folder.join(name).join(table)));
            std::iter::once(released).chain(tables).find(|file| file.is_file())
        };
        if let Some(file) = of_split(split) {
            return Some(Self::OfSplit(file));
        }
        if [Split::Train, Split::Val, Split::Test].into_iter().any(|other| of_split(other).is_some()) {
            return None;
        }
        if let Some(file) = TABLES.map(|table| folder.join(table)).into_iter().find(|file| file.is_file()) {
            return Some(Self::Table(file));
        }
        let beside = beside(folder, columns);
        if !beside.rows.is_empty() {
            return Some(Self::Beside(beside));
        }
        let shards = shards::in_folder(folder);
        (!shards.is_empty()).then_some(Self::Shards(shards))
    }
}

/// Whether a file is a table in Parquet or Arrow, by its name.
pub(super) fn is_columnar(file: &Path) -> bool {
    file.extension().and_then(OsStr::to_str).is_some_and(|extension| matches!(extension, "parquet" | "arrow"))
}

/// The first file in Parquet or Arrow of a folder, or of the folder `data` where the hub of Hugging Face has them.
pub(super) fn columnar_file(folder: &Path) -> Option<PathBuf> {
    let files = |folder: PathBuf| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let of = |folder: PathBuf| files(folder).filter(|file| is_columnar(file)).min();
    of(folder.to_owned()).or_else(|| of(folder.join("data")))
}

/// Rows of audio files with a text of the same name beside them: `.txt`, which is a caption, or `.json`, which is a row
/// without the name of the file. If the folder has one folder for each split, that is the split.
fn beside(folder: &Path, columns: &Columns) -> Beside {
    let files = audio_files(folder);
    let names = files.iter().filter_map(|file| Some((file, file.strip_prefix(folder).ok()?.to_str()?)));
    let (mut rows, mut without_text) = (Vec::new(), Vec::new());
    for (file, name) in names {
        match row_beside(file, name, rows.len() + 1, columns) {
            Some(row) => rows.push(row),
            None => without_text.push(name.to_owned()),
        }
    }
    split_by_folder(&mut rows);
    Beside { rows, without_text }
}

/// Takes the first folder of each path for the split, if no row has one and all folders are called after splits.
pub(super) fn split_by_folder(rows: &mut [Result<RawRow, DataError>]) {
    if rows.iter().flatten().all(|row| row.split.is_none() && split_folder(row).is_some()) {
        rows.iter_mut().flatten().for_each(|row| row.split = split_folder(row));
    }
}

/// The same by what the shards of `path` are called, such as `train-000.tar` or `train/000.tar`.
pub(super) fn split_by_shard(path: &Path, rows: &mut [Result<RawRow, DataError>]) {
    // The folder of all of them says nothing.
    let folder =
        |row: &RawRow| row.stored.as_ref().and_then(|stored| stored.archive.path().parent()).map(Path::to_owned);
    let folders: HashSet<PathBuf> = rows.iter().flatten().filter_map(folder).filter(|folder| folder != path).collect();
    let by_folder = shards::is_folder(path) || folders.len() > 1;
    let split = |row: &RawRow| split_of_shard(row, |folder| by_folder && folder != path);
    if rows.iter().flatten().all(|row| row.split.is_none() && split(row).is_some()) {
        rows.iter_mut().flatten().for_each(|row| row.split = split(row));
    }
}

/// The split that a shard is called after: itself up to its number, or its folder if that counts.
fn split_of_shard(row: &RawRow, counts: impl Fn(&Path) -> bool) -> Option<String> {
    let shard = row.stored.as_ref()?.archive.path();
    let own = shard.file_stem()?.to_str()?.split(|letter: char| !letter.is_alphabetic()).next();
    let folder = shard.parent().filter(|folder| counts(folder)).and_then(Path::file_name).and_then(OsStr::to_str);
    [own, folder].into_iter().flatten().find(|name| Split::parse(name).is_some()).map(str::to_owned)
}

/// The split that the first folder of a row's path is called after.
fn split_folder(row: &RawRow) -> Option<String> {
    row.audio.split(['/', '\\']).next().filter(|name| Split::parse(name).is_some()).map(str::to_owned)
}

/// The row of one file; nothing without a text.
fn row_beside(file: &Path, name: &str, number: usize, columns: &Columns) -> Option<Result<RawRow, DataError>> {
    let (text, json) = (file.with_extension("txt"), file.with_extension("json"));
    let read_object = |path: &Path| -> Result<Map<String, Value>, DataError> {
        let text = read_text(path)?;
        if path.extension().is_some_and(|extension| extension == "txt") {
            let mut object = Map::new();
            set_caption(&mut object, columns, text);
            return Ok(object);
        }
        serde_json::from_str(&text).map_err(|source| DataError::Json { path: path.to_owned(), source })
    };
    let path = [text, json].into_iter().find(|path| path.is_file())?;
    Some(read_object(&path).and_then(|mut object| {
        object.insert(columns.audio()[0].to_owned(), name.into());
        row(&path, number, Value::Object(object), columns)
    }))
}
