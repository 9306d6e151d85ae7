//! What the examples share: a progress bar, a table, an exit code.

use std::error::Error;
use std::fmt::Write;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use muscall::retrieval::{BothDirections, DirectionReport, Interval, RetrievalMetrics, RetrievalReport, chance};
use muscall::{Event, Split};

/// A split on the command line.
#[allow(dead_code)]
#[derive(Clone, Copy, ValueEnum)]
pub enum SplitName {
    Train,
    Val,
    Test,
}

impl From<SplitName> for Split {
    fn from(name: SplitName) -> Self {
        match name {
            SplitName::Train => Self::Train,
            SplitName::Val => Self::Val,
            SplitName::Test => Self::Test,
        }
    }
}

/// A training run on the terminal: a bar with loss, rate, throughput and remaining time, a line a
/// validation. Ctrl-C lets the run save and stop.
#[allow(dead_code)]
pub struct TrainingConsole {
    bar: ProgressBar,
    stop: Arc<AtomicBool>,
    validation: String,
    every: u64,
}

#[allow(dead_code)]
impl TrainingConsole {
    /// Prints every `every`-th validation.
    pub fn new(every: u64) -> Result<Self, ctrlc::Error> {
        let stop = Arc::new(AtomicBool::new(false));
        let flag = stop.clone();
        ctrlc::set_handler(move || {
            // A second Ctrl-C does not wait for the checkpoint.
            if flag.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
        })?;
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = "{bar:30.cyan/dim} {pos}/{len} steps · {msg} · {elapsed} · {eta} left";
        bar.set_style(ProgressStyle::with_template(style).expect("the template is valid"));
        let validation = String::new();
        Ok(Self { bar, stop, validation, every })
    }

    pub fn listen(&mut self, event: &Event<'_>) -> ControlFlow<()> {
        match event {
            Event::Started { steps, taken, parameters, rows } => {
                self.bar.set_length(*steps);
                self.bar.set_position(*taken);
                let millions = *parameters as f64 / 1e6;
                self.line(&format!(
                    "{rows} training clips, {millions:.1} M parameters, {steps} steps, {taken} of them taken"
                ));
            }
            Event::Step(step) => {
                self.bar.set_position(step.step);
                let (loss, rate, speed) = (step.loss, step.learning_rate, step.clips_per_s);
                self.bar
                    .set_message(format!("loss {loss:.3} · rate {rate:.1e} · {speed:.0} clips/s{}", self.validation));
            }
            Event::Validated(report) if report.is_ema => {}
            Event::Validated(report) => {
                let metrics = &report.metrics.text_to_audio;
                self.validation = format!(" · val R@10 {:.2}", metrics.r_at_10);
                let epoch = report.epoch + 1;
                if epoch.is_multiple_of(self.every) {
                    let best = if report.is_best { ", best so far" } else { "" };
                    self.line(&format!(
                        "epoch {epoch:>3}: text→audio R@10 {:.3}, mAP@10 {:.3}{best}",
                        metrics.r_at_10, metrics.map_at_10
                    ));
                }
            }
            Event::Skipped(error) => self.line(&format!("left out: {error}")),
            Event::Warning(error) => self.line(&format!("warning: {error}")),
            Event::Diagnosed(diagnosis) => self.line(&format!("doctor: {diagnosis}")),
            Event::EmbeddingCaptions { done, total } => {
                self.bar.set_length(*total as u64);
                self.bar.set_position(*done as u64);
                self.bar.set_message("captions embedded");
            }
            _ => {}
        }
        if self.stop.load(Ordering::SeqCst) {
            self.line("stopping: the run is saved and can be resumed");
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn line(&self, line: &str) {
        // Without a terminal there is no bar, but the lines still matter.
        if self.bar.is_hidden() {
            eprintln!("{line}");
        } else {
            self.bar.println(line);
        }
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Both directions against chance.
#[allow(dead_code)]
pub fn table(metrics: &BothDirections) -> String {
    let mut table = format!("{:<14}{:>7}{:>8}{:>8}{:>9}{:>7}", "", "R@1", "R@5", "R@10", "mAP@10", "MedR");
    let mut row = |name: &str, m: &RetrievalMetrics| {
        let [r1, r5, r10, map] = [m.r_at_1, m.r_at_5, m.r_at_10, m.map_at_10].map(|x| 100.0 * x);
        let _ = write!(table, "\n{name:<14}{r1:>7.1}{r5:>8.1}{r10:>8.1}{map:>9.1}{:>7}", m.median_rank);
    };
    row("text → music", &metrics.text_to_audio);
    row("music → text", &metrics.audio_to_text);
    row("chance", &chance(metrics.text_to_audio.gallery));
    table
}

/// Both directions, each number with its 95 % interval.
#[allow(dead_code)]
pub fn report_table(report: &RetrievalReport) -> String {
    let mut table = format!("{:<14}{:>22}{:>22}{:>22}{:>22}{:>18}", "", "R@1", "R@5", "R@10", "mAP@10", "MedR");
    let mut row = |name: &str, r: &DirectionReport| {
        let percent = |value: f64, Interval { low, high }: Interval| {
            format!("{:.1} [{:.1}, {:.1}]", 100.0 * value, 100.0 * low, 100.0 * high)
        };
        let (m, i) = (&r.metrics, &r.intervals);
        let [r1, r5] = [percent(m.r_at_1, i.r_at_1), percent(m.r_at_5, i.r_at_5)];
        let [r10, map] = [percent(m.r_at_10, i.r_at_10), percent(m.map_at_10, i.map_at_10)];
        let median = format!("{} [{:.1}, {:.1}]", m.median_rank, i.median_rank.low, i.median_rank.high);
        let _ = write!(table, "\n{name:<14}{r1:>22}{r5:>22}{r10:>22}{map:>22}{median:>18}");
    };
    row("text → music", &report.text_to_audio);
    row("music → text", &report.audio_to_text);
    table
}

/// Prints an error with its causes; exit code 2.
#[allow(dead_code)]
pub fn exit(result: Result<(), Box<dyn Error>>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    eprintln!("error: {error}");
    ExitCode::from(2)
}
