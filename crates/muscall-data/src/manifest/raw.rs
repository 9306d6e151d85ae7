//! Rows of a manifest as they are written, and what becomes of them.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use muscall_audio::Part;
use muscall_files::FileError;
use rayon::prelude::*;

use super::columns::Columns;
use super::folder::{Beside, Layout, split_by_folder, split_by_shard};
use super::row::Row;
use super::rows::{self, RawRow};
use super::split::Split;
use super::table;
use super::times::Times;
use crate::{DataError, shards};

/// What stands in a manifest.
pub(super) struct RawManifest {
    /// Each row, or what is wrong with it.
    rows: Vec<Result<RawRow, DataError>>,
    /// For errors.
    file: PathBuf,
    /// What paths are relative to.
    folder: PathBuf,
    /// Whether there is a file for each split.
    is_of_split: bool,
}

impl RawManifest {
    /// # Errors
    /// If the file as a whole cannot be read.
    pub(super) fn read(path: &Path, split: Split, columns: &Columns) -> Result<Self, DataError> {
        if let Some(shards) = shards::named(path)? {
            return Self::of_shards(path, shards, columns);
        }
        let io = FileError::reading(path);
        let metadata = fs::metadata(path).map_err(io)?;
        // Opening a pipe could wait for ever.
        if !metadata.is_dir() && !metadata.is_file() {
            return Err(DataError::UnknownManifest { path: path.to_owned() });
        }
        let (file, is_of_split) = match metadata.is_dir().then(|| Layout::of(path, split, columns)) {
            None => (path.to_owned(), false),
            Some(None) => return Err(DataError::UnknownManifest { path: path.to_owned() }),
            Some(Some(Layout::OfSplit(file))) => (file, true),
            Some(Some(Layout::Table(file))) => (file, false),
            Some(Some(Layout::Shards(shards))) => return Self::of_shards(path, shards, columns),
            Some(Some(Layout::Beside(Beside(rows)))) => {
                let (file, folder) = (path.to_owned(), path.to_owned());
                return Ok(Self { rows, file, folder, is_of_split: false });
            }
        };
        let extension = file.extension().unwrap_or_default().to_ascii_lowercase();
        let mut rows = match extension.to_str() {
            Some("jsonl" | "ndjson") => rows::read_lines(&file, columns)?,
            Some("json") => rows::read_list(&file, columns)?,
            Some("csv") => table::read(&file, b',', columns)?,
            Some("tsv" | "tab") => table::read(&file, b'\t', columns)?,
            _ => return Err(DataError::UnknownManifest { path: file }),
        };
        if metadata.is_dir() && !is_of_split {
            split_by_folder(&mut rows);
        }
        let folder = audio_folder(&file);
        Ok(Self { rows, file, folder, is_of_split })
    }

    /// Rows of shards, in their order.
    fn of_shards(path: &Path, shards: Vec<PathBuf>, columns: &Columns) -> Result<Self, DataError> {
        let read: Result<Vec<_>, _> = shards.par_iter().map(|shard| shards::read(shard, columns)).collect();
        let mut rows: Vec<_> = read?.into_iter().flatten().collect();
        split_by_shard(&mut rows);
        let (file, folder) = (path.to_owned(), path.to_owned());
        Ok(Self { rows, file, folder, is_of_split: false })
    }

    /// Whether there are other splits.
    pub(super) fn has_splits(&self) -> bool {
        self.is_of_split || self.rows.iter().flatten().any(|row| row.split.is_some())
    }

    /// Rows of one split, and for each the rows of the manifest that its captions are of. What is wrong goes to `bad`, which passes over it or
    /// gives the error to end with.
    pub(super) fn collect(
        self,
        split: Split,
        bad: &mut dyn FnMut(DataError) -> Result<(), DataError>,
    ) -> Result<(Vec<Row>, Vec<Vec<usize>>), DataError> {
        let has_splits = self.rows.iter().flatten().any(|row| row.split.is_some());
        let Self { rows: raw, file, folder, .. } = self;
        if raw.is_empty() {
            return Err(DataError::EmptyManifest { path: file });
        }
        let (mut rows, mut numbers) = (Vec::<Row>::new(), Vec::<Vec<usize>>::new());
        let mut by_id: HashMap<(String, Option<Part>), usize> = HashMap::new();
        // The file that an id stands for, and whether it does so for parts of it.
        let mut files: HashMap<String, (usize, bool)> = HashMap::new();
        for row in raw {
            let row = match row {
                Ok(row) => row,
                Err(error) => {
                    bad(error)?;
                    continue;
                }
            };
            if has_splits {
                let name = row.split.clone().unwrap_or_default();
                let Some(own) = Split::parse(&name) else {
                    bad(DataError::Split { path: file.clone(), row: row.number, found: format!("{name:?}") })?;
                    continue;
                };
                if own != split {
                    continue;
                }
            }
            let audio = if row.stored.is_some() { row.audio.clone().into() } else { place(&folder, &row.audio) };
            let is_path = row.id == row.audio;
            let Times { part, length } = row.times;
            let (first, has_parts) = files.entry(row.id.clone()).or_insert((rows.len(), is_path && part.is_some()));
            if let Some(earlier) = rows.get(*first) {
                if earlier.audio != audio {
                    let other = earlier.audio.clone();
                    bad(DataError::DuplicateId { path: file.clone(), row: row.number, id: row.id, other })?;
                    continue;
                }
                *has_parts |= earlier.part != part;
            }
            match by_id.get(&(row.id.clone(), part)) {
                None => {
                    by_id.insert((row.id.clone(), part), rows.len());
                    let RawRow { number, id, captions, label, source: origin, stored, .. } = row;
                    numbers.push(vec![number; captions.len()]);
                    rows.push(Row { id, audio, stored, part, length, captions, label, origin });
                }
                Some(&earlier) => {
                    numbers[earlier].extend(row.captions.iter().map(|_| row.number));
                    rows[earlier].captions.extend(row.captions);
                }
            }
        }
        for row in &mut rows {
            if let (Some(part), Some((_, true))) = (row.part, files.get(&row.id)) {
                row.id += &part.to_string();
            }
        }
        if rows.is_empty() {
            return Err(DataError::EmptySplit { path: file, split: split.name() });
        }
        Ok((rows, numbers))
    }
}

/// The file that a row names. One written on Windows names folders by backslashes, which are letters elsewhere.
fn place(folder: &Path, name: &str) -> PathBuf {
    let place = folder.join(name);
    if cfg!(not(windows)) && name.contains('\\') && !place.exists() {
        let other = folder.join(name.replace('\\', "/"));
        if other.exists() {
            return other;
        }
    }
    place
}

/// What the paths of a manifest are relative to: its folder, or `audio/` beside it in the released
/// layout.
fn audio_folder(file: &Path) -> PathBuf {
    let folder = file.parent().unwrap_or(Path::new(""));
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let audio = folder.join("audio");
    if name.starts_with("dataset_") && name.ends_with(".json") && audio.is_dir() {
        return audio;
    }
    folder.to_owned()
}
