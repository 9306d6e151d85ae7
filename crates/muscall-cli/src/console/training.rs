//! A training run on the terminal.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use muscall::Event;
use muscall::train::ValidationReport;
use muscall::train::device_check::Quantity;

use super::{Progress, stop_on_ctrl_c};

/// Among fewer tracks recall at 10 is soon one.
const FEW_TRACKS: usize = 40;

/// A bar with loss, rate, throughput and remaining time, and one line per
/// validation. Ctrl-C lets the run save and stop.
pub struct TrainingConsole {
    progress: Progress,
    stop: Arc<AtomicBool>,
    has_said_so: bool,
    validation: String,
    every: u64,
}

impl TrainingConsole {
    /// Prints every `every`-th validation.
    ///
    /// # Errors
    /// If this process listens to Ctrl-C already.
    pub fn new(every: u64) -> Result<Self, ctrlc::Error> {
        let stop = stop_on_ctrl_c()?;
        let progress = Progress::new("{bar:30.cyan/dim} {pos}/{len} steps · {msg} · {elapsed} · {eta} left");
        let validation = String::new();
        Ok(Self { progress, stop, has_said_so: false, validation, every })
    }

    /// Shows what happened, and says whether to go on.
    pub fn listen(&mut self, event: &Event<'_>) -> ControlFlow<()> {
        match event {
            Event::Started { steps, taken, parameters, rows } => {
                self.progress.bar.set_length(*steps);
                self.progress.bar.set_position(*taken);
                self.progress.bar.set_message("");
                let millions = *parameters as f64 / 1e6;
                self.line(&format!(
                    "{rows} training clips, {millions:.1} M parameters, {steps} steps, {taken} of them taken"
                ));
            }
            Event::Step(step) => {
                let (loss, rate, speed) = (step.loss, step.learning_rate, step.clips_per_s);
                let message = format!("loss {loss:.3} · rate {rate:.1e} · {speed:.0} clips/s{}", self.validation);
                self.progress.log(false, || format!("step {} of {} · {message}", step.step, step.steps));
                self.progress.bar.set_position(step.step);
                self.progress.bar.set_message(message);
            }
            Event::Validated(report) if report.is_ema => {}
            Event::Validated(ValidationReport { explained: Some(explained), epoch, is_best, .. }) => {
                let percent = 100.0 * explained;
                self.validation = format!(" · explains {percent:.1} %");
                let (epoch, best) = (epoch + 1, if *is_best { ", best so far" } else { "" });
                if epoch.is_multiple_of(self.every) {
                    self.line(&format!("epoch {epoch:>3}: explains {percent:.1} % of the teacher's variance{best}"));
                }
            }
            Event::Validated(report) => {
                let metrics = &report.metrics.text_to_audio;
                let (recall, map) = (("R@10", metrics.r_at_10), ("mAP@10", metrics.map_at_10));
                // Of few tracks ten are most.
                let is_small = metrics.gallery < FEW_TRACKS;
                let [first, second] = if is_small { [map, recall] } else { [recall, map] };
                if is_small && self.validation.is_empty() {
                    self.line(&format!(
                        "validation among {} tracks: R@10 hardly moves among so few, so mAP@10 is shown first",
                        metrics.gallery
                    ));
                }
                self.validation = format!(" · val {} {:.2}", first.0, first.1);
                let epoch = report.epoch + 1;
                if epoch.is_multiple_of(self.every) {
                    let best = if report.is_best { ", best so far" } else { "" };
                    self.line(&format!(
                        "epoch {epoch:>3}: text→audio {} {:.3}, {} {:.3}{best}",
                        first.0, first.1, second.0, second.1
                    ));
                }
            }
            Event::EpochEnded { epoch, trained, waited, exchanged } => {
                let part = waited.as_secs_f64() / trained.as_secs_f64().max(1e-9);
                // The first batch of an epoch is always waited for.
                if part > 0.1 && waited.as_secs() >= 1 && (epoch + 1).is_multiple_of(self.every) {
                    let (epoch, waited, percent) = (epoch + 1, waited.as_secs(), 100.0 * part);
                    self.line(&format!(
                        "epoch {epoch:>3}: steps waited {waited} s ({percent:.0} %) for data; more data.threads or data.cache may help"
                    ));
                }
                if !exchanged.is_zero() && (epoch + 1).is_multiple_of(self.every) {
                    let percent = 100.0 * exchanged.as_secs_f64() / trained.as_secs_f64().max(1e-9);
                    let (epoch, exchanged) = (epoch + 1, exchanged.as_secs_f64());
                    self.line(&format!(
                        "epoch {epoch:>3}: {exchanged:.1} s ({percent:.0} %) of exchange between devices"
                    ));
                }
            }
            Event::DeviceChecked(report) => {
                let verdict = if report.agrees() { "agrees" } else { "does not agree" };
                let worst = report.worst(Quantity::Embedding).map(|worst| format!(": {worst}")).unwrap_or_default();
                self.line(&format!("the device {verdict} with the CPU{worst}"));
            }
            Event::StepSkipped(skipped) => {
                let (step, loss, in_a_row) = (skipped.step, skipped.loss, skipped.in_a_row);
                let scale = skipped
                    .loss_scale
                    .map(|scale| format!(", the factor of the loss is now {scale}"))
                    .unwrap_or_default();
                self.line(&format!(
                    "step {step} was skipped ({in_a_row} in a row): loss {loss}, gradients not finite{scale}"
                ));
            }
            Event::Skipped(error) => self.line(&format!("left out: {error}")),
            Event::Warning(error) => self.line(&format!("warning: {error}")),
            Event::Diagnosed(diagnosis) => self.line(&format!("doctor: {diagnosis}")),
            Event::EmbeddingCaptions { done, total } => self.prepared("captions embedded", *done, *total),
            Event::Preparing { what, done, total } => {
                let what = if *what == "tracks" { "tracks heard" } else { "captions embedded" };
                self.prepared(what, *done, *total);
            }
            _ => {}
        }
        if self.stop.load(Ordering::SeqCst) {
            if !std::mem::replace(&mut self.has_said_so, true) {
                self.line("stopping after this step: the run so far is saved and can be resumed");
            }
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// What is done once, before the first step.
    fn prepared(&self, what: &'static str, done: usize, total: usize) {
        self.progress.log(done == total, || format!("{done} of {total} {what}"));
        self.progress.bar.set_length(total as u64);
        self.progress.bar.set_position(done as u64);
        self.progress.bar.set_message(what);
    }

    fn line(&self, line: &str) {
        self.progress.line(line);
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.progress.finish();
    }
}
