//! What is told of a step, at once or while the next one is computed.

use std::panic::resume_unwind;
use std::thread;

use super::outcome::Listener;
use super::run::Run;
use super::underway::{StepFacts, StepNumbers, Underway};
use crate::TrainError;
use crate::doctor::mean_pairwise_cosine;
use crate::event::{Event, StepReport};

impl Run {
    /// Keeps a step's numbers for later; the report of the one before.
    pub(super) fn report_later(
        &mut self,
        facts: StepFacts,
        numbers: impl FnOnce() -> StepNumbers + Send + 'static,
        listener: &mut Listener<'_>,
    ) -> Result<Option<StepReport>, TrainError> {
        let before = self.underway.replace(Underway { facts, numbers: thread::spawn(numbers) });
        before.map(|step| self.arrived(step, listener)).transpose()
    }

    /// Tells of the step whose report is still to come, before its weights are used; whether the listener wants to stop.
    pub(super) fn catch_up(&mut self, listener: &mut Listener<'_>) -> Result<bool, TrainError> {
        let report = self.underway.take().map(|step| self.arrived(step, listener)).transpose()?;
        self.tell(report, listener)
    }

    fn arrived(&mut self, step: Underway, listener: &mut Listener<'_>) -> Result<StepReport, TrainError> {
        let Underway { facts, numbers } = step;
        let numbers = numbers.join().unwrap_or_else(|panic| resume_unwind(panic));
        if !numbers.loss.total.is_finite() || !numbers.gradient_norm.is_finite() {
            return Err(self.lost(&facts, numbers.loss.total, numbers.gradient_norm));
        }
        Ok(self.report(&facts, &numbers, listener))
    }

    /// What a step was, and what the doctor says of it.
    pub(super) fn report(
        &mut self,
        facts: &StepFacts,
        numbers: &StepNumbers,
        listener: &mut Listener<'_>,
    ) -> StepReport {
        let StepFacts { step, epoch, learning_rate, items } = facts;
        let StepNumbers { loss, gradient_norm, scale, embeddings: [audio, text], at } = numbers;
        let report = StepReport {
            step: step + 1,
            steps: self.steps,
            epoch: *epoch,
            loss: loss.total,
            pair_loss: loss.pairs,
            ssl_loss: loss.ssl,
            learning_rate: *learning_rate,
            gradient_norm: *gradient_norm,
            scale: *scale,
            clips_per_s: items.len() as f64 / at.duration_since(self.clock).as_secs_f64(),
        };
        self.clock = *at;
        if self.recipe.doctor && self.ranks.is_first() {
            let dim = self.recipe.model.projection_dim;
            let cosines = [mean_pairwise_cosine(audio, dim), mean_pairwise_cosine(text, dim)];
            let tracks = items.len().min(self.recipe.batch_size);
            let captions = items.iter().take(tracks).map(|item| item.captions.len()).sum();
            let chance = self.recipe.loss.at_chance(tracks, captions);
            for diagnosis in self.doctor.step(&report, chance, cosines) {
                let _ = listener(Event::Diagnosed(&diagnosis));
            }
            if *epoch == 0 {
                for item in items {
                    self.faults.add(&self.dataset.manifest().rows[item.index].audio, &item.faults);
                }
            }
        }
        report
    }

    /// Logs a step and tells the listener of it, who may want to stop.
    pub(super) fn tell(&mut self, report: Option<StepReport>, listener: &mut Listener<'_>) -> Result<bool, TrainError> {
        let Some(report) = report else { return Ok(false) };
        let (sum, count) = self.progress.epoch_loss;
        self.progress.epoch_loss = (sum + report.loss, count + 1);
        self.log.as_mut().map_or(Ok(()), |log| log.step(&report))?;
        Ok(listener(Event::Step(&report)).is_break())
    }
}
