//! The training doctor: looks at the data and at the numbers of a run, and says what looks wrong
//! and what to do about it.

mod damage;
mod diagnosis;
mod leakage;
mod length;
mod loudness;
mod rows;
mod silence;
mod training;
mod words;

pub use diagnosis::{Diagnosis, Tower};
pub use leakage::{leakage, shared_captions};
pub use muscall_data::ClipFault;
pub use rows::{RowFault, RowFinding, check_rows};
pub use training::{TrainingDoctor, mean_pairwise_cosine};
pub use words::check_words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use length::{Lengths, length_s};
use loudness::Levels;
use muscall_audio::{AudioError, ClipConfig, CropPosition, Repair, load_clip};
use rayon::prelude::*;
use silence::{Silences, silence_s};

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
    /// Rows from 0 whose files are damaged, and how that was mended. They are decoded at the clip and at the ends alone.
    pub repaired: Vec<(usize, PathBuf, Vec<Repair>)>,
    /// Rows from 0 whose files cannot be decoded.
    pub unreadable: Vec<(usize, TrainError)>,
}

/// Decodes the central clip of every row, compares lengths with those that the manifest gives, and levels with each other,
/// calling `progress` with the number of those that are done.
pub fn check_clips(manifest: &Manifest, config: &ClipConfig, mut progress: impl FnMut(usize)) -> ClipCheck {
    let mut counts = FaultCounts::default();
    let (mut repaired, mut unreadable) = (Vec::new(), Vec::new());
    let mut done = 0;
    let (mut lengths, mut levels, mut silences) = (Lengths::default(), Levels::default(), Silences::default());
    for rows in manifest.rows.chunks(CHUNK) {
        let check = |row: &Row| -> Result<_, AudioError> {
            // What follows reads it several times.
            let row = &*row.fetched();
            let clip = load_clip(row.source(), CropPosition::Central, config)?;
            let level_db = Levels::of(&clip.samples[..clip.valid.min(clip.samples.len())]);
            let length_s = row.length.map(|_| length_s(row)).transpose()?;
            let repairs = damage::repairs(row, &clip)?;
            Ok((ClipFault::find(&clip), level_db, length_s, repairs, silence_s(row, config)?))
        };
        let found: Vec<_> = rows.par_iter().map(check).collect();
        for (number, (row, found)) in (done..).zip(rows.iter().zip(found)) {
            match found {
                Ok((faults, level_db, length_s, repairs, silence_s)) => {
                    if !repairs.is_empty() {
                        repaired.push((number, row.audio.clone(), repairs));
                    }
                    counts.add(&row.audio, &faults);
                    levels.add(&row.audio, level_db);
                    lengths.add(row, length_s);
                    silences.add(&row.audio, silence_s, faults.contains(&ClipFault::Silent));
                }
                Err(error) => unreadable.push((number, error.into())),
            }
        }
        done += rows.len();
        progress(done);
    }
    let mut diagnoses = counts.diagnoses(manifest.rows.len());
    diagnoses.extend(lengths.diagnosis());
    diagnoses.extend(levels.diagnosis());
    diagnoses.extend(silences.diagnosis());
    ClipCheck { diagnoses, repaired, unreadable }
}
