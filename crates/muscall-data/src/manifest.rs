//! Which audio goes with which words.

mod collect;
mod columns;
pub(crate) mod examined;
mod fetched;
mod folder;
mod held_out;
pub(crate) mod hint;
mod list_cell;
mod names;
mod published;
mod raw;
mod row;
mod row_numbers;
mod rows;
mod split;
mod splits;
mod table;
mod times;

use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use crate::DataError;
pub use columns::Columns;
pub(crate) use names::AUDIO as AUDIO_KEYS;
pub(crate) use published::song_describer_file;
use raw::RawManifest;
pub use row::{Row, Stored};
pub use row_numbers::RowNumbers;
pub(crate) use rows::{RawRow, row, set_caption};
pub use split::Split;
use splits::each_split;

/// Tracks with captions, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The tracks.
    pub rows: Vec<Row>,
    /// The file or folder they were read from.
    pub source: PathBuf,
}

impl Manifest {
    /// Reads the rows of one split.
    ///
    /// `path` is a `.jsonl`, `.json`, `.csv` or `.tsv` file, one or more shards (`music-{000..127}.tar`), or a folder: of shards, in the released layout
    /// (`dataset_{train,val,test}.json` and `audio/`), with a table `metadata.csv` or `.jsonl` for all or in a folder of each
    /// split, or with a `.txt` or `.json` beside each audio file. A row has `audio` (or `audio_path`, `file`,
    /// `file_name`, `path`, `filepath` …), `caption` or `captions` (or `caption_1`, `caption_2` …; else `text`,
    /// `description` or `prompt`), and maybe `id` (or `audio_id`), `split`, `label` and `source`; other keys are left alone. Paths are
    /// relative to the manifest. Some public data sets are known by names of their own (`docs/DATASETS.md`). Rows with
    /// the same id are one track with several captions. A manifest without splits gives all its rows, whatever split
    /// is asked for.
    ///
    /// A row may be a part of its file: from `start_s` to `end_s` (or `start_time` and `end_time`, `start` and `end`,
    /// `offset` and `duration`), in seconds. A `duration` without a start is the length of the file.
    ///
    /// # Errors
    /// [`DataError`] with the file, the row, what was found and what to do.
    pub fn read(path: &Path, split: Split) -> Result<Self, DataError> {
        Self::read_with(path, split, &Columns::default())
    }

    /// The same where columns are called otherwise.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_with(path: &Path, split: Split, columns: &Columns) -> Result<Self, DataError> {
        let mut collected = RawManifest::read(path, split, columns)?.collected;
        if let Some(error) = collected.first_error(split) {
            return Err(error);
        }
        let found = collected.into_splits(&[split])?.pop();
        Ok(Self { rows: found.map_or_else(Vec::new, |(_, rows, _)| rows), source: path.to_owned() })
    }

    /// Reads every split that there is: those without a row, or without a file in a folder, are left out. A manifest
    /// without splits is one, [`Split::Train`].
    ///
    /// # Errors
    /// As [`read`](Self::read), and if there is no split at all.
    pub fn read_splits(path: &Path) -> Result<Vec<(Split, Self)>, DataError> {
        Self::read_splits_with(path, &Columns::default())
    }

    /// The same where columns are called otherwise.
    ///
    /// # Errors
    /// As [`read_splits`](Self::read_splits).
    pub fn read_splits_with(path: &Path, columns: &Columns) -> Result<Vec<(Split, Self)>, DataError> {
        let splits = each_split(path, &Split::ALL, columns, &mut |mut collected, _| match collected
            .take_errors()
            .into_iter()
            .next()
        {
            Some(error) => Err(error),
            None => Ok(collected),
        })?;
        let manifest = |(split, rows, _)| (split, Self { rows, source: path.to_owned() });
        Ok(splits.into_iter().map(manifest).collect())
    }

    /// Identifies ids, parts and captions, 16 hexadecimal digits; where the files lie does not matter.
    pub fn fingerprint(&self) -> String {
        let mut hash = Xxh3::new();
        for row in &self.rows {
            for text in std::iter::once(&row.id).chain(&row.captions) {
                hash.update(&(text.len() as u64).to_le_bytes());
                hash.update(text.as_bytes());
            }
            // Rows that are whole files have the same name as ever.
            if let Some(part) = row.part {
                hash.update(part.to_string().as_bytes());
            }
            hash.update(&[0xff]);
        }
        format!("{:016x}", hash.digest())
    }
}
