//! Which of the pairs that may be one recording are, by hearing both files.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use muscall::audio::{AudioSource, Part, Recording};
use muscall::retrieval::{Groups, Index, PossibleCopy};
use rayon::prelude::*;

use crate::Failed;
use crate::console::{Progress, count, stop_on_ctrl_c};

/// Sound that is kept for the next pairs: nine hours.
const KEPT_BYTES: usize = 512 << 20;
/// What is over sooner shows no bar.
const SOON: Duration = Duration::from_secs(1);

/// Groups of tracks that are one recording. A file that can't be read is told on standard error; vectors decide there.
pub(super) fn heard_groups(index: &Index, possible: &[PossibleCopy]) -> Result<Vec<Vec<usize>>, Failed> {
    let last = possible.iter().map(|pair| pair.tracks.1).max().map_or(0, |track| track + 1);
    let look = SecondLook {
        index,
        kept: Mutex::default(),
        clock: AtomicU64::new(0),
        groups: Mutex::new(Groups::new(last)),
        stop: stop_on_ctrl_c()?,
        bar: Bar { start: Instant::now(), all: possible.len(), done: AtomicU64::new(0), progress: OnceLock::new() },
        unread: Mutex::default(),
    };
    let (one_file, others): (Vec<&PossibleCopy>, Vec<&PossibleCopy>) =
        possible.iter().partition(|pair| pair.is_one_file);
    // Those which are likely first: what is joined by others need not be heard.
    let (likely, others): (Vec<&PossibleCopy>, Vec<&PossibleCopy>) =
        others.into_iter().partition(|pair| pair.by_vectors);
    for pairs in [one_file, likely, others] {
        pairs.into_par_iter().for_each(|pair| look.at(pair));
    }
    look.bar.finish();
    if look.stop.load(Ordering::SeqCst) {
        return Err("stopped; the comparison is not finished".into());
    }
    let mut unread = look.unread.into_inner().unwrap_or_else(PoisonError::into_inner);
    unread.sort();
    if let Some(first) = unread.first() {
        let files = count(unread.len(), "file");
        eprintln!("{files} could not be read, and only their vectors were compared; the first: {first}");
    }
    Ok(look.groups.into_inner().unwrap_or_else(PoisonError::into_inner).into_groups())
}

struct SecondLook<'a> {
    index: &'a Index,
    kept: Mutex<HashMap<usize, Kept>>,
    /// Counts what is asked for.
    clock: AtomicU64,
    groups: Mutex<Groups>,
    stop: Arc<AtomicBool>,
    bar: Bar,
    /// Why a file was not heard.
    unread: Mutex<Vec<String>>,
}

/// The sound of a track, or nothing if its file can't be read, once some thread has read it.
type Sound = Arc<OnceLock<Option<Recording>>>;

struct Kept {
    sound: Sound,
    asked: u64,
}

impl SecondLook<'_> {
    fn at(&self, pair: &PossibleCopy) {
        let (a, b) = pair.tracks;
        if self.stop.load(Ordering::SeqCst) {
            return;
        }
        let is_known = !pair.is_one_file && lock(&self.groups).are_joined(a, b);
        let is_copy = pair.is_one_file || !is_known && self.is_one_recording(pair);
        if is_copy {
            lock(&self.groups).join(a, b);
        }
        self.bar.pair();
    }

    fn is_one_recording(&self, pair: &PossibleCopy) -> bool {
        let (a, b) = (self.sound(pair.tracks.0), self.sound(pair.tracks.1));
        let likeness = match (a.get(), b.get()) {
            (Some(Some(a)), Some(Some(b))) => a.likeness(b),
            _ => None,
        };
        likeness.map_or(pair.by_vectors, |likeness| likeness.is_one_recording())
    }

    fn sound(&self, track: usize) -> Sound {
        let asked = self.clock.fetch_add(1, Ordering::Relaxed);
        let sound = {
            let mut kept = lock(&self.kept);
            let kept = kept.entry(track).or_insert_with(|| Kept { sound: Sound::default(), asked });
            kept.asked = asked;
            kept.sound.clone()
        };
        // Another thread that wants the same waits for it.
        sound.get_or_init(|| self.read(track));
        forget(&mut lock(&self.kept));
        sound
    }

    fn read(&self, track: usize) -> Option<Recording> {
        let path = self.index.track(track).map_err(|error| error.to_string()).and_then(|record| {
            let (path, part) = Part::split_name(&record.path);
            Recording::read(AudioSource { part, ..AudioSource::from(path) }).map_err(|error| error.to_string())
        });
        path.map_err(|reason| lock(&self.unread).push(reason)).ok()
    }
}

/// Drops what was asked for longest ago, until the rest fits.
fn forget(kept: &mut HashMap<usize, Kept>) {
    let bytes = |kept: &Kept| kept.sound.get().and_then(Option::as_ref).map_or(0, Recording::bytes);
    let mut all: usize = kept.values().map(bytes).sum();
    while all > KEPT_BYTES {
        let read = kept.iter().filter(|(_, kept)| bytes(kept) > 0);
        let Some(oldest) = read.min_by_key(|(_, kept)| kept.asked).map(|(&track, _)| track) else { return };
        all -= kept.remove(&oldest).as_ref().map_or(0, bytes);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A bar that shows only where there is something to wait for.
struct Bar {
    start: Instant,
    all: usize,
    done: AtomicU64,
    progress: OnceLock<Progress>,
}

impl Bar {
    fn pair(&self) {
        let done = self.done.fetch_add(1, Ordering::SeqCst) + 1;
        if self.start.elapsed() < SOON {
            return;
        }
        let progress = self.progress.get_or_init(|| {
            let progress =
                Progress::new("{bar:30.cyan/dim} {pos}/{len} possible copies heard · {elapsed} · {eta} left");
            progress.bar.set_length(self.all as u64);
            progress
        });
        progress.bar.set_position(done);
        progress.log(done == self.all as u64, || format!("{done} of {} possible copies heard", self.all));
    }

    fn finish(&self) {
        if let Some(progress) = self.progress.get() {
            progress.finish();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_longest_ago_is_forgotten_first() {
        let loud = vec![0.5; 8000 * 600];
        let recording = Recording::of_waveform(&muscall::audio::Waveform::new(loud, 8000)).unwrap();
        let fitting = KEPT_BYTES / recording.bytes();
        let mut kept: HashMap<usize, Kept> = (0..=fitting + 1)
            .map(|track| {
                (track, Kept { sound: Arc::new(OnceLock::from(Some(recording.clone()))), asked: 100 - track as u64 })
            })
            .collect();
        kept.insert(1000, Kept { sound: Sound::default(), asked: 0 });
        forget(&mut kept);
        assert_eq!(kept.len(), fitting + 1, "with the one that is being read");
        assert!(kept.contains_key(&0) && kept.contains_key(&1000) && !kept.contains_key(&(fitting + 1)));
    }
}
