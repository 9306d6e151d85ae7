//! What threads that load files tell while they are at it, and when they are to stop.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Files that are being heard.
#[derive(Debug, Default)]
pub(crate) struct Underway {
    stop: AtomicBool,
    /// Seconds of each file so far, by its number.
    heard: Mutex<BTreeMap<usize, f64>>,
}

impl Underway {
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// So many seconds of file `number` were heard.
    pub(crate) fn tell(&self, number: usize, heard_s: f64) {
        self.heard().insert(number, heard_s);
    }

    /// File `number` is done.
    pub(crate) fn end(&self, number: usize) {
        self.heard().remove(&number);
    }

    /// The first of the files.
    pub(crate) fn first(&self) -> Option<(usize, f64)> {
        self.heard().first_key_value().map(|(&number, &heard_s)| (number, heard_s))
    }

    fn heard(&self) -> MutexGuard<'_, BTreeMap<usize, f64>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
