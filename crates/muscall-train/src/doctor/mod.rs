//! The training doctor: looks at the data and at the numbers of a run, and says what looks wrong
//! and what to do about it.

mod diagnosis;
mod leakage;
mod length;
mod loudness;
mod training;

pub use diagnosis::{Diagnosis, Tower};
pub use leakage::leakage;
pub use muscall_data::ClipFault;
pub use training::{TrainingDoctor, mean_pairwise_cosine};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use length::{Lengths, length_s};
use loudness::Levels;
use muscall_audio::{AudioError, ClipConfig, CropPosition, load_clip};
use rayon::prelude::*;

use crate::TrainError;
use crate::manifest::{Manifest, Row};

/// Files that are checked between two reports of progress.
const CHUNK: usize = 32;

/// Clips with a fault, by fault: how many, and the first of them.
#[derive(Debug, Clone, Default)]
pub struct FaultCounts(BTreeMap<ClipFault, (usize, PathBuf)>);

impl FaultCounts {
    /// Counts a clip's faults.
    pub fn add(&mut self, audio: &Path, faults: &[ClipFault]) {
        for fault in faults {
            self.0.entry(*fault).or_insert_with(|| (0, audio.to_owned())).0 += 1;
        }
    }

    /// One diagnosis a fault that was found, among `clips` clips.
    pub fn diagnoses(&self, clips: usize) -> Vec<Diagnosis> {
        let diagnose = |(&fault, (count, example)): (&ClipFault, &(usize, PathBuf))| Diagnosis::Clips {
            fault,
            count: *count,
            clips,
            example: example.clone(),
        };
        self.0.iter().map(diagnose).collect()
    }
}

/// What is wrong with the clips of a manifest.
#[derive(Debug, Default)]
pub struct ClipCheck {
    /// Faults of clips that can be decoded.
    pub diagnoses: Vec<Diagnosis>,
    /// Files that cannot.
    pub unreadable: Vec<TrainError>,
}

/// Decodes the central clip of every row, compares lengths with those that the manifest gives, and levels with each other,
/// calling `progress` with the number of those that are done.
pub fn check_clips(manifest: &Manifest, config: &ClipConfig, mut progress: impl FnMut(usize)) -> ClipCheck {
    let mut counts = FaultCounts::default();
    let mut unreadable = Vec::new();
    let mut done = 0;
    let (mut lengths, mut levels) = (Lengths::default(), Levels::default());
    for rows in manifest.rows.chunks(CHUNK) {
        let check = |row: &Row| -> Result<(Vec<ClipFault>, f64, Option<f64>), AudioError> {
            let clip = load_clip(row.source(), CropPosition::Central, config)?;
            let level_db = Levels::of(&clip.samples[..clip.valid.min(clip.samples.len())]);
            let length_s = row.length.map(|_| length_s(&row.audio)).transpose()?;
            Ok((ClipFault::find(&clip), level_db, length_s))
        };
        let found: Vec<_> = rows.par_iter().map(check).collect();
        for (row, found) in rows.iter().zip(found) {
            match found {
                Ok((faults, level_db, length_s)) => {
                    counts.add(&row.audio, &faults);
                    levels.add(&row.audio, level_db);
                    lengths.add(row, length_s);
                }
                Err(error) => unreadable.push(error.into()),
            }
        }
        done += rows.len();
        progress(done);
    }
    let mut diagnoses = counts.diagnoses(manifest.rows.len());
    diagnoses.extend(lengths.diagnosis());
    diagnoses.extend(levels.diagnosis());
    ClipCheck { diagnoses, unreadable }
}
