//! Who tells of a run: its log, the doctor and the listener.

use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use muscall_data::DataError;

use super::outcome::Listener;
use super::state::TrainingState;
use super::step_numbers::{StepFacts, StepNumbers};
use crate::TrainError;
use crate::checkpoint::Progress;
use crate::dataset::Dataset;
use crate::distributed::ShareNote;
use crate::doctor::{FaultCounts, TrainingDoctor, mean_pairwise_cosine};
use crate::event::{Event, SkippedStep, StepReport, ValidationReport};
use crate::log::RunLog;
use crate::recipe::Recipe;
use crate::run_dir;

/// Makes reports of what has happened. All ranks have one; only that of rank 0 writes, and is heard.
pub(super) struct Reporter<'a> {
    pub(super) listener: &'a mut Listener<'a>,
    pub(super) recipe: &'a Recipe,
    pub(super) dir: &'a Path,
    /// Whose rows reports name.
    pub(super) dataset: Arc<Dataset>,
    pub(super) is_first: bool,
    /// Of rank 0, once the directory is its own.
    pub(super) log: Option<RunLog>,
    pub(super) doctor: TrainingDoctor,
    pub(super) faults: FaultCounts,
    /// A cache that cannot be written is told of once.
    pub(super) has_told_of_cache: bool,
    /// Whether a step is reported only when the next one has been asked for.
    pub(super) is_late: bool,
    /// The last step, if its report is still to come: a GPU was asked for it, and may not have finished. Its numbers are
    /// waited for on a thread of their own, while on this one the GPU is asked for the next step; otherwise it would idle
    /// from one step until the next batch is there.
    pub(super) underway: Option<(StepFacts, JoinHandle<StepNumbers>)>,
    /// When the last step had been computed.
    pub(super) clock: Instant,
}

/// Reports of steps, at once or while the next one is computed.
impl Reporter<'_> {
    /// The first step of an epoch has taken the time since then.
    pub(super) fn start_clock(&mut self, now: Instant) {
        self.clock = now;
    }

    pub(super) fn is_late(&self) -> bool {
        self.is_late
    }

    /// The report of a step; or, if reports come late, that of the step before, while this one's numbers are waited for.
    pub(super) fn report(
        &mut self,
        facts: StepFacts,
        numbers: impl FnOnce() -> StepNumbers + Send + 'static,
    ) -> Result<Option<StepReport>, TrainError> {
        if !self.is_late {
            return Ok(Some(self.of_step(&facts, &numbers())));
        }
        let before = self.underway.replace((facts, thread::spawn(numbers)));
        before.map(|(facts, numbers)| self.arrived(&facts, numbers)).transpose()
    }

    /// Tells of the step whose report is still to come, before its weights are used; whether the listener wants to stop.
    pub(super) fn catch_up(&mut self, progress: &mut Progress) -> Result<bool, TrainError> {
        let underway = self.underway.take();
        let report = underway.map(|(facts, numbers)| self.arrived(&facts, numbers)).transpose()?;
        self.tell_step(report, progress)
    }

    /// Logs a step and tells the listener of it, who may want to stop.
    pub(super) fn tell_step(
        &mut self,
        report: Option<StepReport>,
        progress: &mut Progress,
    ) -> Result<bool, TrainError> {
        let Some(report) = report else { return Ok(false) };
        let (sum, count) = progress.epoch_loss;
        progress.epoch_loss = (sum + report.loss, count + 1);
        self.log.as_mut().map_or(Ok(()), |log| log.step(&report))?;
        Ok(self.tell(Event::Step(&report)))
    }

    fn arrived(&mut self, facts: &StepFacts, numbers: JoinHandle<StepNumbers>) -> Result<StepReport, TrainError> {
        let numbers = numbers.join().unwrap_or_else(|panic| resume_unwind(panic));
        if !numbers.loss.total.is_finite() || !numbers.gradient_norm.is_finite() {
            return Err(self.lost(facts, numbers.loss.total, numbers.gradient_norm));
        }
        Ok(self.of_step(facts, &numbers))
    }

    fn of_step(&mut self, facts: &StepFacts, numbers: &StepNumbers) -> StepReport {
        let report = StepReport {
            step: facts.step + 1,
            steps: facts.steps,
            epoch: facts.epoch,
            loss: numbers.loss.total,
            pair_loss: numbers.loss.pairs,
            ssl_loss: numbers.loss.ssl,
            learning_rate: facts.learning_rate,
            gradient_norm: numbers.gradient_norm,
            scale: numbers.scale,
            clips_per_s: facts.items.len() as f64 / numbers.at.duration_since(self.clock).as_secs_f64(),
        };
        self.clock = numbers.at;
        if self.recipe.doctor && self.is_first {
            self.diagnose_step(facts, numbers, &report);
        }
        report
    }
}

