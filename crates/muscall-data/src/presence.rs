//! Which audio files could be opened when a run began. One that cannot be read later is a bad file, or away with its
//! disk: the first is left out, the second must not be, since the run would learn something else.

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use muscall_audio::AudioError;
use serde::{Deserialize, Serialize};

use crate::DataError;
use crate::files::{Files, look_into};

/// Before the second try; each later pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
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
pub struct Presence {
    files: Files,
    /// Rows that were not there, or have been found to be gone alone since.
    absent: Mutex<BTreeSet<usize>>,
    /// How long a file that is away is waited for.
    patience: Duration,
}

/// Why something could not be read.
#[derive(Debug)]
pub enum Unread {
    /// The file is none that can be read, or was not there when the run began.
    Bad(DataError),
    /// The file is gone, and others of the manifest are not.
    Gone(DataError),
    /// It is the disk, the folder or the network: [`DataError::AudioAway`].
    Away(DataError),
}

impl Unread {
    /// What went wrong, whoever is to blame.
    pub fn into_error(self) -> DataError {
        match self {
            Self::Bad(error) | Self::Gone(error) | Self::Away(error) => error,
        }
    }
}

impl Presence {
    /// Of files whose `absent` rows are known. A file that is away is waited for as long as `patience`.
    pub fn new(files: Files, absent: BTreeSet<usize>, patience: Duration) -> Self {
        Self { files, absent: Mutex::new(absent), patience }
    }

    /// Rows that are left out when they cannot be read.
    pub fn absent(&self) -> BTreeSet<usize> {
        self.lock().clone()
    }

