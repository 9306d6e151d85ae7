//! Rows that are held out of a manifest that has no split.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use muscall_audio::FileState;
use muscall_files::FileError;
use rayon::prelude::*;
use serde_json::json;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Manifest;
use crate::DataError;

impl Manifest {
    /// The same manifest without these rows, which another one has.
    #[must_use]
    pub fn without(&self, others: &Self) -> Self {
        let known: HashSet<&str> = others.rows.iter().map(|row| row.id.as_str()).collect();
        let rows = self.rows.iter().filter(|row| !known.contains(row.id.as_str())).cloned().collect();
        Self { rows, source: self.source.clone() }
    }

    /// The rows as a manifest, a JSON object per line: what [`read`](Self::read) reads, with absolute paths.
    ///
    /// # Errors
    /// [`DataError::Io`] if a path has no absolute form.
    pub fn to_jsonl(&self) -> Result<String, DataError> {
        let mut lines = String::new();
        for row in &self.rows {
            let audio = std::path::absolute(&row.audio).map_err(FileError::reading(&row.audio))?;
            let mut line = json!({ "id": row.id, "audio": audio, "captions": row.captions });
            let (start_s, end_s) = (row.part.map(|part| part.start_s()), row.part.and_then(|part| part.end_s()));
            for (key, value) in [("start_s", start_s), ("end_s", end_s)] {
                if let Some(value) = value {
                    line[key] = json!(value);
                }
            }
            for (key, value) in [("label", &row.label), ("source", &row.origin)] {
                if let Some(value) = value {
                    line[key] = json!(value);
                }
            }
            lines += &(line.to_string() + "\n");
        }
        Ok(lines)
    }

    /// Takes some of the rows away, about this part of them: what is left to train on, and what is held out.
    ///
    /// Parts of one file, and files of the same content, stay on one side, so that nothing is held out that was heard.
    /// Copies in another format are not known. The same manifest and seed give the same rows, in the order of the
    /// manifest, wherever the files lie.
    ///
    /// # Errors
    /// [`DataError::HeldOut`] if the part is not between 0 and 1, or there is but one recording.
    pub fn hold_out(&self, part: f64, seed: u64) -> Result<(Self, Self), DataError> {
        let refused = |found: String, expected| DataError::HeldOut { path: self.source.clone(), found, expected };
        if !(part > 0.0 && part < 1.0) {
            return Err(refused(format!("the part {part}"), "a number between 0 and 1, such as 0.1"));
        }
        let mut files: Vec<&Path> = self.rows.iter().map(|row| row.audio.as_path()).collect();
        files.sort_unstable();
        files.dedup();
        let places: HashMap<&Path, u64> = files.into_par_iter().map(|file| (file, place(file, seed))).collect();
        let mut recordings: Vec<(u64, usize)> = Vec::new();
        for row in &self.rows {
            recordings.push((places[row.audio.as_path()], 1));
        }
        recordings.sort_unstable();
        recordings.dedup_by(|next, kept| {
            next.0 == kept.0 && {
                kept.1 += next.1;
                true
            }
        });
        if recordings.len() < 2 {
            return Err(refused("rows of one recording".to_owned(), "two recordings or more"));
        }
        // The first ones, in the order of their places, until there are enough.
        let wanted = (part * self.rows.len() as f64).round().max(1.0) as usize;
        let (mut held, mut limit) = (0, 0);
        for &(place, rows) in &recordings[..recordings.len() - 1] {
            if held >= wanted {
                break;
            }
            (held, limit) = (held + rows, place);
        }
        let (out, left) = self.rows.iter().cloned().partition(|row| places[row.audio.as_path()] <= limit);
        let of = |rows| Self { rows, source: self.source.clone() };
        Ok((of(left), of(out)))
    }
}

/// Where a file comes in the order in which files are held out: the same for the same content. A file that can't be read
/// goes by its name.
fn place(file: &Path, seed: u64) -> u64 {
    let state = FileState::with_probe(file).ok().filter(|state| state.probe != 0);
    let bytes = state.map_or_else(
        || file.file_name().unwrap_or_default().as_encoded_bytes().to_vec(),
        |state| [state.bytes.to_le_bytes(), state.probe.to_le_bytes()].concat(),
    );
    xxh3_64_with_seed(&bytes, seed)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use muscall_audio::Part;

    use super::*;
    use crate::manifest::{Row, Split};

    #[test]
    fn recordings_stay_whole_and_the_rows_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let mut rows = Vec::new();
        for i in 0..40 {
            let file = dir.path().join(format!("{i}.wav"));
            std::fs::write(&file, format!("recording {}", i / 2)).unwrap();
            for cut in 0..3 {
                let mut row = Row::new(format!("{i}-{cut}"), &file, vec!["words".to_owned()]);
                row.part = Some(Part::new(f64::from(cut), Some(f64::from(cut) + 1.0)).unwrap());
                rows.push(row);
            }
        }
        let manifest = Manifest { rows, source: "m.jsonl".into() };
        let (train, held) = manifest.hold_out(0.1, 0).unwrap();
        assert_eq!(train.rows.len() + held.rows.len(), 120);
        assert_eq!(held.rows.len(), 12, "two recordings of two files with three cuts");
        let content = |row: &Row| std::fs::read(&row.audio).unwrap();
        assert!(held.rows.iter().all(|held| train.rows.iter().all(|row| content(row) != content(held))));
        assert_eq!(manifest.hold_out(0.1, 0).unwrap().1, held);
        // What was held out can be written down, and is then the same whatever becomes of files.
        let list = dir.path().join("held_out.jsonl");
        std::fs::write(&list, held.to_jsonl().unwrap()).unwrap();
        let again = Manifest::read(&list, Split::Val).unwrap();
        assert_eq!(again.rows, held.rows);
        assert_eq!(manifest.without(&again), train);
        assert_ne!(manifest.hold_out(0.1, 1).unwrap().1, held);
        let (train, held) = manifest.hold_out(0.999, 0).unwrap();
        assert!(!train.rows.is_empty() && held.rows.len() == 114);
        for part in [0.0, 1.0, -1.0, f64::NAN] {
            assert!(matches!(manifest.hold_out(part, 0), Err(DataError::HeldOut { .. })));
        }
        let one = Manifest { rows: manifest.rows[..6].to_vec(), source: "m.jsonl".into() };
        assert!(one.hold_out(0.5, 0).unwrap_err().to_string().contains("one recording"));
    }
}
