//! Public data sets as their authors lay them out on a disk.
//!
//! A new one is one file with a [`Benchmark`] in it. Captions in one CSV (AudioCaps, Clotho) are
//! read by [`Manifest::read`](crate::Manifest::read).

mod gtzan;
mod jamendo;
mod magnatagatune;
mod midi_caps;
mod music_caps;
mod probe;
mod song_describer;
mod zero_shot;

pub use gtzan::Gtzan;
pub use jamendo::Jamendo;
pub use magnatagatune::MagnaTagATune;
pub use midi_caps::MidiCaps;
pub use music_caps::MusicCaps;
pub use probe::linear_probe;
pub use song_describer::SongDescriber;
pub use zero_shot::{ClassPrompts, TaggingReport, zero_shot_classification, zero_shot_tagging};

use std::fs;
use std::path::{Path, PathBuf};

use crate::TrainError;
use crate::manifest::{Manifest, Split};

/// A public data set.
pub trait Benchmark {
    /// As on the command line.
    fn name(&self) -> &'static str;

    /// Whether a folder looks like this data set.
    fn is_at(&self, root: &Path) -> bool;

    /// Reads the layout under `root`. Audio that is not there is counted and named; see
    /// [`BenchmarkData::check_half`].
    ///
    /// # Errors
    /// [`TrainError::NoSuchFolder`], or what names the file of the data set that is missing or damaged;
    /// [`TrainError::BenchmarkIncomplete`] if no audio is there at all.
    fn read(&self, root: &Path, split: Split) -> Result<BenchmarkData, TrainError>;
}

/// All of them.
pub fn benchmarks() -> [Box<dyn Benchmark>; 6] {
    [
        Box::new(Gtzan),
        Box::new(MagnaTagATune),
        Box::new(SongDescriber),
        Box::new(MusicCaps),
        Box::new(Jamendo),
        Box::new(MidiCaps),
    ]
}

/// What a data set asks of a model.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Task {
    /// Find tracks by captions.
    Retrieval(Manifest),
    /// One class per clip.
    Classification {
        /// Names, in the order of the numbers.
        classes: Vec<String>,
        /// Files and their class.
        clips: Vec<(PathBuf, usize)>,
    },
    /// Any number of tags per clip.
    Tagging {
        /// Names, in the order of the columns.
        tags: Vec<String>,
        /// Files and which tags they have.
        clips: Vec<(PathBuf, Vec<bool>)>,
    },
}

/// The part of a data set that is there.
#[derive(Debug, Clone, PartialEq)]
pub struct BenchmarkData {
    /// What is asked.
    pub task: Task,
    /// Audio that the lists name and the disk lacks.
    pub missing: Vec<PathBuf>,
}

impl BenchmarkData {
    /// Files that are there.
    pub fn found(&self) -> usize {
        match &self.task {
            Task::Retrieval(manifest) => manifest.rows.len(),
            Task::Classification { clips, .. } => clips.len(),
            Task::Tagging { clips, .. } => clips.len(),
        }
    }

    /// Whether at least half of the data set is there: below, numbers say little about it.
    ///
    /// # Errors
    /// [`TrainError::BenchmarkIncomplete`].
    pub fn check_half(&self, root: &Path) -> Result<(), TrainError> {
        let (found, expected) = (self.found(), self.found() + self.missing.len());
        if 2 * found >= expected {
            return Ok(());
        }
        let first = self.missing.first().cloned().unwrap_or_default();
        Err(TrainError::BenchmarkIncomplete { path: root.to_owned(), found, expected, first })
    }
}

/// Files with what is known of them.
type Labelled<T> = Vec<(PathBuf, T)>;

/// Parts clips into those that are there and those that are not.
fn present<T>(root: &Path, clips: Labelled<T>) -> Result<(Labelled<T>, Vec<PathBuf>), TrainError> {
    let expected = clips.len();
    // A file of no bytes is as good as none; some archives have them.
    let is_there = |path: &Path| fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0);
    let (found, missing): (Vec<_>, Vec<_>) = clips.into_iter().partition(|(path, _)| is_there(path));
    let missing: Vec<PathBuf> = missing.into_iter().map(|(path, _)| path).collect();
    if found.is_empty() {
        let (path, first) = (root.to_owned(), missing.first().cloned().unwrap_or_default());
        return Err(TrainError::BenchmarkIncomplete { path, found: found.len(), expected, first });
    }
    Ok((found, missing))
}

/// Says so if there is nothing at all: without a list of its own, a data set would have all of its audio missing.
fn check_folder(root: &Path) -> Result<(), TrainError> {
    if root.is_dir() { Ok(()) } else { Err(TrainError::NoSuchFolder { path: root.to_owned() }) }
}
