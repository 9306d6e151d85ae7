//! Bringing an index up to date.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use muscall_audio::Clip;
use muscall_model::Muscall;
use muscall_retrieval::{IndexConfig, IndexWriter, TrackRecord};

use crate::ahead::in_order;
use crate::load::{Loaded, load};
use crate::plan::Plan;
use crate::{Event, IndexingError, Item, Outcome, Scope, Unreadable};

/// What an index of this model is made for.
pub fn index_config(model: &Muscall) -> IndexConfig {
    let config = model.config();
    IndexConfig::new(config.projection_dim, model.fingerprint()).with_windows(config.clip_s, config.segment_hop_s())
}

/// How an index is brought up to date.
#[derive(Debug, Clone, PartialEq)]
pub struct Indexer {
    /// Threads that read files; as many as there are cores by default.
    pub threads: usize,
    /// Windows that go through the encoder together, of as many tracks as it takes.
    pub batch: usize,
    /// What an interruption may cost.
    pub commit_every: Duration,
}

impl Default for Indexer {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { threads, batch: 32, commit_every: Duration::from_secs(5) }
    }
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Files that were heard, and how long they are together.
    pub embedded: usize,
    /// Their length.
    pub audio_s: f64,
    /// Files whose content was there under another name or time.
    pub moved: usize,
    /// Files that were in the index already.
    pub unchanged: usize,
    /// Tracks whose files are gone.
    pub removed: usize,
    /// Files that were left out.
    pub unreadable: Vec<Unreadable>,
    /// Whether the listener stopped it; what was done so far is in the index.
    pub stopped: bool,
}

/// A track some of whose windows have not been heard yet.
struct Open {
    item: Item,
    record: TrackRecord,
    starts_s: Vec<f32>,
    rows: Vec<f32>,
}

/// What one run carries along.
struct Run<'a, L> {
    model: &'a Muscall,
    writer: &'a mut IndexWriter,
    settings: &'a Indexer,
    listen: L,
    report: Report,
    /// Tracks in the order of their windows, of which `windows` are waiting.
    open: VecDeque<Open>,
    windows: VecDeque<Clip>,
    committed: Instant,
}