/// What the doctor says.
impl Reporter<'_> {
    fn diagnose_step(&mut self, facts: &StepFacts, numbers: &StepNumbers, report: &StepReport) {
        let items = &facts.items;
        let cosines =
            numbers.embeddings.each_ref().map(|rows| mean_pairwise_cosine(rows, self.recipe.model.projection_dim));
        let tracks = items.len().min(self.recipe.batch_size);
        let captions = items.iter().take(tracks).map(|item| item.captions.len()).sum();
        let chance = self.recipe.loss.at_chance(tracks, captions);
        for diagnosis in self.doctor.step(report, chance, cosines) {
            self.tell(Event::Diagnosed(&diagnosis));
        }
        // Every clip comes once in an epoch.
        if facts.epoch == 0 {
            for item in items {
                self.faults.add(&self.dataset.manifest().rows[item.index].audio, &item.faults);
            }
        }
    }

    /// The faults of the clips that steps have had.
    pub(super) fn diagnose_clips(&mut self) {
        if self.recipe.doctor {
            for diagnosis in std::mem::take(&mut self.faults).diagnoses(self.dataset.len()) {
                self.tell(Event::Diagnosed(&diagnosis));
            }
        }
    }
}

/// Reports of everything else.
impl Reporter<'_> {
    /// Tells the listener; whether it wants to stop.
    pub(super) fn tell(&mut self, event: Event<'_>) -> bool {
        (self.listener)(event).is_break()
    }

    /// Tells what could not be loaded for a step on any rank.
    pub(super) fn tell_of_files(&mut self, skipped: Vec<DataError>, notes: &[ShareNote]) {
        for error in skipped {
            self.tell(Event::Skipped(&error.into()));
        }
        for (rank, note) in notes.iter().enumerate().skip(1) {
            for message in &note.skipped {
                self.tell(Event::Skipped(&TrainError::OnRank { rank, message: message.clone() }));
            }
        }
        let failure = notes.iter().find_map(|note| note.cache_failure.clone());
        if let Some([path, reason]) = failure.filter(|_| !self.has_told_of_cache) {
            self.has_told_of_cache = true;
            self.tell(Event::Warning(&TrainError::CacheNotWritten { path: path.into(), reason }));
        }
    }

    /// Tells of a step that the state has left out.
    pub(super) fn tell_left_out(&mut self, facts: &StepFacts, loss: f64, gradient_norm: f64, state: &TrainingState) {
        let left_out = SkippedStep {
            step: facts.step,
            loss,
            gradient_norm,
            ids: self.ids(facts),
            in_a_row: state.left_out_in_a_row,
            loss_scale: state.progress.loss_scale.map(|scale| scale.factor()),
        };
        self.tell(Event::StepSkipped(&left_out));
    }

    /// The end of a run whose loss or gradients are not finite.
    pub(super) fn lost(&self, facts: &StepFacts, loss: f64, gradient_norm: f64) -> TrainError {
        let (step, ids) = (facts.step, self.ids(facts));
        let noted = match self.is_first {
            true => run_dir::write_not_finite(self.dir, step, loss, &ids),
            false => Ok(()),
        };
        noted.err().unwrap_or(TrainError::NotFinite { step, loss, gradient_norm, ids })
    }

    /// Logs a validation and tells of it.
    pub(super) fn tell_validation(&mut self, report: &ValidationReport) -> Result<(), TrainError> {
        self.log.as_mut().map_or(Ok(()), |log| log.validation(report))?;
        self.tell(Event::Validated(report));
        Ok(())
    }

    fn ids(&self, facts: &StepFacts) -> Vec<String> {
        let rows = &self.dataset.manifest().rows;
        facts.items.iter().map(|item| rows[item.index].id.clone()).collect()
    }
}
