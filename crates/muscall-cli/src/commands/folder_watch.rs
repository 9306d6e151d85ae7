//! Notices that something changes in folders.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher, recommended_watcher};

/// Between two looks at whether it was stopped.
const TICK: Duration = Duration::from_millis(200);
/// A file that is being copied changes all the time: nothing is read before it has been quiet for so long.
const QUIET: Duration = Duration::from_secs(2);
/// But folders in which something always changes are not waited for longer than this.
const PATIENCE: Duration = Duration::from_secs(60);
/// Disks of the network and buckets tell nothing about what others do to them: so often they are looked at anyway.
const ANYWAY: Duration = Duration::from_secs(600);
/// The same where the system can't watch.
const WITHOUT_EVENTS: Duration = Duration::from_secs(60);

/// Folders that are watched.
pub(super) struct FolderWatch {
    /// Those that were there.
    folders: Vec<PathBuf>,
    since: Instant,
    events: Receiver<()>,
    /// Watches as long as it lives; nothing where the system can't.
    watcher: Option<RecommendedWatcher>,
}

impl FolderWatch {
    /// Of folders, at any depth. Says so if they can't be watched, and are looked at now and then instead.
    pub(super) fn new(folders: &[PathBuf]) -> Self {
        let folders: Vec<PathBuf> = folders.iter().filter(|folder| folder.exists()).cloned().collect();
        let (events, watched) = watch(&folders);
        if let Err(error) = &watched {
            eprintln!("these folders can't be watched, and are looked at every minute instead: {error}");
        }
        Self { folders, since: Instant::now(), events, watcher: watched.ok() }
    }

    /// Watches these from now on. A folder whose disk was mounted again is another one, so that even the same ones are
    /// watched anew now and then.
    pub(super) fn renew(&mut self, folders: &[PathBuf]) {
        let folders: Vec<PathBuf> = folders.iter().filter(|folder| folder.exists()).cloned().collect();
        if self.watcher.is_some() && (self.folders != folders || self.since.elapsed() >= ANYWAY) {
            let (events, watched) = watch(&folders);
            *self = Self { folders, since: Instant::now(), events, watcher: watched.ok() };
        }
    }

    /// Waits until something has changed and is quiet again, or it is time for a look anyway; `false` if it was stopped.
    pub(super) fn wait(&mut self, is_stopped: impl Fn() -> bool) -> bool {
        let started = Instant::now();
        let anyway = if self.watcher.is_some() { ANYWAY } else { WITHOUT_EVENTS };
        let (mut first, mut last) = (None, None);
        loop {
            if is_stopped() {
                return false;
            }
            match self.events.recv_timeout(TICK) {
                Ok(()) => {
                    let now = Instant::now();
                    (first, last) = (first.or(Some(now)), Some(now));
                }
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(TICK),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let is_quiet = last.is_some_and(|last: Instant| last.elapsed() >= QUIET);
            let is_late = first.is_some_and(|first: Instant| first.elapsed() >= PATIENCE);
            if is_quiet || is_late || started.elapsed() >= anyway {
                return true;
            }
        }
    }
}

/// Changes in folders, as long as the watcher lives.
fn watch(folders: &[PathBuf]) -> (Receiver<()>, notify::Result<RecommendedWatcher>) {
    let (tell, events) = channel();
    let watcher = recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading a file is no change. An error may stand for changes that were lost.
        if !event.is_ok_and(|event| matches!(event.kind, EventKind::Access(_))) {
            let _ = tell.send(());
        }
    });
    let watched = watcher.and_then(|mut watcher| {
        for folder in folders {
            watcher.watch(folder, RecursiveMode::Recursive)?;
        }
        Ok(watcher)
    });
    (events, watched)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_is_noticed_and_a_stop_ends_it() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("deep");
        std::fs::create_dir(&deep).unwrap();
        let mut watch = FolderWatch::new(&[dir.path().to_owned(), dir.path().join("not there")]);
        std::fs::write(deep.join("a.wav"), "1").unwrap();
        let started = Instant::now();
        assert!(watch.wait(|| started.elapsed() > Duration::from_secs(40)), "nothing was noticed");
        assert!(!watch.wait(|| true));
    }
}