    /// Leaves rows out that another rank has found to be gone alone.
    pub fn leave_out(&self, rows: impl IntoIterator<Item = usize>) {
        self.lock().extend(rows);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<usize>> {
        // A set is whole between two calls.
        self.absent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads again what could not be read, if it may be a matter of time. A file that is gone alone, while others
    /// of the manifest can be read, is a bad one from then on. Where a bucket gives no answer, whatever others do, it is
    /// away.
    ///
    /// # Errors
    /// [`Unread`], with the error of the last try or [`DataError::AudioAway`].
    pub fn read_again<T>(
        &self,
        row: usize,
        mut error: DataError,
        read: impl Fn() -> Result<T, DataError>,
    ) -> Result<T, Unread> {
        if !is_of_the_system(&error) || self.lock().contains(&row) {
            return Err(Unread::Bad(error));
        }
        // The time that tries take counts: a network that is away is not noticed at once.
        let (mut pause, begin) = (FIRST_PAUSE, Instant::now());
        loop {
            match read() {
                Err(again) if is_of_the_system(&again) => error = again,
                other => return other.map_err(Unread::Bad),
            }
            let left = self.patience.saturating_sub(begin.elapsed());
            if left.is_zero() {
                break;
            }
            sleep(pause.min(left));
            pause *= 2;
        }
        if self.files.is_unanswered(row, &error) {
            return Err(self.away(row, &error, self.files.of(row).path().to_owned()));
        }
        // The others must be there before and after this one is looked for once more: a disk that is back in between, or
        // goes again, is no reason to leave a file out.
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
            Some(other) => Err(self.away(row, &error, other)),
        }
    }

    fn away(&self, row: usize, error: &DataError, other: PathBuf) -> Unread {
        let reason = match error {
            DataError::Audio(AudioError::Io(error)) => error.source.to_string(),
            error => error.to_string(),
        };
        Unread::Away(DataError::AudioAway { path: self.files.of(row).path().to_owned(), reason, other })
    }

    /// The first of other files that cannot be read either; the file itself if there is no other.
    fn first_gone_beside(&self, row: usize) -> Option<PathBuf> {
        let Files { places, of_row } = &self.files;
        let own = of_row[row] as usize;
        let absent: HashSet<u32> = self.lock().iter().map(|&row| of_row[row]).collect();
        let is_other = |file: &usize| *file != own && !absent.contains(&(*file as u32));
        let before = (0..own).rev().filter(is_other).take(NEIGHBOURS);
        let after = (own + 1..places.len()).filter(is_other).take(NEIGHBOURS);
        let spread = (0..places.len()).step_by(places.len().div_ceil(SPREAD)).filter(is_other);
        let others: BTreeSet<usize> = before.chain(after).chain(spread).collect();
        if others.is_empty() {
            return Some(places[own].path().to_owned());
        }
        let gone = others.into_iter().map(|file| &places[file]).find(|place| look_into(place).is_err());
        gone.map(|place| place.path().to_owned())
    }
}

/// Whether it was the system that gave no bytes, rather than what the bytes say. What was a file with something in it when
/// the run began and is now none, or empty, counts, too.
fn is_of_the_system(error: &DataError) -> bool {
    use AudioError::{EmptyFile, Io, NotAFile};
    matches!(error, DataError::Audio(Io { .. } | EmptyFile { .. } | NotAFile { .. }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::cell::Cell;
    use std::fs;
    use std::io::{self, ErrorKind};
    use std::sync::Arc;

    use muscall_audio::Place;
    use muscall_files::FileError;
    use tempfile::TempDir;

    use super::*;
    use crate::files::open;
    use crate::manifest::{Manifest, Row, Stored};
    use crate::shards::elsewhere::Elsewhere;

    /// Files of four folders, ten in each, and the last one named twice.
    fn manifest() -> (TempDir, Manifest) {
        let dir = tempfile::tempdir().unwrap();
        let row = |number: usize| {
            let number = number.min(39);
            let audio = dir.path().join(format!("{}/{number}.wav", number / 10));
            fs::create_dir_all(audio.parent().unwrap()).unwrap();
            fs::write(&audio, "sound").unwrap();
            Row::new(number.to_string(), audio, vec!["a sound".to_owned()])
        };
        let manifest = Manifest { rows: (0..=40).map(row).collect(), source: dir.path().join("manifest.jsonl") };
        (dir, manifest)
    }

    /// As a decoder does: text is no audio.
    fn read(manifest: &Manifest, row: usize) -> Result<(), DataError> {
        let path = &manifest.rows[row].audio;
        let io = |source| AudioError::from(FileError::reading(path)(source));
        let (file, _) = match fs::metadata(path) {
            Ok(metadata) if metadata.len() == 0 => return Err(AudioError::EmptyFile { path: path.clone() }.into()),
            _ => open(path).map_err(io)?,
        };
        match io::read_to_string(file).map_err(io)?.as_str() {
            "sound" => Ok(()),
            _ => Err(AudioError::UnknownFormat { path: path.clone(), reason: "no sound".to_owned() }.into()),
        }
    }

    fn presence(manifest: &Manifest) -> Presence {
        let files = Files::of_manifest(manifest);
        let absent = files.absent();
        Presence::new(files, absent, Duration::ZERO)
    }

    fn verdict(presence: &Presence, manifest: &Manifest, row: usize) -> Result<(), Unread> {
        presence.read_again(row, read(manifest, row).unwrap_err(), || read(manifest, row))
    }

    #[test]
    fn a_file_that_is_gone_alone_is_gone_and_with_others_away() {
        let (_dir, manifest) = manifest();
        let presence = presence(&manifest);
        let remove = |row: usize| fs::remove_file(&manifest.rows[row].audio).unwrap();
        remove(4);
        assert!(matches!(verdict(&presence, &manifest, 4), Err(Unread::Gone(_))));
        // Known from now on, and no witness against others.
        assert_eq!(presence.absent(), [4].into());
        assert!(matches!(verdict(&presence, &manifest, 4), Err(Unread::Bad(_))));
        remove(5);
        assert!(matches!(verdict(&presence, &manifest, 5), Err(Unread::Gone(_))));
        // Two rows of one file are gone together, and alone all the same.
        remove(40);
        assert!(matches!(verdict(&presence, &manifest, 39), Err(Unread::Gone(_))));
        assert!(matches!(verdict(&presence, &manifest, 40), Err(Unread::Gone(_))));
        let before = presence.absent();
        (20..30).for_each(remove);
        let Err(Unread::Away(DataError::AudioAway { path, reason, other })) = verdict(&presence, &manifest, 25) else {
            panic!("the whole folder is gone");
        };
        assert_eq!(path, manifest.rows[25].audio);
        assert!(other != path && other.parent() == path.parent() && reason.contains("os error 2"), "{reason}");
        assert_eq!(presence.absent(), before);
    }

    #[test]
    fn a_bucket_that_gives_no_answer_is_away_and_a_shard_that_is_gone_alone_is_gone() {
        let shards: Vec<Arc<Elsewhere>> =
            (0..3).map(|i| Arc::new(Elsewhere::new(format!("s3://music/{i}.tar"), vec![7; 100]))).collect();
        let row = |i: usize| {
            let archive = Place::Remote(shards[i / 2].clone());
            let audio = archive.path().join(format!("{i}.wav"));
            Row {
                stored: Some(Stored { archive, at: 10, bytes: 5 }),
                ..Row::new(i.to_string(), audio, vec!["x".into()])
            }
        };
        let manifest = Manifest { rows: (0..6).map(row).collect(), source: "s3://music/{0..2}.tar".into() };
        // Whoever does not answer now may do so later.
        shards[0].fail_behind(0, ErrorKind::Other);
        shards[1].fail_behind(0, ErrorKind::NotFound);
        assert_eq!(Files::of_manifest(&manifest).absent(), [2, 3].into());
        shards.iter().for_each(|shard| shard.mend());
        let presence = presence(&manifest);
        let read = |row: usize| {
            let Some(Stored { archive: Place::Remote(file), .. }) = &manifest.rows[row].stored else { panic!() };
            let io = FileError::reading(&manifest.rows[row].audio);
            file.read(10..15).map(drop).map_err(|error| AudioError::from(io(error)).into())
        };
        let verdict = |row: usize| presence.read_again(row, read(row).unwrap_err(), || read(row));
        // All others answer.
        shards[0].fail_behind(0, ErrorKind::Other);
        let Err(Unread::Away(error)) = verdict(1) else { panic!("no answer came") };
        assert!(error.to_string().starts_with("s3://music/0.tar"), "{error}");
        shards[0].mend();
        shards[1].fail_behind(0, ErrorKind::NotFound);
        assert!(matches!(verdict(2), Err(Unread::Gone(_))));
        shards[0].fail_behind(0, ErrorKind::PermissionDenied);
        shards[2].fail_behind(0, ErrorKind::PermissionDenied);
        assert!(matches!(verdict(4), Err(Unread::Away(_))));
        assert_eq!(presence.absent(), [2].into());
    }

    #[test]
    fn an_empty_file_in_the_place_of_a_full_one_is_one_that_is_gone() {
        let (_dir, manifest) = manifest();
        fs::write(&manifest.rows[0].audio, "").unwrap();
        let presence = presence(&manifest);
        assert!(matches!(verdict(&presence, &manifest, 0), Err(Unread::Bad(_))));
        (30..40).for_each(|row| fs::write(&manifest.rows[row].audio, "").unwrap());
        assert!(matches!(verdict(&presence, &manifest, 31), Err(Unread::Away(_))));
    }

    #[test]
    fn what_is_back_is_read_and_what_is_no_audio_is_not_waited_for() {
        let (dir, manifest) = manifest();
        let presence = presence(&manifest);
        let tries = Cell::new(0);
        let away = dir.path().join("away");
        fs::rename(dir.path().join("2"), &away).unwrap();
        let found = presence.read_again(22, read(&manifest, 22).unwrap_err(), || {
            tries.set(tries.get() + 1);
            let found = read(&manifest, 22);
            fs::rename(&away, dir.path().join("2")).ok();
            found
        });
        assert!(found.is_ok() && tries.get() == 2, "{found:?}, {} tries", tries.get());
        fs::write(&manifest.rows[7].audio, "text").unwrap();
        let error = read(&manifest, 7).unwrap_err();
        assert!(matches!(presence.read_again(7, error, || -> Result<(), _> { panic!() }), Err(Unread::Bad(_))));
        assert!(presence.absent().is_empty());
    }
}
