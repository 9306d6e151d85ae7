//! Progress of an index on the terminal.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use muscall::indexing::{Event, Outcome};

/// A bar in bytes with rate and remaining time. Ctrl-C stops after the batch at hand.
pub struct IndexConsole {
    bar: ProgressBar,
    stop: Arc<AtomicBool>,
    files: usize,
    audio_s: f64,
}

impl IndexConsole {
    pub fn new() -> Result<Self, ctrlc::Error> {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = "{bar:30.cyan/dim} {bytes}/{total_bytes} · {msg} · {elapsed} · {eta} left";
        bar.set_style(ProgressStyle::with_template(style).expect("the template is valid"));
        Ok(Self { bar, stop: super::stop_on_ctrl_c()?, files: 0, audio_s: 0.0 })
    }

    pub fn listen(&mut self, event: &Event<'_>) -> ControlFlow<()> {
        match event {
            Event::Planned { files, bytes, unchanged, gone } => {
                self.bar.set_length(*bytes);
                self.bar.println(format!("{files} files to read, {unchanged} unchanged, {gone} gone"));
            }
            Event::File { path, bytes, outcome } => {
                self.files += 1;
                match outcome {
                    Outcome::Embedded { duration_s, .. } => self.audio_s += duration_s,
                    Outcome::Unreadable(file) => self.bar.println(format!("left out: {path}: {}", file.reason)),
                    _ => {}
                }
                let speed = self.audio_s / self.bar.elapsed().as_secs_f64().max(1e-3);
                self.bar.set_message(format!("{} files · {speed:.0} s of audio per second", self.files));
                self.bar.inc(*bytes);
            }
            _ => {}
        }
        self.go_on()
    }

    /// Segments of the graph.
    #[cfg(feature = "ann")]
    pub fn graph(&self, done: usize, all: usize) -> ControlFlow<()> {
        if all > 0 && done > 0 {
            eprintln!("graph: {done} of {all} segments");
        }
        self.go_on()
    }

    fn go_on(&self) -> ControlFlow<()> {
        if self.stop.load(Ordering::SeqCst) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
