//! How far something long is, on standard error.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

/// Between two lines in a log.
const PAUSE: Duration = Duration::from_secs(30);

/// A bar on a terminal; elsewhere, as in the log of a cluster's job, a line now and then.
pub struct Progress {
    /// The bar, which does nothing where there is no terminal.
    pub bar: ProgressBar,
    files: AtomicU64,
    /// When the last of those lines was.
    said: Mutex<Instant>,
}

impl Progress {
    /// With a template of indicatif's.
    ///
    /// # Panics
    /// If the template is not valid.
    pub fn new(template: &str) -> Self {
        // An error stands where the bar was.
        let bar =
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_finish(ProgressFinish::AndClear);
        bar.set_style(ProgressStyle::with_template(template).expect("the template is valid"));
        Self { bar, files: AtomicU64::new(0), said: Mutex::new(Instant::now()) }
    }

    /// Of so many files, each of which is `read`, `embedded` or the like.
    pub fn files(all: usize, what: &'static str) -> Self {
        let progress = Self::new("{bar:30.cyan/dim} {pos}/{len} files {msg} · {elapsed} · {eta} left");
        progress.bar.set_length(all as u64);
        progress.bar.set_message(what);
        progress
    }

    /// So many of so many are done.
    pub fn at(&self, done: usize, all: usize) {
        self.bar.set_length(all as u64);
        self.bar.set_position(done as u64);
    }

    /// A line above the bar, or in the log. What a terminal would obey, as in the name of a file, is shown as a sign.
    pub fn line(&self, line: &str) {
        let line: String = line.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect();
        if self.bar.is_hidden() {
            eprintln!("{line}");
        } else {
            self.bar.println(&line);
        }
    }

    /// What a bar shows otherwise, in the log: every half minute, and the last of it.
    pub fn log(&self, is_last: bool, line: impl FnOnce() -> String) {
        if !self.bar.is_hidden() {
            return;
        }
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if is_last || said.elapsed() >= PAUSE {
            *said = Instant::now();
            eprintln!("{}", line());
        }
    }

    /// One more of the files is done, on any thread.
    pub fn file(&self) {
        let (done, all) = (self.files.fetch_add(1, Ordering::SeqCst) + 1, self.bar.length().unwrap_or_default());
        self.bar.inc(1);
        self.log(done == all, || format!("{done} of {all} files {}", self.bar.message()));
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Does something with files that does not tell how far it is.
pub fn working<T>(files: usize, work: impl FnOnce() -> T) -> T {
    let progress = Progress::new("{spinner} {msg} · {elapsed}");
    let message = format!("embedding {files} files");
    progress.log(true, || message.clone());
    progress.bar.set_message(message);
    progress.bar.enable_steady_tick(Duration::from_millis(200));
    let result = work();
    progress.finish();
    result
}
