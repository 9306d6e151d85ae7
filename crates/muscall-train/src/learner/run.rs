//! A run: its epochs, and what happens between steps.

use std::time::Instant;

use burn::module::Module;
use burn::tensor::Device;
use muscall_data::DataError;

use super::bundles::Bundles;
use super::data::TrainingData;
use super::options::Options;
use super::outcome::Outcome;
use super::parallel::DataParallel;
use super::reporter::Reporter;
use super::state::TrainingState;
use crate::TrainError;
use crate::batcher::RawBatch;
use crate::distributed::{ShareNote, SharedBatch};
use crate::event::Event;

/// A run that has begun. All ranks of a run have one, and call what is collective in the same order.
pub(super) struct Run<'a> {
    pub(super) options: &'a Options,
    /// With autodiff.
    pub(super) device: Device,
    /// Of the whole run.
    pub(super) steps: u64,
    pub(super) parallel: DataParallel,
    pub(super) data: TrainingData<'a>,
    pub(super) state: TrainingState,
    pub(super) bundles: Bundles<'a>,
    pub(super) reporter: Reporter<'a>,
}

impl Run<'_> {
    /// Trains until the end, or until the listener breaks.
    pub(super) fn finish(mut self) -> Result<Outcome, TrainError> {
        let started = Event::Started {
            steps: self.steps,
            taken: self.state.progress.step,
            parameters: self.state.trainee.model.num_params() + self.state.trainee.heads.num_params(),
            rows: self.data.dataset.len(),
        };
        let mut interrupted = self.parallel.ranks.share(Ok(self.reporter.tell(started)))?;
        while !interrupted && !self.is_over() {
            interrupted = self.epoch()?;
            self.checkpoint()?;
        }
        let (model, ema) = self.bundles.best(&self.state, &self.parallel.ranks)?;
        Ok(Outcome { model, steps: self.state.progress.step, interrupted, ema })
    }

    fn is_over(&self) -> bool {
        let (recipe, progress) = (&self.options.recipe, &self.state.progress);
        let has_stalled = recipe.validation.patience.is_some_and(|patience| progress.epochs_without_best >= patience);
        // After the last step its epoch still has a validation to come.
        let is_between_epochs = progress.step_in_epoch == 0;
        is_between_epochs && (has_stalled || progress.epoch >= recipe.epochs || progress.step >= self.steps)
    }

    /// The steps of an epoch that are still to be taken, and what comes after them; whether the listener wants to stop.
    fn epoch(&mut self) -> Result<bool, TrainError> {
        let (recipe, ranks) = (&self.options.recipe, self.parallel.ranks.clone());
        let (epoch, taken) = (self.state.progress.epoch, self.state.progress.step_in_epoch);
        let places = self.parallel.own_places(recipe.accumulate);
        let mut batches = ranks.agree(self.data.batches(epoch, taken, places))?;
        let exchanged = ranks.exchanged();
        let started = Instant::now();
        self.reporter.start_clock(started);
        // Why the first file was left out.
        let mut left_out = None;
        while self.state.progress.step < self.steps {
            let Some(batch) = batches.next() else { break };
            let (batch, notes) = self.load(batch)?;
            let has_pairs = !SharedBatch::all(&notes, recipe.batch_size, recipe.accumulate).is_empty();
            left_out = left_out.or_else(|| notes.iter().find_map(|note| note.skipped.first().cloned()));
            let report = self.step(&batch, notes);
            self.state.advance(has_pairs);
            let told = report.and_then(|report| self.reporter.tell_step(report, &mut self.state.progress));
            let mut stops = ranks.share(told)?;
            let every = recipe.checkpoint_steps.filter(|_| has_pairs);
            let is_due = every.is_some_and(|every| self.state.progress.step.is_multiple_of(every));
            if stops || is_due {
                stops |= self.reporter.catch_up(&mut self.state.progress)?;
            }
            if stops {
                return Ok(true);
            }
            if is_due {
                self.checkpoint()?;
            }
        }
        if self.reporter.catch_up(&mut self.state.progress)? {
            return Ok(true);
        }
        ranks.agree(self.check_learned(left_out))?;
        let (trained, waited) = (started.elapsed(), batches.waited());
        drop(batches);
        let exchanged = ranks.exchanged() - exchanged;
        let ended = Event::EpochEnded { epoch, trained, waited, exchanged };
        // What rank 0 makes of it holds for all.
        let verdict = if ranks.is_first() { self.end_epoch(ended) } else { Ok(false) };
        let stops = ranks.share(verdict)?;
        self.state.share_progress(&ranks)?;
        Ok(stops)
    }

    /// Whether the epoch had anything to learn from, where files were left out.
    fn check_learned(&self, left_out: Option<String>) -> Result<(), TrainError> {
        let path = &self.data.dataset.manifest().source;
        match left_out.filter(|_| !self.state.has_learned_in_epoch()) {
            Some(reason) => Err(TrainError::NothingToTrainOn { path: path.clone(), reason }),
            None => Ok(()),
        }
    }

    /// What this rank has loaded for a step, and a note of what each of them has. Files that are away end the run.
    fn load(&mut self, batch: Result<RawBatch, DataError>) -> Result<(RawBatch, Vec<ShareNote>), TrainError> {
        let batch = batch.map_err(TrainError::from);
        let gathered = self.parallel.ranks.gather(batch, |batch| self.data.note(batch));
        let (mut batch, notes) = gathered.map_err(|error| self.keep_before(error))?;
        self.reporter.tell_of_files(std::mem::take(&mut batch.skipped), &notes);
        self.data.leave_out_gone(&notes);
        Ok((batch, notes))
    }

    /// Files that a step needs cannot be loaded: it is not taken, and those before it are in a checkpoint. The error
    /// that ends the run.
    fn keep_before(&mut self, error: TrainError) -> TrainError {
        if let Err(earlier) = self.reporter.catch_up(&mut self.state.progress) {
            return earlier;
        }
        // A checkpoint that cannot be written leaves the one before, from which the run goes on as well.
        if self.parallel.ranks.is_first()
            && let Ok(path) = self.state.save(&self.options.dir, self.data.absent())
        {
            self.reporter.tell(Event::CheckpointSaved(&path));
        }
        error
    }

    /// Rank 0 writes, and the others wait until it is there.
    fn checkpoint(&mut self) -> Result<(), TrainError> {
        let Self { options, parallel, data, state, reporter, .. } = self;
        if let Some(path) = parallel.ranks.first(|| state.save(&options.dir, data.absent()))? {
            reporter.tell(Event::CheckpointSaved(&path));
        }
        Ok(())
    }

    /// Validates and moves on to the next epoch; whether the listener wants to stop. If that fails, the steps of the
    /// epoch are in a checkpoint all the same.
    fn end_epoch(&mut self, ended: Event<'_>) -> Result<bool, TrainError> {
        let before = self.state.progress.clone();
        self.reporter.diagnose_clips();
        match self.bundles.validate(&mut self.state, &self.data, &mut self.reporter) {
            Ok(score) => {
                self.state.end_epoch(&self.options.recipe.schedule, score);
                Ok(self.reporter.tell(ended))
            }
            Err(error) => {
                self.state.progress = before;
                // The first error is the one to tell.
                let _ = self.state.save(&self.options.dir, self.data.absent());
                Err(error)
            }
        }
    }
}
