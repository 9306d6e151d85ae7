//! Loader threads that make batches ahead of the step, in an order that does not depend on them.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use muscall_audio::LogMelExtractor;
use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::presence::{Presence, Unread};
use crate::{ClipFault, DataError};

/// What to do with a file that cannot be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBadFile {
    /// Leave it out of its batch, and say so.
    #[default]
    Skip,
    /// End the run.
    Stop,
}

/// Size and making of batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoaderConfig {
    /// Items per batch.
    pub batch_size: usize,
    /// Loader threads.
    pub threads: usize,
    /// Batches made ahead.
    pub prefetch_batches: usize,
    /// Whether an incomplete last batch is left out.
    pub drop_last: bool,
    /// Skip or stop.
    pub on_bad_file: OnBadFile,
}

/// A batch on the host.
#[derive(Debug)]
pub struct RawBatch {
    /// From 0.
    pub step_in_epoch: usize,
    /// The items that could be loaded.
    pub items: Vec<LoadedItem>,
    /// Where in the batch each of them stands, from 0.
    pub places: Vec<usize>,
    /// Files that were left out.
    pub skipped: Vec<DataError>,
    /// Rows of those files that were there when the run began, and now are not, while others still are.
    pub gone: Vec<usize>,
}

/// An item, ready for the network.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedItem {
    /// The row of the manifest.
    pub index: usize,
    /// Which of a track's fixed places it is from.
    pub window: usize,
    /// `[n_mels, frames]`; empty where nothing is read.
    pub mel: Vec<f32>,
    /// Frames that are not padding.
    pub valid_frames: usize,
    /// The same of two views, for self-supervision.
    pub views: Option<[Vec<f32>; 2]>,
    /// At least one caption of the row.
    pub captions: Vec<String>,
    /// What is wrong with the clip.
    pub faults: Vec<ClipFault>,
}

type Panic = Box<dyn Any + Send>;
type Made = (usize, Result<Result<LoadedItem, DataError>, Panic>);

/// The batches of one epoch, in an order drawn from the seed and the epoch.
#[derive(Debug)]
pub struct EpochLoader {
    maker: Arc<ItemMaker>,
    presence: Option<Arc<Presence>>,
    order: Vec<usize>,
    config: LoaderConfig,
    places: Option<Vec<usize>>,
    step: usize,
    sent: usize,
    jobs: Option<Sender<(usize, usize)>>,
    made: Receiver<Made>,
    waiting: BTreeMap<usize, Result<LoadedItem, DataError>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    waited: Duration,
}

impl EpochLoader {
    /// Starts the threads. From `start_step` on, batches are those of a loader that started at 0.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] for a batch size, a number of threads or a prefetch of zero.
    pub fn new(
        dataset: Arc<Dataset>,
        frontend: Arc<LogMelExtractor>,
        config: LoaderConfig,
        epoch: u64,
        start_step: usize,
    ) -> Result<Self, DataError> {
        DataError::check_positive(config.batch_size, "batch_size")?;
        DataError::check_positive(config.threads, "data.threads")?;
        DataError::check_positive(config.prefetch_batches, "data.prefetch_batches")?;
        let mut order = dataset.order(epoch);
        if config.drop_last {
            order.truncate(order.len() / config.batch_size * config.batch_size);
        }
        let (jobs, queue) = channel();
        let (done, made) = channel();
        let queue = Arc::new(Mutex::new(queue));
        let stop = Arc::new(AtomicBool::new(false));
        let maker = Arc::new(ItemMaker { dataset, frontend, epoch });
        let spawn = |_| {
            let (maker, stop) = (maker.clone(), stop.clone());
            let (queue, done) = (queue.clone(), done.clone());
            thread::spawn(move || work(&maker, &queue, &done, &stop))
        };
        Ok(Self {
            threads: (0..config.threads).map(spawn).collect(),
            sent: (start_step * config.batch_size).min(order.len()),
            step: start_step,
            jobs: Some(jobs),
            waiting: BTreeMap::new(),
            waited: Duration::ZERO,
            places: None,
            presence: None,
            maker,
            order,
            config,
            made,
            stop,
        })
    }

    /// Loads these places of each batch only, ascending from 0: the others are somebody else's.
    #[must_use]
    pub fn with_places(mut self, places: Vec<usize>) -> Self {
        self.places = Some(places);
        self
    }

    /// Tells files that are away for a while, with which no batch is made, from bad ones.
    #[must_use]
    pub fn with_presence(mut self, presence: Arc<Presence>) -> Self {
        self.presence = Some(presence);
        self
    }

