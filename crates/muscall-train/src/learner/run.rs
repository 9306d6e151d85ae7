//! A run: its epochs, and what happens between steps.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use burn::module::Module;
use burn::tensor::Device;
use muscall_audio::LogMelExtractor;

use super::Outcome;
use super::report::Underway;
use crate::TrainError;
use crate::batcher::{EpochLoader, LoaderConfig};
use crate::captions::Captions;
use crate::checkpoint::Progress;
use crate::dataset::Dataset;
use crate::distributed::{Division, Ranks, ShareNote, SharedNorms};
use crate::doctor::{FaultCounts, TrainingDoctor};
use crate::ema::Ema;
use crate::event::Event;
use crate::log::RunLog;
use crate::manifest::Manifest;
use crate::optimizer::AdamW;
use crate::recipe::Recipe;
use crate::trainee::Trainee;

pub(super) type Listener<'a> = dyn FnMut(Event<'_>) -> ControlFlow<()> + 'a;

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
    pub(super) validation: Option<Manifest>,
    pub(super) frontend: Arc<LogMelExtractor>,
    pub(super) captions: Captions,
    pub(super) trainee: Trainee,
    /// Of rank 0.
    pub(super) ema: Option<Ema>,
    pub(super) optimizer: AdamW,
    pub(super) progress: Progress,
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
        let loader = EpochLoader::new(dataset, frontend, config, epoch, self.progress.step_in_epoch);
        let mut loader = self.ranks.agree(loader)?.with_places(self.division.own_places(self.recipe.accumulate));
        let exchanged = self.ranks.exchanged();
        let started = Instant::now();
        self.clock = started;
        // Of an epoch that was interrupted, the steps before count too.
        let mut pairs = LoadedPairs { some: self.progress.step_in_epoch > 0, reason: None };
        while self.progress.step < self.steps {
            let Some(loaded) = loader.next() else { break };
            let (loaded, notes) = self.ranks.gather(loaded, ShareNote::of)?;
            for error in &loaded.skipped {
                let _ = listener(Event::Skipped(error));
            }
            for (rank, note) in notes.iter().enumerate().skip(1) {
                for message in &note.skipped {
                    let _ = listener(Event::Skipped(&TrainError::OnRank { rank, message: message.clone() }));
                }
            }
            pairs.add(&notes);
            // A pair needs a negative; the schedule goes on all the same.
            let report = self.step(&loaded, notes, listener);
            self.progress.step += 1;
            self.progress.step_in_epoch += 1;
            let told = report.and_then(|report| self.tell(report, listener));
            let mut stops = self.ranks.share(told)?;
            let every = self.recipe.checkpoint_steps;
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
        Ok(if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
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
    fn add(&mut self, notes: &[ShareNote]) {
        self.some |= notes.iter().map(|note| note.items.len()).sum::<usize>() >= 2;
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
