//! Which of a run's files were there when it began, on all ranks.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use muscall_audio::{CropPosition, load_clip};
use muscall_data::{AbsentRows, DataError, Files, Presence, Unread};
use muscall_model::Muscall;

use crate::TrainError;
use crate::checkpoint::Progress;
use crate::distributed::Ranks;
use crate::evaluate::{Evaluation, evaluate};
use crate::manifest::Manifest;

/// How often a validation begins again because files have come back during it.
const VALIDATIONS: usize = 3;

/// What to do about files that are missing.
#[derive(Clone, Copy)]
pub(super) struct Waits {
    /// Whether a run that goes on leaves out what is missing now.
    pub(super) leaves_out_missing: bool,
    /// Whether files are read at all.
    pub(super) reads_audio: bool,
    /// How long a file that is away is waited for.
    pub(super) patience: Duration,
}

/// What is known of the files of a run.
pub(super) struct RunFiles {
    pub(super) train: Arc<Presence>,
    /// Of rank 0, which validates.
    pub(super) validation: Option<Presence>,
    validation_fingerprint: String,
}

impl RunFiles {
    /// As the run's checkpoint has it. A run that begins looks for its files, also when it was stopped before its first
    /// step; what was there once stays known, unless what is missing now is to be left out.
    pub(super) fn look(
        ranks: &Ranks,
        progress: &Progress,
        train: &Manifest,
        validation: Option<&Manifest>,
        Waits { leaves_out_missing, reads_audio, patience }: Waits,
    ) -> Result<Self, TrainError> {
        let looks = |known: Option<&BTreeSet<usize>>| known.is_none() || progress.step == 0 || leaves_out_missing;
        let merged = |known: Option<&BTreeSet<usize>>, now: BTreeSet<usize>| match known {
            None => now,
            Some(known) if leaves_out_missing => known | &now,
            Some(known) => known & &now,
        };
        let known = progress.absent.as_ref().map(|known| &known.train);
        let files = Files::of_manifest(train);
        let absent = if ranks.share(Ok(looks(known)))? {
            // A file may be missing on one machine only.
            let ((), all) = ranks.gather(Ok(()), |()| if reads_audio { files.absent() } else { BTreeSet::new() })?;
            merged(known, all.into_iter().flatten().collect())
        } else {
            known.cloned().unwrap_or_default()
        };
        // Before the first step the steps themselves say so, file by file.
        if let Some(first) = train.rows.first().filter(|_| progress.step > 0 && absent.len() == train.rows.len()) {
            let (path, reason) = (train.source.clone(), format!("{} and all others are gone", first.audio.display()));
            return Err(TrainError::NothingToTrainOn { path, reason });
        }
        let train = Arc::new(Presence::new(files, absent, patience));

        let validation = validation.filter(|_| ranks.is_first());
        let validation_fingerprint = validation.map(Manifest::fingerprint).unwrap_or_default();
        let known = progress.absent.as_ref().filter(|known| known.validation_fingerprint == validation_fingerprint);
        let known = known.map(|known| &known.validation);
        let validation = validation.map(|manifest| {
            let files = Files::of_manifest(manifest);
            let absent = match looks(known) {
                true => merged(known, files.absent()),
                false => known.cloned().unwrap_or_default(),
            };
            Presence::new(files, absent, patience)
        });
        Ok(Self { train, validation, validation_fingerprint })
    }

    /// For a checkpoint.
    pub(super) fn absent(&self) -> AbsentRows {
        AbsentRows {
            train: self.train.absent(),
            validation: self.validation.as_ref().map(Presence::absent).unwrap_or_default(),
            validation_fingerprint: self.validation_fingerprint.clone(),
        }
    }

    /// Evaluates on the validation rows. What is away for a moment is waited for: a score over the rest of them would
    /// be that of another gallery.
    ///
    /// # Errors
    /// As [`evaluate`], and [`DataError::AudioAway`].
    pub(super) fn evaluate(&self, model: &Muscall, manifest: &Manifest) -> Result<Evaluation, TrainError> {
        let Some(presence) = &self.validation else {
            return evaluate(model, manifest);
        };
        let config = model.clip_config();
        let read = |row: usize| match load_clip(manifest.rows[row].source(), CropPosition::Central, &config) {
            Ok(_) => Ok(()),
            Err(error) => Err(DataError::from(error)),
        };
        let mut back = None;
        for _ in 0..VALIDATIONS {
            let found = evaluate(model, manifest);
            let unread: Vec<usize> = match &found {
                Ok(found) => (0..manifest.rows.len()).filter(|row| found.rows().binary_search(row).is_err()).collect(),
                Err(TrainError::NothingToEvaluate { .. }) => (0..manifest.rows.len()).collect(),
                Err(_) => return found,
            };
            back = None;
            for row in unread {
                match read(row).or_else(|error| presence.read_again(row, error, || read(row))) {
                    Ok(()) => back = Some(row),
                    Err(Unread::Away(error)) => return found.and(Err(error.into())),
                    Err(Unread::Bad(_) | Unread::Gone(_)) => {}
                }
            }
            if back.is_none() {
                return found;
            }
        }
        let path = manifest.rows[back.unwrap_or_default()].audio.clone();
        Err(DataError::AudioAway { reason: "it comes and goes".to_owned(), other: path.clone(), path }.into())
    }
}