    /// The place in its batch of a position in the order, if it is loaded here.
    fn place(&self, position: usize) -> Option<usize> {
        let place = position % self.config.batch_size;
        let is_own = self.places.as_ref().is_none_or(|places| places.binary_search(&place).is_ok());
        is_own.then_some(place)
    }

    /// How long [`next`](Iterator::next) has waited for data so far.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    fn positions(&self, step: usize) -> std::ops::Range<usize> {
        let start = (step * self.config.batch_size).min(self.order.len());
        start..(start + self.config.batch_size).min(self.order.len())
    }

    /// The item at a place of the order, waiting for it if need be.
    fn take(&mut self, position: usize) -> Result<LoadedItem, Unread> {
        let error = match self.made(position) {
            Ok(item) => return Ok(item),
            Err(error) => error,
        };
        let Some(presence) = &self.presence else {
            return Err(Unread::Bad(error));
        };
        // It was made ahead: by now the file may be there again.
        let start = Instant::now();
        let index = self.order[position];
        let item = presence.read_again(index, error, || self.maker.make(index));
        self.waited += start.elapsed();
        item
    }

    /// What a thread has made of a place of the order.
    fn made(&mut self, position: usize) -> Result<LoadedItem, DataError> {
        loop {
            if let Some(item) = self.waiting.remove(&position) {
                return item;
            }
            let start = Instant::now();
            let (position, item) = self.made.recv().expect("threads live as long as the loader");
            self.waited += start.elapsed();
            let item = item.unwrap_or_else(|panic| resume_unwind(panic));
            self.waiting.insert(position, item);
        }
    }
}

impl Iterator for EpochLoader {
    type Item = Result<RawBatch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let positions = self.positions(self.step);
        if positions.is_empty() {
            return None;
        }
        let ahead = self.positions(self.step + self.config.prefetch_batches).end.max(positions.end);
        if let Some(jobs) = &self.jobs {
            for position in (self.sent..ahead).filter(|&position| self.place(position).is_some()) {
                // Threads only end when this side has hung up.
                let _ = jobs.send((position, self.order[position]));
            }
        }
        self.sent = self.sent.max(ahead);
        let mut batch = RawBatch {
            step_in_epoch: self.step,
            items: Vec::with_capacity(positions.len()),
            places: Vec::with_capacity(positions.len()),
            skipped: Vec::new(),
            gone: Vec::new(),
        };
        for position in positions {
            let Some(place) = self.place(position) else { continue };
            match self.take(position) {
                Ok(item) => {
                    batch.items.push(item);
                    batch.places.push(place);
                }
                Err(Unread::Bad(error)) if self.config.on_bad_file == OnBadFile::Skip => batch.skipped.push(error),
                Err(Unread::Gone(error)) if self.config.on_bad_file == OnBadFile::Skip => {
                    batch.gone.push(self.order[position]);
                    batch.skipped.push(error);
                }
                Err(unread) => {
                    // Items of this batch are used up: another call would wait for them for ever.
                    self.order.clear();
                    return Some(Err(unread.into_error()));
                }
            }
        }
        self.step += 1;
        Some(Ok(batch))
    }
}

impl Drop for EpochLoader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // A panic has been passed on with its item already.
            let _ = thread.join();
        }
    }
}

/// Makes the items of an epoch.
#[derive(Debug)]
struct ItemMaker {
    dataset: Arc<Dataset>,
    frontend: Arc<LogMelExtractor>,
    epoch: u64,
}

impl ItemMaker {
    fn make(&self, index: usize) -> Result<LoadedItem, DataError> {
        let Self { dataset, frontend, epoch } = self;
        let item = dataset.train_item(*epoch, index)?;
        let mel = |audio: &[f32]| match audio {
            [] => Ok(Vec::new()),
            _ => frontend.extract(audio).map(muscall_audio::LogMel::into_values),
        };
        let views = match &item.views {
            Some([first, second]) => Some([mel(first)?, mel(second)?]),
            None => None,
        };
        let valid_frames = frontend.config().frames(item.valid);
        Ok(LoadedItem {
            index,
            window: item.window,
            mel: mel(&item.audio)?,
            valid_frames,
            views,
            captions: item.captions,
            faults: item.faults,
        })
    }
}

fn work(maker: &ItemMaker, queue: &Mutex<Receiver<(usize, usize)>>, done: &Sender<Made>, stop: &AtomicBool) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((position, index)) = job else {
            return;
        };
        if stop.load(Ordering::Relaxed) {
            return;
        }
        if done.send((position, catch_unwind(AssertUnwindSafe(|| maker.make(index))))).is_err() {
            return;
        }
    }
}
