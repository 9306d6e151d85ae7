//! MagnaTagATune: fifty tags.

use std::path::{Path, PathBuf};

use super::music_caps::REMEDY;
use super::{Benchmark, BenchmarkData, Task, check_folder, present};
use crate::DataError;
use crate::delimited::{self, Dialect};
use crate::manifest::Split;

/// Clips of 29 s with tags of listeners; the fifty most frequent tags and the usual split by
/// folder: 0–b to train, c to validate, d–f to test.
///
/// # Source
/// Section 5.3 of the paper; Law et al. 2009.
#[derive(Debug, Clone, Copy)]
pub struct MagnaTagATune;

impl Benchmark for MagnaTagATune {
    fn name(&self) -> &'static str {
        "magnatagatune"
    }

    fn is_at(&self, root: &Path) -> bool {
        root.join("annotations_final.csv").is_file()
    }

    fn read(&self, root: &Path, split: Split) -> Result<BenchmarkData, DataError> {
        check_folder(root)?;
        let path = root.join("annotations_final.csv");
        let csv = |source| DataError::csv(&path, source);
        let mut reader = delimited::open(&path, Dialect::new(b'\t'))?;
        let header: Vec<String> = reader.headers().map_err(csv)?.iter().map(|name| name.trim().to_owned()).collect();
        let column = |name: &str| header.iter().position(|own| own == name);
        let missing = |key: &str| DataError::MissingKey {
            path: path.clone(),
            row: 1,
            key: key.to_owned(),
            found: header[..3.min(header.len())].join(", "),
            remedy: REMEDY.to_owned(),
        };
        let audio = column("mp3_path").ok_or_else(|| missing("mp3_path"))?;
        let tags: Vec<String> = include_str!("../../assets/mtat_top50_tags.txt").lines().map(str::to_owned).collect();
        let columns: Option<Vec<usize>> = tags.iter().map(|tag| column(tag)).collect();
        let columns = columns.ok_or_else(|| missing("a tag of the fifty most frequent"))?;
        let folders = match split {
            Split::Train => "0123456789ab",
            Split::Val => "c",
            Split::Test => "def",
        };
        let mut clips: Vec<(PathBuf, Vec<bool>)> = Vec::new();
        for record in reader.records() {
            let record = record.map_err(csv)?;
            let file = record.get(audio).unwrap_or_default().trim();
            let own: Vec<bool> = columns.iter().map(|&column| record.get(column).map(str::trim) == Some("1")).collect();
            let in_split = file.chars().next().is_some_and(|folder| folders.contains(folder));
            // Clips without one of the tags are not a part of the task.
            if in_split && own.contains(&true) {
                let place = [root.join("mp3").join(file), root.join(file)];
                clips.push((place.iter().find(|path| path.exists()).unwrap_or(&place[0]).clone(), own));
            }
        }
        let (clips, missing) = present(root, clips)?;
        Ok(BenchmarkData { task: Task::Tagging { tags, clips }, missing })
    }
}
