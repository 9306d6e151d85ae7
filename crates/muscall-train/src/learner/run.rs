//! A run: its epochs, and what happens between steps.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use burn::module::Module;
use burn::tensor::Device;
use muscall_audio::{AudioCache, LogMelExtractor};

use super::files::RunFiles;
use super::outcome::{Listener, Outcome};
use super::underway::Underway;
use crate::TrainError;
use crate::batcher::{EpochLoader, LoaderConfig};
use crate::captions::Captions;
use crate::checkpoint::Progress;
use crate::dataset::Dataset;
use crate::distributed::{Division, Ranks, ShareNote, SharedBatch, SharedNorms};
use crate::doctor::{FaultCounts, TrainingDoctor};
use crate::ema::Ema;
use crate::event::Event;
use crate::log::RunLog;
use crate::manifest::Manifest;
use crate::optimizer::AdamW;
use crate::recipe::Recipe;
use crate::trainee::Trainee;

/// A run that has begun. All ranks of a run have one.
pub(super) struct Run {
    pub(super) ranks: Arc<Ranks>,
    pub(super) division: Division,
    /// If they take the statistics of all ranks.
    pub(super) norms: Option<Arc<SharedNorms>>,
    pub(super) recipe: Recipe,
    pub(super) dir: PathBuf,
    pub(super) device: Device,
    pub(super) dataset: Arc<Dataset>,
    pub(super) files: RunFiles,
    pub(super) cache: Option<AudioCache>,
    /// A cache that cannot be written is told of once.
    pub(super) has_told_of_cache: bool,
    pub(super) validation: Option<Manifest>,
    pub(super) frontend: Arc<LogMelExtractor>,
    pub(super) captions: Captions,
    pub(super) trainee: Trainee,
    /// Of rank 0.
    pub(super) ema: Option<Ema>,
    pub(super) optimizer: AdamW,
    pub(super) progress: Progress,
    /// Where a checkpoint goes on.
    pub(super) learned: Position,
    /// Of rank 0, once the directory is its own.
    pub(super) log: Option<RunLog>,
    pub(super) doctor: TrainingDoctor,
    pub(super) faults: FaultCounts,
    pub(super) steps: u64,
    pub(super) skipped_in_a_row: u32,
    /// Whether a step is reported only when the next one has been asked for.
    pub(super) reports_late: bool,
    /// The last step, if its report is still to come.
    pub(super) underway: Option<Underway>,
    /// When the last step had been computed.
    pub(super) clock: Instant,
}

/// A place between two steps.
///
/// A step that has nothing to learn from moves the schedule on, but not what a checkpoint goes on from: it is gone
/// through again, and where whole epochs are like that nothing is written over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    pub(super) step: u64,
    pub(super) epoch: u64,
    pub(super) step_in_epoch: usize,
}

impl Position {
    pub(super) fn of(progress: &Progress) -> Self {
        let Progress { step, epoch, step_in_epoch, .. } = *progress;
        Self { step, epoch, step_in_epoch }
    }
}

impl Run {
    /// Trains until the end, or until the listener breaks.
    pub(super) fn finish(mut self, listener: &mut Listener<'_>) -> Result<Outcome, TrainError> {
        let started = Event::Started {
            steps: self.steps,
            taken: self.progress.step,
            parameters: self.trainee.model.num_params() + self.trainee.heads.num_params(),
            rows: self.dataset.len(),
        };
        let mut interrupted = self.ranks.share(Ok(listener(started).is_break()))?;
        while !interrupted && !self.is_over() {
            interrupted = self.epoch(listener)?.is_break();
            self.checkpoint(listener)?;
        }
        let (model, ema) = self.best()?;
        Ok(Outcome { model, steps: self.progress.step, interrupted, ema })
    }

    fn is_over(&self) -> bool {
        let patience = self.recipe.validation.patience;
        let has_stalled = patience.is_some_and(|patience| self.progress.epochs_without_best >= patience);
        // After the last step its epoch still has a validation to come.
        let is_between_epochs = self.progress.step_in_epoch == 0;
        is_between_epochs
            && (has_stalled || self.progress.epoch >= self.recipe.epochs || self.progress.step >= self.steps)
    }

