//! Rows that are held out of a manifest that has no split.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::Path;

use muscall_audio::FileState;
use muscall_files::FileError;
use rayon::prelude::*;
use serde_json::json;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{Manifest, Row, Stored};
use crate::DataError;
use crate::shards::together;

impl Manifest {
    /// Takes the rows of these ids away: what is left, and what was taken.
    #[must_use]
    pub fn take_out(&self, ids: &HashSet<String>) -> (Self, Self) {
        let (out, left) = self.rows.iter().cloned().partition(|row| ids.contains(&row.id));
        (self.of(left), self.of(out))
    }

    fn of(&self, rows: Vec<Row>) -> Self {
        Self { rows, source: self.source.clone() }
    }

    /// The rows as a manifest, a JSON object per line: what [`read`](Self::read) reads, with absolute paths.
    ///
    /// # Errors
    /// [`DataError::Io`] if a path has no absolute form, [`DataError::HeldOut`] if it is no text.
    pub fn to_jsonl(&self) -> Result<String, DataError> {
        let mut lines = String::new();
        for row in &self.rows {
            let absolute = |path: &Path| match row.is_remote() {
                true => Ok(path.to_owned()),
                false => std::path::absolute(path).map_err(FileError::reading(path)),
            };
            let audio = absolute(&row.audio)?;
            let Some(audio) = audio.to_str() else {
                let (path, found) = (self.source.clone(), format!("{}, a path that is not UTF-8", audio.display()));
                return Err(DataError::HeldOut { path, found, expected: "names in UTF-8" });
            };
            let mut line = json!({ "id": row.id, "audio": audio, "captions": row.captions });
            let (start_s, end_s) = (row.part.map(|part| part.start_s()), row.part.and_then(|part| part.end_s()));
            // Without a start it is the length of the file.
            let length_s = row.length.filter(|_| start_s.is_none()).map(|length| length.as_secs_f64());
            for (key, value) in [("start_s", start_s), ("end_s", end_s), ("duration", length_s)] {
                if let Some(value) = value {
                    line[key] = json!(value);
                }
            }
            if let Some(Stored { archive, at, bytes }) = &row.stored {
                let archive = absolute(archive.path())?;
                line["stored"] = json!({ "archive": archive.to_string_lossy(), "at": at, "bytes": bytes });
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
        let mut files: Vec<&Row> = self.rows.iter().collect();
        files.sort_unstable_by_key(|row| &row.audio);
        files.dedup_by_key(|row| &row.audio);
        let ranked = || files.into_par_iter().map(|row| (row.audio.as_path(), rank(row, seed))).collect();
        let order: HashMap<&Path, u64> = together(self.rows.iter().any(Row::is_remote), ranked);
        let mut recordings: BTreeMap<u64, usize> = BTreeMap::new();
        for row in &self.rows {
            *recordings.entry(order[row.audio.as_path()]).or_default() += 1;
        }
        if recordings.len() < 2 {
            return Err(refused("rows of one recording".to_owned(), "two recordings or more"));
        }
        // The first ones, until there are enough; the last one is always left.
        let wanted = (part * self.rows.len() as f64).round().max(1.0) as usize;
        let (mut held, mut limit) = (0, 0);
        for (&rank, &rows) in recordings.iter().take(recordings.len() - 1) {
            if held >= wanted {
                break;
            }
            (held, limit) = (held + rows, rank);
        }
        let (out, left) = self.rows.iter().cloned().partition(|row| order[row.audio.as_path()] <= limit);
        Ok((self.of(left), self.of(out)))
    }
}

/// Where a file comes in the order in which files are held out: the same for the same content. A file that can't be read
/// goes by its name.
fn rank(row: &Row, seed: u64) -> u64 {
    let content = if row.stored.is_some() {
        start_of(row).ok()
    } else {
        let state = FileState::with_probe(&row.audio).ok().filter(|state| state.probe != 0);
        state.map(|state| [state.bytes.to_le_bytes(), state.probe.to_le_bytes()].concat())
    };
    let bytes = content.unwrap_or_else(|| row.audio.file_name().unwrap_or_default().as_encoded_bytes().to_vec());
    xxh3_64_with_seed(&bytes, seed)
}

/// The length of a member of a shard, and its first bytes.
fn start_of(row: &Row) -> io::Result<Vec<u8>> {
    const BYTES: u64 = 1 << 16;
    Ok([&row.size()?.to_le_bytes()[..], &row.first_bytes(BYTES)?].concat())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use muscall_audio::Part;

    use super::*;
    use crate::manifest::Split;

    #[test]
    fn recordings_stay_whole_and_the_rows_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let mut rows = Vec::new();
        for i in 0..40 {
            let file = dir.path().join(format!("{i}.wav"));
            std::fs::write(&file, format!("recording {}", i / 2)).unwrap();
            for cut in 0..3 {
                let mut row = Row::new(format!("{i}-{cut}"), &file, vec!["words".to_owned()]);
                row.label = Some("tone".to_owned());
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
        let ids = again.rows.iter().map(|row| row.id.clone()).collect();
        assert_eq!(manifest.take_out(&ids), (train.clone(), held.clone()));
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
