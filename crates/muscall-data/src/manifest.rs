//! Which audio goes with which words.

mod held_out;
mod rows;
mod table;
mod times;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use muscall_audio::{AudioSource, Part};
use muscall_files::FileError;
use xxhash_rust::xxh3::Xxh3;

use crate::DataError;
pub(crate) use rows::AUDIO_KEYS;
use rows::RawRow;
use times::Times;

/// A track and its captions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Unique in its manifest; the audio path as written, if the manifest has no ids. Where an id or a path stands for
    /// several parts of a file, the part is behind it, as in `mix.wav#t=0,10`.
    pub id: String,
    /// The audio file.
    pub audio: PathBuf,
    /// The part of the file that the captions describe; all of it, if there is none.
    pub part: Option<Part>,
    /// How long the manifest says the file is.
    pub length: Option<Duration>,
    /// At least one; trimmed, not empty.
    pub captions: Vec<String>,
    /// A class such as a genre, for reports; training does not look at it.
    pub label: Option<String>,
    /// The collection that it is from, `source` in manifests; a recipe may say how much of each an epoch has.
    pub origin: Option<String>,
}

impl Row {
    /// A whole file.
    pub fn new(id: impl Into<String>, audio: impl Into<PathBuf>, captions: Vec<String>) -> Self {
        let (id, audio) = (id.into(), audio.into());
        Self { id, audio, part: None, length: None, captions, label: None, origin: None }
    }

    /// What is heard of the file.
    pub fn source(&self) -> AudioSource<'_> {
        AudioSource { path: &self.audio, part: self.part }
    }
}

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Split {
    /// To learn from.
    Train,
    /// To choose the best model by.
    Val,
    /// To report on.
    Test,
}

impl Split {
    fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "train" | "training" => Some(Self::Train),
            "val" | "valid" | "validation" | "dev" => Some(Self::Val),
            "test" => Some(Self::Test),
            _ => None,
        }
    }

    /// As manifests name it: `train`, `val` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }
}

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
    /// `path` is a `.jsonl`, `.json`, `.csv` or `.tsv` file, or a folder in the released layout
    /// (`dataset_{train,val,test}.json` and `audio/`). A row has `audio` (or `audio_path`, `file`,
    /// `file_name`, `path`), `caption` or `captions` (in tables also `caption_1`, `caption_2` …),
    /// and maybe `id` (or `audio_id`), `split`, `label` and `source`; other keys are left alone. Paths are
    /// relative to the manifest. Rows with the same id are one track with several captions. A manifest without
    /// splits gives all its rows, whatever split is asked for.
    ///
    /// A row may be a part of its file: from `start_s` to `end_s` (or `start_time` and `end_time`, `start` and `end`,
    /// `offset` and `duration`), in seconds. A `duration` without a start is the length of the file.
    ///
    /// # Errors
    /// [`DataError`] with the file, the row, what was found and what to do.
    pub fn read(path: &Path, split: Split) -> Result<Self, DataError> {
        Ok(Self::read_one(path, split)?.0)
    }

    /// Reads every split that there is: those without a row, or without a file in a folder, are left out. A manifest
    /// without splits is one, [`Split::Train`].
    ///
    /// # Errors
    /// As [`read`](Self::read), and if there is no split at all.
    pub fn read_splits(path: &Path) -> Result<Vec<(Split, Self)>, DataError> {
        let (mut splits, mut absent) = (Vec::new(), None);
        for split in [Split::Train, Split::Val, Split::Test] {
            match Self::read_one(path, split) {
                Ok((manifest, has_splits)) => {
                    splits.push((split, manifest));
                    if !has_splits {
                        break;
                    }
                }
                Err(error @ (DataError::EmptySplit { .. } | DataError::UnknownManifest { .. })) => {
                    absent.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        match absent {
            Some(error) if splits.is_empty() => Err(error),
            _ => Ok(splits),
        }
    }

    /// The rows of one split, and whether there are others.
    fn read_one(path: &Path, split: Split) -> Result<(Self, bool), DataError> {
        let io = FileError::reading(path);
        let file = if fs::metadata(path).map_err(io)?.is_dir() {
            path.join(format!("dataset_{}.json", split.name()))
        } else {
            path.to_owned()
        };
        if file != path && !file.exists() {
            return Err(DataError::UnknownManifest { path: path.to_owned() });
        }
        let extension = file.extension().unwrap_or_default().to_ascii_lowercase();
        let raw = match extension.to_str() {
            Some("jsonl" | "ndjson") => rows::read_lines(&file)?,
            Some("json") => rows::read_list(&file)?,
            Some("csv") => table::read(&file, b',')?,
            Some("tsv") => table::read(&file, b'\t')?,
            _ => return Err(DataError::UnknownManifest { path: file }),
        };
        let has_splits = file != path || raw.iter().any(|row| row.split.is_some());
        let rows = Self::collect(raw, &file, split)?;
        let source = path.to_owned();
        Ok((Self { rows, source }, has_splits))
    }

    fn collect(raw: Vec<RawRow>, file: &Path, split: Split) -> Result<Vec<Row>, DataError> {
        if raw.is_empty() {
            return Err(DataError::EmptyManifest { path: file.to_owned() });
        }
        let has_splits = raw.iter().any(|row| row.split.is_some());
        let folder = audio_folder(file);
        let mut rows: Vec<Row> = Vec::new();
        let mut by_id: HashMap<(String, Option<Part>), usize> = HashMap::new();
        // The file that an id stands for, and whether it does so for parts of it.
        let mut files: HashMap<String, (usize, bool)> = HashMap::new();
        for row in raw {
            if has_splits {
                let name = row.split.clone().unwrap_or_default();
                let Some(own) = Split::parse(&name) else {
                    let (path, found) = (file.to_owned(), format!("{name:?}"));
                    return Err(DataError::Split { path, row: row.number, found });
                };
                if own != split {
                    continue;
                }
            }
            let audio = folder.join(&row.audio);
            let is_path = row.id == row.audio;
            let Times { part, length } = row.times;
            let (first, has_parts) = files.entry(row.id.clone()).or_insert((rows.len(), is_path && part.is_some()));
            if let Some(earlier) = rows.get(*first) {
                if earlier.audio != audio {
                    let (path, other) = (file.to_owned(), earlier.audio.clone());
                    return Err(DataError::DuplicateId { path, row: row.number, id: row.id, other });
                }
                *has_parts |= earlier.part != part;
            }
            match by_id.get(&(row.id.clone(), part)) {
                None => {
                    by_id.insert((row.id.clone(), part), rows.len());
                    let RawRow { id, captions, label, source: origin, .. } = row;
                    rows.push(Row { id, audio, part, length, captions, label, origin });
                }
                Some(&earlier) => rows[earlier].captions.extend(row.captions),
            }
        }
        for row in &mut rows {
            if let (Some(part), Some((_, true))) = (row.part, files.get(&row.id)) {
                row.id += &part.to_string();
            }
        }
        if rows.is_empty() {
            return Err(DataError::EmptySplit { path: file.to_owned(), split: split.name() });
        }
        Ok(rows)
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
