//! MTG-Jamendo: tags of genre, instrument, mood and theme.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use muscall_files::FileError;

use super::{Benchmark, BenchmarkData, Task, check_folder, present};
use crate::DataError;
use crate::manifest::Split;
use crate::read_text::read_text;

/// Full tracks; official split 0 of any of the subsets (`autotagging`, `autotagging_top50tags` …).
///
/// # Source
/// Bogdanov et al. 2019.
#[derive(Debug, Clone, Copy)]
pub struct Jamendo;

impl Benchmark for Jamendo {
    fn name(&self) -> &'static str {
        "jamendo"
    }

    fn is_at(&self, root: &Path) -> bool {
        find_list(root, "-test.tsv").is_ok()
    }

    fn read(&self, root: &Path, split: Split) -> Result<BenchmarkData, DataError> {
        check_folder(root)?;
        let suffix = match split {
            Split::Train => "-train.tsv",
            Split::Val => "-validation.tsv",
            Split::Test => "-test.tsv",
        };
        let path = find_list(root, suffix)?;
        let text = read_text(&path)?;
        let mut rows: Vec<(PathBuf, Vec<String>)> = Vec::new();
        for (number, line) in text.lines().enumerate().skip(1) {
            // A row has as many fields as the track has tags: no table that a CSV reader takes.
            let fields: Vec<&str> = line.trim_end().split('\t').collect();
            let [_, _, _, file, _, tags @ ..] = fields.as_slice() else {
                let found = format!("{} fields", fields.len());
                let (key, expected) = ("TAGS".to_owned(), "TRACK_ID, ARTIST_ID, ALBUM_ID, PATH, DURATION and tags");
                return Err(DataError::WrongType { path, row: number + 1, key, found, expected });
            };
            // `genre---rock`, `mood/theme---happy`.
            let names = tags.iter().map(|tag| tag.split("---").last().unwrap_or(tag).to_owned());
            rows.push((place(root, file), names.collect()));
        }
        let tags: Vec<String> =
            rows.iter().flat_map(|(_, tags)| tags).cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let clips = rows.into_iter().map(|(path, own)| (path, tags.iter().map(|tag| own.contains(tag)).collect()));
        let (clips, missing) = present(root, clips.collect())?;
        Ok(BenchmarkData { task: Task::Tagging { tags, clips }, missing })
    }
}

/// Where a file of a list lies: lists name `14/214.mp3`, which is `14/214.low.mp3` in the edition of low quality. The first
/// of the places where it may be if it is in none.
fn place(root: &Path, file: &str) -> PathBuf {
    let low = file.strip_suffix(".mp3").map(|stem| format!("{stem}.low.mp3"));
    let names: Vec<&str> = [Some(file), low.as_deref()].into_iter().flatten().collect();
    let places = ["", "audio", "audio-low"].into_iter().flat_map(|folder| names.iter().map(move |name| (folder, name)));
    let found = places.map(|(folder, name)| root.join(folder).join(name)).find(|path| path.exists());
    found.unwrap_or_else(|| root.join(file))
}

/// The split's list: official repositories have it under `data/splits/split-0`, copies elsewhere.
fn find_list(root: &Path, suffix: &str) -> Result<PathBuf, DataError> {
    let folders = ["data/splits/split-0", "splits/split-0", ""].map(|folder| root.join(folder));
    for folder in &folders {
        let mut lists: Vec<PathBuf> =
            std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
        lists.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(suffix)));
        // The shortest name is the subset with all tags.
        lists.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
        if let Some(list) = lists.into_iter().next() {
            return Ok(list);
        }
    }
    let source = std::io::Error::new(std::io::ErrorKind::NotFound, format!("no autotagging*{suffix} in it"));
    Err(FileError::reading(&folders[1])(source).into())
}
