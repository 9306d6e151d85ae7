//! GTZAN: ten genres.

use std::path::{Path, PathBuf};

use super::{Benchmark, BenchmarkData, Task, check_folder, present};
use crate::DataError;
use crate::manifest::Split;

/// 1,000 clips of 30 s in ten genres; the fault-filtered splits.
///
/// # Source
/// Section 5.3 of the paper; splits of Kereliuk et al. 2015.
#[derive(Debug, Clone, Copy)]
pub struct Gtzan;

/// Where copies of the data set keep their clips.
const FOLDERS: [&str; 4] = ["genres", "genres_original", "Data/genres_original", ""];
const EXTENSIONS: [&str; 3] = ["wav", "au", "mp3"];

impl Benchmark for Gtzan {
    fn name(&self) -> &'static str {
        "gtzan"
    }

    fn is_at(&self, root: &Path) -> bool {
        FOLDERS.iter().any(|folder| root.join(folder).join("blues").is_dir())
    }

    fn read(&self, root: &Path, split: Split) -> Result<BenchmarkData, DataError> {
        check_folder(root)?;
        let list = match split {
            Split::Train => include_str!("../../assets/gtzan/train_filtered.txt"),
            Split::Val => include_str!("../../assets/gtzan/valid_filtered.txt"),
            Split::Test => include_str!("../../assets/gtzan/test_filtered.txt"),
        };
        let folders = FOLDERS.map(|folder| root.join(folder));
        let folder = folders.iter().find(|folder| folder.join("blues").is_dir()).unwrap_or(&folders[0]);
        let genre = |name: &str| name.split('/').next().unwrap_or_default().to_owned();
        let mut classes: Vec<String> = list.lines().map(genre).collect();
        classes.sort();
        classes.dedup();
        let clip = |name: &str| {
            let class = classes.iter().position(|class| *class == genre(name)).unwrap_or_default();
            (find(folder, name), class)
        };
        let (clips, missing) = present(root, list.lines().map(clip).collect())?;
        Ok(BenchmarkData { task: Task::Classification { classes, clips }, missing })
    }
}

/// The clip with whichever extension it has.
fn find(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    let found = EXTENSIONS.iter().map(|extension| path.with_extension(extension)).find(|path| path.exists());
    found.unwrap_or(path)
}
