//! Which audio files could be opened when a run began. One that cannot be read later is a bad file, or away with its
//! disk: the first is left out, the second must not be, since the run would learn something else.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use muscall_audio::AudioError;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::manifest::Manifest;

/// Between one try and the next, for a disk that is back at once.
const PAUSES: [Duration; 3] = [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(3)];
/// Other files that tell whether one is gone alone: on each side of it in the order of paths, where its own folder
/// is, and all over the manifest.
const NEIGHBOURS: usize = 16;
const SPREAD: usize = 32;

/// Rows whose audio is left out when it cannot be read, as a checkpoint keeps them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbsentRows {
    /// Of the training manifest, from 0.
    pub train: BTreeSet<usize>,
    /// Of the rows that are validated on.
    pub validation: BTreeSet<usize>,
    /// Of those rows: with others the numbers mean nothing.
    pub validation_fingerprint: String,
}

/// The audio of a manifest, as it was when a run began.
#[derive(Debug)]
pub(crate) struct Presence {
    /// By row.
    files: Vec<PathBuf>,
    /// Rows in the order of their paths.
    by_path: Vec<usize>,
    /// Rows that were not there, or have been found to be gone alone since.
    absent: Mutex<BTreeSet<usize>>,
    pauses: Vec<Duration>,
}

/// Why something could not be read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// The file is none that can be read, or was not there when the run began.
    Bad(TrainError),
    /// The file is gone, and others of the manifest are not.
    Gone(TrainError),
    /// It is the disk, the folder or the network: [`TrainError::AudioAway`].
    Away(TrainError),
}

impl Unread {
    pub(crate) fn into_error(self) -> TrainError {
        match self {
            Self::Bad(error) | Self::Gone(error) | Self::Away(error) => error,
        }
    }
}

impl Presence {
    /// Of a manifest of which it is known what was absent.
    pub(crate) fn new(manifest: &Manifest, absent: BTreeSet<usize>) -> Self {
        let files: Vec<PathBuf> = manifest.rows.iter().map(|row| row.audio.clone()).collect();
        let mut by_path: Vec<usize> = (0..files.len()).collect();
        by_path.sort_by(|&a, &b| files[a].cmp(&files[b]));
        Self { files, by_path, absent: Mutex::new(absent), pauses: PAUSES.to_vec() }
    }

    /// The rows of a manifest that cannot be opened now.
    pub(crate) fn absent_from(manifest: &Manifest) -> BTreeSet<usize> {
        manifest.rows.par_iter().enumerate().filter(|(_, row)| open(&row.audio).is_err()).map(|(row, _)| row).collect()
    }

    /// Rows that are left out when they cannot be read.
    pub(crate) fn absent(&self) -> BTreeSet<usize> {
        self.lock().clone()
    }

    /// Leaves rows out that another rank has found to be gone alone.
    pub(crate) fn leave_out(&self, rows: impl IntoIterator<Item = usize>) {
        self.lock().extend(rows);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<usize>> {
        // A set is whole between two calls.
        self.absent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a row that was there when the run began failed in a way that may pass.
    pub(crate) fn may_be_away(&self, row: usize, error: &TrainError) -> bool {
        is_of_the_system(error) && !self.lock().contains(&row)
    }

    /// Reads again what could not be read, if it may be a matter of time. A file that is gone alone, while others
    /// of the manifest can be read, is a bad one from then on.
    pub(crate) fn read_again<T>(
        &self,
        row: usize,
        mut error: TrainError,
        read: impl Fn() -> Result<T, TrainError>,
    ) -> Result<T, Unread> {
        if !self.may_be_away(row, &error) {
            return Err(Unread::Bad(error));
        }
        for pause in std::iter::once(Duration::ZERO).chain(self.pauses.iter().copied()) {
            sleep(pause);
            match read() {
                Err(again) if is_of_the_system(&again) => error = again,
                other => return other.map_err(Unread::Bad),
            }
        }
        // The others are there before and after this one is looked for: all of it came back in no moment between.
        let mut gone = self.first_gone_beside(row);
        if gone.is_none() {
            match read() {
                Err(again) if is_of_the_system(&again) => error = again,
                other => return other.map_err(Unread::Bad),
            }
            gone = self.first_gone_beside(row);
        }
        match gone {
            None => {
                self.lock().insert(row);
                Err(Unread::Gone(error))
            }
            Some(other) => {
                let reason = match &error {
                    TrainError::Audio(AudioError::Io { source, .. }) => source.to_string(),
                    error => error.to_string(),
                };
                Err(Unread::Away(TrainError::AudioAway { path: self.files[row].clone(), reason, other }))
            }
        }
    }

    /// The first of other files that cannot be read either; the file itself if there is no other.
    fn first_gone_beside(&self, row: usize) -> Option<PathBuf> {
        let own = &self.files[row];
        let others: BTreeSet<&Path> = {
            let absent = self.lock();
            let is_other = |other: &&usize| !absent.contains(other) && self.files[**other] != *own;
            let place = self.by_path.partition_point(|&other| self.files[other] < *own);
            let (before, after) = self.by_path.split_at(place);
            let before = before.iter().rev().filter(is_other).take(NEIGHBOURS);
            let after = after.iter().filter(is_other).take(NEIGHBOURS);
            let step = self.by_path.len().div_ceil(SPREAD);
            let spread = self.by_path.iter().step_by(step).filter(is_other);
            before.chain(after).chain(spread).map(|&other| self.files[other].as_path()).collect()
        };
        if others.is_empty() {
            return Some(own.clone());
        }
        others.into_iter().find(|path| look_into(path).is_err()).map(Path::to_owned)
    }
}

/// Whether it was the system that gave no bytes, rather than what the bytes say. What was a file with something in it when
/// the run began and is now none, or empty, counts, too.
fn is_of_the_system(error: &TrainError) -> bool {
    use AudioError::{EmptyFile, Io, NotAFile};
    matches!(error, TrainError::Audio(Io { .. } | EmptyFile { .. } | NotAFile { .. }))
}

/// Opens a file that has something in it, and says how much.
fn open(path: &Path) -> io::Result<(File, u64)> {
    let metadata = fs::metadata(path)?;
    // Opening a pipe could wait for ever.
    if !metadata.is_file() || metadata.len() == 0 {
        return Err(ErrorKind::InvalidData.into());
    }
    Ok((File::open(path)?, metadata.len()))
}

/// Reads the first, the middle and the last byte: some of a disk that is gone may still be in memory.
fn look_into(path: &Path) -> io::Result<()> {
    let (mut file, bytes) = open(path)?;
    for at in [0, bytes / 2, bytes - 1] {
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut [0])?;
    }
    Ok(())
}
