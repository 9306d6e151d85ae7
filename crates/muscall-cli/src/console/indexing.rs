//! Progress of an index on the terminal.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use muscall::indexing::{Event, Outcome};

use super::Progress;

/// A bar in bytes with rate and remaining time. Ctrl-C stops after the batch at hand.
pub struct IndexConsole {
    progress: Progress,
    stop: Arc<AtomicBool>,
    files: usize,
    all: usize,
    audio_s: f64,
    /// Shows a bar and says nothing.
    quiet: bool,
}

impl IndexConsole {
    /// Of one or several runs after each other.
    ///
    /// # Errors
    /// If this process listens to Ctrl-C already.
    pub fn new() -> Result<Self, ctrlc::Error> {
        let progress = Progress::new("{bar:30.cyan/dim} {bytes}/{total_bytes} · {msg} · {elapsed} · {eta} left");
        Ok(Self { progress, stop: super::stop_on_ctrl_c()?, files: 0, all: 0, audio_s: 0.0, quiet: false })
    }

    /// With a bar alone: without a line about what there is to do, and about single files that can't be read.
    #[must_use]
    pub fn with_bar_alone(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Shows what happened, and says whether to go on.
    pub fn listen(&mut self, event: &Event<'_>) -> ControlFlow<()> {
        match event {
            Event::Planned { files, bytes, unchanged, gone } => {
                (self.all, self.files) = (*files, 0);
                self.progress.bar.set_length(*bytes);
                self.progress.bar.set_position(0);
                if self.quiet {
                    return self.go_on();
                }
                self.progress.line(&format!("{files} files to read, {unchanged} unchanged, {gone} gone"));
            }
            Event::Away(folder) => self.progress.line(&format!("kept: {}: {}", folder.path, folder.reason)),
            Event::File { path, bytes, outcome } => {
                self.files += 1;
                match outcome {
                    Outcome::Embedded { duration_s, .. } => self.audio_s += duration_s,
                    Outcome::Unreadable(_) if self.quiet => {}
                    Outcome::Unreadable(file) => self.progress.line(&format!("left out: {path}: {}", file.reason)),
                    _ => {}
                }
                let (bar, files, all) = (&self.progress.bar, self.files, self.all);
                let speed = self.audio_s / bar.elapsed().as_secs_f64().max(1e-3);
                let speed = format!("{speed:.0} s of audio per second");
                bar.set_message(format!("{files} files · {speed}"));
                bar.inc(*bytes);
                self.progress.log(files == all && !self.quiet, || format!("{files} of {all} files · {speed}"));
            }
            _ => {}
        }
        self.go_on()
    }

    /// Shows how many segments the graph has, and says whether to go on.
    pub fn graph(&self, done: usize, all: usize) -> ControlFlow<()> {
        if all > 0 && done > 0 {
            self.progress.line(&format!("graph: {done} of {all} segments"));
        }
        self.go_on()
    }

    /// Whether Ctrl-C was pressed.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn go_on(&self) -> ControlFlow<()> {
        if self.is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.progress.finish();
    }
}
