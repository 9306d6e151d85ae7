//! Progress of an index on the terminal.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use muscall::audio::Repair;
use muscall::indexing::{Event, Outcome};

use super::Progress;

/// Recordings of which more was heard are named while they take.
const LONG_S: f64 = 1200.0;

/// A bar in bytes with rate and remaining time. Ctrl-C stops after the batch at hand.
pub struct IndexConsole {
    progress: Progress,
    stop: Arc<AtomicBool>,
    files: usize,
    all: usize,
    audio_s: f64,
    /// Files that had to be mended.
    damaged: usize,
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
        Ok(Self { progress, stop: super::stop_on_ctrl_c()?, files: 0, all: 0, audio_s: 0.0, damaged: 0, quiet: false })
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
            Event::Underway { path: Some(path), heard_s } if *heard_s >= LONG_S => {
                let name = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
                self.progress.bar.set_message(format!(
                    "{} files · {name}: {:.0} min heard",
                    self.files,
                    heard_s / 60.0
                ));
                self.progress.bar.tick();
            }
            Event::Away(folder) => self.progress.line(&format!("kept: {}: {}", folder.path, folder.reason)),
            Event::File { path, bytes, outcome } => {
                self.files += 1;
                match outcome {
                    Outcome::Embedded { duration_s, repairs, .. } => {
                        self.audio_s += duration_s;
                        self.tell_repairs(path, repairs);
                    }
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

    /// A line about a file that is damaged, of the first of them.
    fn tell_repairs(&mut self, path: &str, repairs: &[Repair]) {
        const LINES: usize = 20;
        if repairs.is_empty() || self.quiet {
            return;
        }
        self.damaged += 1;
        if self.damaged <= LINES {
            let repairs: Vec<String> = repairs.iter().map(Repair::to_string).collect();
            self.progress.line(&format!("damaged, the rest is indexed: {path}: {}", repairs.join("; ")));
        } else if self.damaged == LINES + 1 {
            self.progress.line("more files are damaged; `muscall inspect` tells of each");
        }
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
