//! A manifest on the disk, whatever its form, as tracks with captions.

use std::fs;
use std::path::{Path, PathBuf};

use muscall_files::FileError;
use rayon::prelude::*;

use super::collect::{Collected, Collector};
use super::columns::Columns;
use super::folder::{Beside, Layout, columnar_file, is_columnar, split_by_folder, split_by_shard};
use super::hint::Hint;
use super::published::clotho_folder;
use super::rows::{self, RawRow};
use super::split::Split;
use super::table;
use crate::DataError;
use crate::shards::{self, Archives};

/// What stands in a manifest.
pub(super) struct RawManifest {
    /// Of all splits, or of the one that was asked for.
    pub(super) collected: Collected,
    /// Whether there is a file for each split.
    pub(super) is_of_split: bool,
    /// What is odd about it.
    pub(super) hints: Vec<Hint>,
}

impl RawManifest {
    /// # Errors
    /// If the file as a whole cannot be read.
    pub(super) fn read(path: &Path, split: Split, columns: &Columns) -> Result<Self, DataError> {
        let archives = Archives::default();
        if let Some(shards) = shards::named(path, &archives)? {
            return Self::of_shards(path, &shards, &archives, columns);
        }
        let io = FileError::reading(path);
        let metadata = fs::metadata(path).map_err(io)?;
        // Opening a pipe could wait for ever.
        if !metadata.is_dir() && !metadata.is_file() {
            return Err(DataError::UnknownManifest { path: path.to_owned() });
        }
        let (file, is_of_split) = match metadata.is_dir().then(|| Layout::of(path, split, columns)) {
            None => (path.to_owned(), false),
            Some(None) => {
                return Err(match columnar_file(path) {
                    Some(path) => DataError::Parquet { path },
                    None => DataError::UnknownManifest { path: path.to_owned() },
                });
            }
            Some(Some(Layout::OfSplit(file))) => (file, true),
            Some(Some(Layout::Table(file))) => (file, false),
            Some(Some(Layout::Shards(shards))) => return Self::of_shards(path, &shards, &archives, columns),
            Some(Some(Layout::Beside(Beside { rows, without_text: files }))) => {
                let mut raw = Self::of_rows(path, rows)?;
                if !files.is_empty() {
                    raw.hints.push(Hint::WithoutText { path: path.to_owned(), files });
                }
                return Ok(raw);
            }
        };
        let mut collector = Collector::new(file.clone(), audio_folder(&file));
        let mut hints = Vec::new();
        if metadata.is_dir() && !is_of_split {
            let mut rows = Vec::new();
            read_file(&file, columns, &mut hints, &mut |row| rows.push(row))?;
            split_by_folder(&mut rows);
            rows.into_iter().for_each(|row| collector.take(row));
        } else {
            read_file(&file, columns, &mut hints, &mut |row| collector.take(row))?;
        }
        Ok(Self { collected: collector.finish()?, is_of_split, hints })
    }

    /// Rows of shards, in their order.
    fn of_shards(path: &Path, shards: &[PathBuf], archives: &Archives, columns: &Columns) -> Result<Self, DataError> {
        let read = |shard: &PathBuf| archives.open(shard).and_then(|shard| shards::read(&shard, columns));
        let is_remote = shards.iter().any(|shard| shards::is_in_bucket(shard));
        let read = || shards.par_iter().map(read).collect::<Result<Vec<_>, _>>();
        let mut rows: Vec<_> = shards::together(is_remote, read)?.into_iter().flatten().collect();
        (1..).zip(&mut rows).for_each(|(number, row)| row.iter_mut().for_each(|row| row.number = number));
        split_by_shard(path, &mut rows);
        Self::of_rows(path, rows)
    }

    /// Rows whose audio lies below a folder.
    fn of_rows(folder: &Path, rows: Vec<Result<RawRow, DataError>>) -> Result<Self, DataError> {
        let mut collector = Collector::new(folder.to_owned(), folder.to_owned());
        rows.into_iter().for_each(|row| collector.take(row));
        Ok(Self { collected: collector.finish()?, is_of_split: false, hints: Vec::new() })
    }
}

/// Gives each row of a file, or what is wrong with it.
fn read_file(
    file: &Path,
    columns: &Columns,
    hints: &mut Vec<Hint>,
    take: &mut dyn FnMut(Result<RawRow, DataError>),
) -> Result<(), DataError> {
    let extension = file.extension().unwrap_or_default().to_ascii_lowercase();
    match extension.to_str() {
        Some("jsonl" | "ndjson") => rows::read_lines(file, columns, take),
        Some("json") => rows::read_list(file, columns, take),
        Some("csv") => table::read(file, b',', columns, hints, take),
        Some("tsv" | "tab") => table::read(file, b'\t', columns, hints, take),
        _ if is_columnar(file) => Err(DataError::Parquet { path: file.to_owned() }),
        _ => Err(DataError::UnknownManifest { path: file.to_owned() }),
    }
}

/// What the paths of a manifest are relative to: its folder, or `audio/` beside it in the released
/// layout, or the folder that captions of Clotho belong to.
fn audio_folder(file: &Path) -> PathBuf {
    let folder = file.parent().unwrap_or(Path::new(""));
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let audio = folder.join("audio");
    if name.starts_with("dataset_") && name.ends_with(".json") && audio.is_dir() {
        return audio;
    }
    clotho_folder(file).unwrap_or_else(|| folder.to_owned())
}