    fn epoch(&mut self, listener: &mut Listener<'_>) -> Result<ControlFlow<()>, TrainError> {
        let epoch = self.progress.epoch;
        let config = LoaderConfig {
            batch_size: self.recipe.tracks_per_step(),
            threads: self.recipe.data.threads,
            prefetch_batches: self.recipe.data.prefetch_batches,
            drop_last: true,
            on_bad_file: self.recipe.data.on_bad_file,
        };
        let (dataset, frontend) = (self.dataset.clone(), self.frontend.clone());
        let loader =
            EpochLoader::new(dataset, frontend, config, epoch, self.progress.step_in_epoch).map_err(TrainError::from);
        let places = self.division.own_places(self.recipe.accumulate);
        let mut loader = self.ranks.agree(loader)?.with_places(places).with_presence(self.files.train.clone());
        let exchanged = self.ranks.exchanged();
        let started = Instant::now();
        self.clock = started;
        // Of an epoch that was interrupted, the steps before count too.
        let mut pairs = LoadedPairs { some: self.progress.step_in_epoch > 0, reason: None };
        while self.progress.step < self.steps {
            let Some(loaded) = loader.next() else { break };
            let loaded = loaded.map_err(TrainError::from);
            let gathered = self.ranks.gather(loaded, |loaded| ShareNote::of(loaded, self.cache_failure()));
            let (mut loaded, notes) = gathered.map_err(|error| self.keep_before(error, listener))?;
            self.note_files(std::mem::take(&mut loaded.skipped), &notes, listener);
            let has_pairs = !SharedBatch::all(&notes, self.recipe.batch_size, self.recipe.accumulate).is_empty();
            pairs.add(has_pairs, &notes);
            // A pair needs a negative; the schedule goes on all the same.
            let report = self.step(&loaded, notes, listener);
            self.progress.step += 1;
            self.progress.step_in_epoch += 1;
            if has_pairs {
                self.learned = Position::of(&self.progress);
            }
            let told = report.and_then(|report| self.tell(report, listener));
            let mut stops = self.ranks.share(told)?;
            let every = self.recipe.checkpoint_steps.filter(|_| has_pairs);
            let is_due = every.is_some_and(|every| self.progress.step.is_multiple_of(every));
            if stops || is_due {
                stops |= self.catch_up(listener)?;
            }
            if stops {
                return Ok(ControlFlow::Break(()));
            }
            if is_due {
                self.checkpoint(listener)?;
            }
        }
        if self.catch_up(listener)? {
            return Ok(ControlFlow::Break(()));
        }
        self.ranks.agree(pairs.check(&self.dataset.manifest().source))?;
        let (trained, waited) = (started.elapsed(), loader.waited());
        drop(loader);
        let exchanged = self.ranks.exchanged() - exchanged;
        let ended = Event::EpochEnded { epoch, trained, waited, exchanged };
        // What rank 0 makes of it holds for all.
        let verdict = if self.ranks.is_first() { self.end_epoch(ended, listener) } else { Ok(false) };
        let stop = self.ranks.share(verdict)?;
        self.progress = self.ranks.share(Ok(self.progress.clone()))?;
        self.learned = Position::of(&self.progress);
        Ok(if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// Files that a step needs cannot be loaded: it is not taken, and those before it are in a checkpoint. The error
    /// that ends the run.
    fn keep_before(&mut self, error: TrainError, listener: &mut Listener<'_>) -> TrainError {
        if let Err(earlier) = self.catch_up(listener) {
            return earlier;
        }
        // A checkpoint that cannot be written leaves the one before, from which the run goes on as well.
        if self.ranks.is_first()
            && let Ok(path) = self.write_checkpoint()
        {
            let _ = listener(Event::CheckpointSaved(&path));
        }
        error
    }

    /// Validates and moves on to the next epoch; whether the listener wants to stop. If that fails, the steps of the
    /// epoch are in a checkpoint all the same.
    fn end_epoch(&mut self, ended: Event<'_>, listener: &mut Listener<'_>) -> Result<bool, TrainError> {
        let before = self.progress.clone();
        let ended = self.validate_and_advance(ended, listener);
        if ended.is_err() {
            self.progress = before;
            // The first error is the one to tell.
            let _ = self.write_checkpoint();
        }
        ended
    }

    fn validate_and_advance(&mut self, ended: Event<'_>, listener: &mut Listener<'_>) -> Result<bool, TrainError> {
        if self.recipe.doctor {
            for diagnosis in std::mem::take(&mut self.faults).diagnoses(self.dataset.len()) {
                let _ = listener(Event::Diagnosed(&diagnosis));
            }
        }
        let score = self.validate(listener)?;
        let (sum, count) = std::mem::take(&mut self.progress.epoch_loss);
        let mean_loss = sum / count.max(1) as f64;
        if score.is_some() || count > 0 {
            self.progress.plateau.advance(&self.recipe.schedule, score.unwrap_or(-mean_loss));
        }
        self.progress.epoch += 1;
        self.progress.step_in_epoch = 0;
        Ok(listener(ended).is_break())
    }
}

/// Whether the steps of an epoch had anything to learn from.
struct LoadedPairs {
    some: bool,
    /// Why the first file was left out.
    reason: Option<String>,
}

impl LoadedPairs {
    /// Takes a step of all ranks into account.
    fn add(&mut self, has_pairs: bool, notes: &[ShareNote]) {
        self.some |= has_pairs;
        self.reason = self.reason.take().or_else(|| notes.iter().find_map(|note| note.skipped.first().cloned()));
    }

    /// # Errors
    /// [`TrainError::NothingToTrainOn`] if files were left out and no step had two others.
    fn check(self, manifest: &Path) -> Result<(), TrainError> {
        match self.reason {
            Some(reason) if !self.some => Err(TrainError::NothingToTrainOn { path: manifest.to_owned(), reason }),
            _ => Ok(()),
        }
    }
}
