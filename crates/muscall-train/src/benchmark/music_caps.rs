//! MusicCaps: captions of clips that the user has found.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use csv::ReaderBuilder;

use super::{Benchmark, BenchmarkData, Task, check_folder, present};
use crate::TrainError;
use crate::manifest::{Manifest, Row, Split};

/// 5,521 captions of ten seconds each; audio is what the user has as `<ytid>.<ext>`, or with
/// `[start-end]` behind the id. Test is AudioSet's evaluation part.
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

    fn read(&self, root: &Path, split: Split) -> Result<BenchmarkData, TrainError> {
        check_folder(root)?;
        let path = root.join("musiccaps-public.csv");
        let rows = read_table(&path, ["ytid", "is_audioset_eval", "caption"])?;
        let audio = audio_by_id(root);
        let is_evaluation = |flag: &str| flag.trim().eq_ignore_ascii_case("true");
        let wanted = rows.into_iter().filter(|[_, flag, _]| is_evaluation(flag) == (split == Split::Test));
        let row = |[id, _, caption]: [String; 3]| {
            let place = audio.get(id.as_str()).cloned().unwrap_or_else(|| root.join(format!("{id}.wav")));
            (place, (id, caption))
        };
        retrieval(root, &path, wanted.map(row).collect())
    }
}

/// Audio files under the root, by the id that their name starts with. Ids have eleven characters,
/// which may be hyphens or underscores.
fn audio_by_id(root: &Path) -> HashMap<String, PathBuf> {
    const LENGTH: usize = 11;
    let id = |path: PathBuf| {
        let name = path.file_stem()?.to_string_lossy().into_owned();
        Some((name.get(..LENGTH)?.to_owned(), path))
    };
    muscall_audio::audio_files(root).into_iter().filter_map(id).collect()
}

/// Three columns of a CSV file.
pub(super) fn read_table(path: &Path, names: [&'static str; 3]) -> Result<Vec<[String; 3]>, TrainError> {
    let csv = |source| TrainError::csv(path, source);
    let mut reader = ReaderBuilder::new().from_path(path).map_err(csv)?;
    let header = reader.headers().map_err(csv)?.clone();
    let mut columns = [0; 3];
    for (column, key) in columns.iter_mut().zip(names) {
        let place = header.iter().position(|name| name.trim_start_matches('\u{feff}').trim() == key);
        let found = || header.iter().collect::<Vec<_>>().join(", ");
        *column = place.ok_or_else(|| TrainError::MissingKey { path: path.to_owned(), row: 1, key, found: found() })?;
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
) -> Result<BenchmarkData, TrainError> {
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
                rows.push(Row { id, audio, captions: vec![caption], label: None });
            }
        }
    }
    Ok(BenchmarkData { task: Task::Retrieval(Manifest { rows, source: source.to_owned() }), missing })
}