impl Indexer {
    /// Makes the index hold these items, and no other track of their scope.
    ///
    /// What was done is committed every few seconds, and at the end. The order of tracks, and their
    /// vectors to the bit, do not depend on the number of threads.
    ///
    /// # Errors
    /// [`IndexingError`] if the model or the index fails; what was committed stays. A file that cannot be
    /// read is no error: it is in the [report](Report::unreadable).
    pub fn run(
        &self,
        model: &Muscall,
        writer: &mut IndexWriter,
        items: Vec<Item>,
        scope: &Scope,
        listen: impl FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Report, IndexingError> {
        let plan = Plan::new(writer.base(), items, scope)?;
        let index = muscall_retrieval::Index::open_for(writer.path(), model.fingerprint())?;
        let report = Report { unchanged: plan.unchanged, ..Report::default() };
        let (open, windows) = (VecDeque::new(), VecDeque::new());
        let mut run = Run { model, writer, settings: self, listen, report, open, windows, committed: Instant::now() };
        let bytes = plan.work.iter().map(|work| work.item.bytes).sum();
        let (files, unchanged, gone) = (plan.work.len(), plan.unchanged, plan.gone.len());
        let mut flow = (run.listen)(Event::Planned { files, bytes, unchanged, gone });
        if flow.is_continue() {
            let work = &plan.work;
            let ahead = self.threads + 2;
            in_order(
                work.len(),
                self.threads,
                ahead,
                |number| (number, load(model, &index, &work[number])),
                |(number, loaded)| {
                    flow = run.take(&work[number].item, loaded, &index)?;
                    Ok::<_, IndexingError>(flow)
                },
            )?;
        }
        if flow.is_continue() {
            flow = run.encode(true)?;
        }
        if flow.is_continue() {
            // Last, so that what was moved still had its rows.
            for path in &plan.gone {
                run.report.removed += usize::from(run.writer.remove(path)?);
            }
        }
        run.report.stopped = flow.is_break();
        run.commit()?;
        Ok(run.report)
    }
}

impl<L: FnMut(Event<'_>) -> ControlFlow<()>> Run<'_, L> {
    fn take(
        &mut self,
        item: &Item,
        loaded: Loaded,
        index: &muscall_retrieval::Index,
    ) -> Result<ControlFlow<()>, IndexingError> {
        let flow = match loaded {
            Loaded::Windows { content, duration_s, windows, tags } => {
                let starts_s = windows.iter().map(|window| window.start_s as f32).collect();
                self.windows.extend(windows);
                let record = record(item, content, duration_s, tags);
                self.open.push_back(Open { item: item.clone(), record, starts_s, rows: Vec::new() });
                self.encode(false)?
            }
            Loaded::Known { content, track } => {
                let (old, segments) = (index.track(track)?, index.segments(track)?);
                let record = record(item, content, old.duration_s, old.tags);
                // Its old name is free for another file, or gone.
                self.writer.remove(&old.path)?;
                self.writer.remove(&item.path)?;
                self.writer.add(&record, segments.starts_s, segments.rows.values())?;
                self.report.moved += 1;
                self.tell(item, Outcome::Moved { from: &old.path })
            }
            Loaded::Unreadable(reason) => {
                let unreadable = Unreadable { path: item.path.clone(), reason };
                // What it was before is not there any more.
                self.report.removed += usize::from(self.writer.remove(&item.path)?);
                let flow = self.tell(item, Outcome::Unreadable(&unreadable));
                self.report.unreadable.push(unreadable);
                flow
            }
        };
        if self.committed.elapsed() >= self.settings.commit_every {
            self.commit()?;
        }
        Ok(flow)
    }

    /// Puts windows through the encoder, as long as there are whole batches or until there is none.
    fn encode(&mut self, all: bool) -> Result<ControlFlow<()>, IndexingError> {
        let batch = self.settings.batch.max(1);
        let mut flow = ControlFlow::Continue(());
        while self.windows.len() >= if all { 1 } else { batch } {
            let clips: Vec<Clip> = self.windows.drain(..batch.min(self.windows.len())).collect();
            let embeddings = self.model.embed_loaded(&clips)?;
            let mut rows = embeddings.values();
            let dim = embeddings.dim();
            for track in &mut self.open {
                let missing = track.starts_s.len() * dim - track.rows.len();
                let (own, rest) = rows.split_at(missing.min(rows.len()));
                track.rows.extend_from_slice(own);
                rows = rest;
            }
            while self.open.front().is_some_and(|track| track.rows.len() == track.starts_s.len() * dim) {
                let Some(track) = self.open.pop_front() else { break };
                let duration_s = track.record.duration_s;
                self.writer.remove(&track.record.path)?;
                self.writer.add(&track.record, &track.starts_s, &track.rows)?;
                self.report.embedded += 1;
                self.report.audio_s += duration_s;
                let segments = track.starts_s.len();
                let told = self.tell(&track.item, Outcome::Embedded { duration_s, segments });
                if told.is_break() {
                    flow = told;
                }
            }
        }
        Ok(flow)
    }

    fn tell(&mut self, item: &Item, outcome: Outcome<'_>) -> ControlFlow<()> {
        (self.listen)(Event::File { path: &item.path, bytes: item.bytes, outcome })
    }

    fn commit(&mut self) -> Result<(), IndexingError> {
        self.writer.commit()?;
        self.committed = Instant::now();
        let tracks = self.writer.len();
        // Whether to stop is asked for every file.
        let _ = (self.listen)(Event::Committed { tracks });
        Ok(())
    }
}

fn record(item: &Item, content: u128, duration_s: f64, own_tags: Vec<String>) -> TrackRecord {
    let Item { path, bytes, modified_ns, tags, .. } = item.clone();
    let tags = if tags.is_empty() { own_tags } else { tags };
    TrackRecord { path, content, bytes, modified_ns, duration_s, tags }
}
