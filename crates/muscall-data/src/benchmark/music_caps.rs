//! MusicCaps: captions of clips that the user has found.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use muscall_audio::{DecodeOptions, Part, count_frames, probe};

use super::{Benchmark, BenchmarkData, Task, check_folder, present};
use crate::DataError;
use crate::delimited::{self, Dialect};
use crate::manifest::{Manifest, Row, Split};

/// 5,521 captions of ten seconds each; audio is what the user has as `<ytid>.<ext>`, or with
/// `[start-end]` behind the id, which may be in brackets, too. Test is AudioSet's evaluation part.
///
/// `start_s` and `end_s` are times in the recording. A file that goes on to `end_s` is the recording, of which that part
/// is taken; a shorter one is the clip, cut already.
///
/// # Source
/// Agostinelli et al. 2023.
#[derive(Debug, Clone, Copy)]
pub struct MusicCaps;

impl Benchmark for MusicCaps {
    fn name(&self) -> &'static str {
        "musiccaps"
    }

    fn is_at(&self, root: &Path) -> bool {
        root.join("musiccaps-public.csv").is_file()
    }

    fn read(&self, root: &Path, split: Split) -> Result<BenchmarkData, DataError> {
        check_folder(root)?;
        let path = root.join("musiccaps-public.csv");
        let rows = read_table(&path, ["ytid", "is_audioset_eval", "caption", "start_s", "end_s"])?;
        let audio = audio_by_id(root);
        let is_evaluation = |flag: &str| flag.trim().eq_ignore_ascii_case("true");
        let wanted = rows.into_iter().filter(|[_, flag, ..]| is_evaluation(flag) == (split == Split::Test));
        let mut parts = HashMap::new();
        let row = |[id, _, caption, start_s, end_s]: [String; 5]| {
            let place = audio.get(id.as_str()).cloned().unwrap_or_else(|| root.join(format!("{id}.wav")));
            parts.insert(id.clone(), part(&start_s, &end_s));
            (place, (id, caption))
        };
        let mut data = retrieval(root, &path, wanted.map(row).collect())?;
        if let Task::Retrieval(manifest) = &mut data.task {
            for row in &mut manifest.rows {
                let part = parts.get(&row.id).copied().flatten();
                row.part = part.filter(|part| part.end_s().is_some_and(|end_s| goes_on_to(&row.audio, end_s)));
            }
        }
        Ok(data)
    }
}

fn part(start_s: &str, end_s: &str) -> Option<Part> {
    Part::new(start_s.parse().ok()?, Some(end_s.parse().ok()?)).ok()
}

/// Whether a file is that long, to a tenth of a second; what cannot be read is reported when it is loaded.
fn goes_on_to(path: &Path, end_s: f64) -> bool {
    let options = DecodeOptions::default();
    let length_s = || {
        let frames = count_frames(path, &options).ok()?;
        Some(frames as f64 / f64::from(probe(path, &options).ok()?.sample_rate))
    };
    length_s().is_some_and(|length_s| length_s >= end_s - 0.1)
}

/// Audio files under the root, by the id that their name starts with. Ids have eleven characters,
/// which may be hyphens or underscores. Files of LP-MusicCaps are called `[<ytid>]-[30-40].wav`.
fn audio_by_id(root: &Path) -> HashMap<String, PathBuf> {
    const LENGTH: usize = 11;
    let id = |path: PathBuf| {
        let name = path.file_stem()?.to_string_lossy().into_owned();
        let name = name.strip_prefix('[').unwrap_or(&name);
        Some((name.get(..LENGTH)?.to_owned(), path))
    };
    muscall_audio::audio_files(root).into_iter().filter_map(id).collect()
}

/// For who has another table, or changed it.
pub(super) const REMEDY: &str = "add it, or rename the column that has it";

/// Some columns of a CSV file.
pub(super) fn read_table<const N: usize>(path: &Path, names: [&'static str; N]) -> Result<Vec<[String; N]>, DataError> {
    let csv = |source| DataError::csv(path, source);
    let mut reader = delimited::open(path, Dialect::new(b','))?;
    let header = reader.headers().map_err(csv)?.clone();
    let mut columns = [0; N];
    for (column, key) in columns.iter_mut().zip(names) {
        let place = header.iter().position(|name| name.trim_start_matches('\u{feff}').trim() == key);
        let found = || header.iter().collect::<Vec<_>>().join(", ");
        *column = place.ok_or_else(|| DataError::MissingKey {
            path: path.to_owned(),
            row: 1,
            key: key.to_owned(),
            found: found(),
            remedy: REMEDY.to_owned(),
        })?;
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(csv)?;
        rows.push(columns.map(|column| record.get(column).unwrap_or_default().trim().to_owned()));
    }
    Ok(rows)
}

/// Captions of tracks as a manifest; rows of one id are one track.
pub(super) fn retrieval(
    root: &Path,
    source: &Path,
    captions: Vec<(PathBuf, (String, String))>,
) -> Result<BenchmarkData, DataError> {
    let (found, mut missing) = present(root, captions)?;
    missing.sort();
    missing.dedup();
    let mut rows: Vec<Row> = Vec::new();
    let mut by_id: HashMap<String, usize> = HashMap::new();
    for (audio, (id, caption)) in found.into_iter().filter(|(_, (_, caption))| !caption.is_empty()) {
        match by_id.get(&id) {
            Some(&row) => rows[row].captions.push(caption),
            None => {
                by_id.insert(id.clone(), rows.len());
                rows.push(Row::new(id, audio, vec![caption]));
            }
        }
    }
    Ok(BenchmarkData { task: Task::Retrieval(Manifest { rows, source: source.to_owned() }), missing })
}
