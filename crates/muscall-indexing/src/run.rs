//! One run of an [`Indexer`]: files as they come from the threads, one after the other.

use std::ops::ControlFlow;
use std::time::Instant;

use muscall_audio::FileState;
use muscall_model::Muscall;
use muscall_retrieval::{Index, IndexWriter, TrackRecord};

use crate::ahead::in_order;
use crate::load::{Identity, Loaded, load};
use crate::loader::{Decoded, Loader};
use crate::pass::Heard;
use crate::plan::{Plan, is_news};
use crate::settle::{Settler, Source};
use crate::underway::Underway;
use crate::unfinished::Unfinished;
use crate::waiting::{Open, Waiting};
use crate::{Event, Indexer, IndexingError, Item, Outcome, Report, Scope, Unreadable, index_config};

/// What there is to do, and what threads find out about it.
#[derive(Clone, Copy)]
struct Planned<'a> {
    plan: &'a Plan,
    /// The state of the index that was planned for.
    index: &'a Index,
    decoded: &'a Decoded,
    underway: &'a Underway,
    unfinished: &'a Unfinished,
}

/// What one run carries along.
struct Run<'a, L> {
    model: &'a Muscall,
    settings: &'a Indexer,
    planned: Planned<'a>,
    writer: &'a mut IndexWriter,
    listen: L,
    report: Report,
    waiting: Waiting,
    settler: Settler,
    /// Files with the content of a new one before them.
    twins: Vec<(usize, Identity)>,
    /// Contents that will be committed next.
    embedded: Vec<u128>,
    committed: Instant,
}

impl<'a, L: FnMut(Event<'_>) -> ControlFlow<()>> Run<'a, L> {
    fn new(
        (model, settings): (&'a Muscall, &'a Indexer),
        planned: Planned<'a>,
        writer: &'a mut IndexWriter,
        listen: L,
    ) -> Self {
        let report = Report { unchanged: planned.plan.unchanged, ..Report::default() };
        let (waiting, settler) = (Waiting::default(), Settler::default());
        let (twins, embedded, committed) = (Vec::new(), Vec::new(), Instant::now());
        Self { model, settings, planned, writer, listen, report, waiting, settler, twins, embedded, committed }
    }

    /// Tells what there is to do.
    fn begin(&mut self) -> ControlFlow<()> {
        let Plan { work, unchanged, gone, .. } = self.planned.plan;
        let bytes = work.iter().map(|work| work.item.state.bytes).sum();
        (self.listen)(Event::Planned { files: work.len(), bytes, unchanged: *unchanged, gone: gone.len() })
    }

    /// Takes file `number` of the plan, when all before it were taken.
    fn take(&mut self, number: usize, loaded: Loaded) -> Result<ControlFlow<()>, IndexingError> {
        let Planned { plan, decoded, .. } = self.planned;
        let item = &plan.work[number].item;
        let flow = match loaded {
            Loaded::Unchanged { track, state } => self.unchanged(item, track, state)?,
            Loaded::Known { identity, first } => self.known(item, identity, first)?,
            Loaded::Twin(identity) => self.twin(number, identity),
            // Two threads may have decoded one content at the same time.
            Loaded::Windows { identity, .. } | Loaded::Embedded { identity, .. }
                if decoded.before(number, identity.content).is_some() =>
            {
                self.twin(number, identity)
            }
            Loaded::Embedded { identity, start_s, heard, tags } => {
                let record = record(item, identity, self.end_s(start_s, heard.samples), tags);
                self.embedded(item, record, start_s, heard)?
            }
            Loaded::Failed(error) => return Err(error.into()),
            Loaded::Stopped => ControlFlow::Break(()),
            Loaded::Windows { identity, whole, tags, .. } if self.model.shares_segments() => {
                let (samples, start_s) = (whole.samples.len(), whole.start_s);
                let heard = Heard { track: self.model.embed_track(&whole)?, samples, repairs: whole.repairs };
                let record = record(item, identity, self.end_s(start_s, samples), tags);
                self.embedded(item, record, start_s, heard)?
            }
            Loaded::Windows { identity, mut whole, starts, tags } => {
                let starts_s = self.starts_s(&starts, whole.start_s);
                let record = record(item, identity, self.end_s(whole.start_s, whole.samples.len()), tags);
                let repairs = std::mem::take(&mut whole.repairs);
                let track = Open { item: item.clone(), record, starts_s, rows: Vec::new(), repairs };
                self.waiting.push(track, whole, starts);
                self.encode(false)?
            }
            Loaded::Unreadable { reason, is_unknown } => self.unreadable(item, reason, is_unknown)?,
        };
        if self.committed.elapsed() >= self.settings.commit_every {
            self.commit()?;
        }
        Ok(flow)
    }

    /// Tells how far the first file is that is not done.
    fn tell_underway(&mut self) -> ControlFlow<()> {
        let Planned { plan, underway, .. } = self.planned;
        let first = underway.first();
        let path = first.and_then(|(number, _)| Some(plan.work.get(number)?.item.path.as_str()));
        let heard_s = first.map_or(0.0, |(_, heard_s)| heard_s);
        (self.listen)(Event::Underway { path, heard_s })
    }

    /// Does what is left once all files were taken, or the listener has broken off.
    fn finish(mut self, mut flow: ControlFlow<()>) -> Result<Report, IndexingError> {
        if flow.is_continue() {
            flow = self.encode(true)?;
        }
        if flow.is_continue() {
            flow = self.copy_twins()?;
        }
        let plan = self.planned.plan;
        if flow.is_continue() {
            // Last, when what was moved does not have these names any more.
            for path in &plan.gone {
                self.report.removed += usize::from(self.writer.remove(path)?);
            }
        }
        self.report.kept += self.count(&plan.unknown)?;
        for (place, names) in &plan.away {
            let tracks = self.count(names)?;
            self.report.kept += tracks;
            if tracks > 0 {
                let folder = Unreadable::empty_folder(place, tracks);
                let _ = (self.listen)(Event::Away(&folder));
                self.report.unreadable.push(folder);
            }
        }
        self.report.stopped = flow.is_break();
        self.commit()?;
        if !self.report.stopped {
            self.planned.unfinished.clear();
        }
        Ok(self.report)
    }

    /// A file that is what it was; its track may know older times.
    fn unchanged(&mut self, item: &Item, track: usize, state: FileState) -> Result<ControlFlow<()>, IndexingError> {
        let index = self.planned.index;
        let (old, segments) = (index.track(track)?, index.segments(track)?);
        if is_news(&old, &state, &item.tags) {
            let identity = Identity { content: old.content, state };
            self.writer.remove(&old.path)?;
            let record = record(item, identity, old.duration_s, old.tags);
            self.writer.add(&record, segments.starts_s, segments.rows.values())?;
        }
        self.report.unchanged += 1;
        Ok(self.tell(item, Outcome::Unchanged))
    }

    fn known(&mut self, item: &Item, identity: Identity, first: usize) -> Result<ControlFlow<()>, IndexingError> {
        let Planned { plan, index, .. } = self.planned;
        let Source { track, is_moved } = self.settler.source(index, plan, item, (identity.content, first))?;
        let from = self.copy(item, identity, index, track)?;
        if !is_moved {
            self.report.copied += 1;
            return Ok(self.tell(item, Outcome::Copied { from: &from }));
        }
        self.writer.remove(&from)?;
        self.report.moved += 1;
        Ok(self.tell(item, Outcome::Moved { from: &from }))
    }

    fn twin(&mut self, number: usize, identity: Identity) -> ControlFlow<()> {
        self.twins.push((number, identity));
        ControlFlow::Continue(())
    }

    /// Gives an item the rows of a track; gives that track's name.
    fn copy(&mut self, item: &Item, identity: Identity, index: &Index, track: usize) -> Result<String, IndexingError> {
        let (old, segments) = (index.track(track)?, index.segments(track)?);
        // What has this name now holds something else.
        self.writer.remove(&item.path)?;
        let record = record(item, identity, old.duration_s, old.tags);
        self.writer.add(&record, segments.starts_s, segments.rows.values())?;
        Ok(old.path)
    }

    /// Gives files the rows of those before them with the same content, which are in the index now.
    fn copy_twins(&mut self) -> Result<ControlFlow<()>, IndexingError> {
        let mut flow = ControlFlow::Continue(());
        if self.twins.is_empty() {
            return Ok(flow);
        }
        self.commit()?;
        let Planned { plan, decoded, .. } = self.planned;
        let index = Index::open_for(self.writer.path(), self.model.fingerprint()?)?;
        for (number, identity) in std::mem::take(&mut self.twins) {
            let item = &plan.work[number].item;
            let first = decoded.before(number, identity.content).unwrap_or(number);
            // If there is none, the file is new still, and comes the next time.
            if let Some(track) = index.find(&plan.work[first].item.path)? {
                let from = self.copy(item, identity, &index, track)?;
                self.report.copied += 1;
                flow = self.tell(item, Outcome::Copied { from: &from });
            }
            if flow.is_break() {
                break;
            }
        }
        Ok(flow)
    }

    fn unreadable(&mut self, item: &Item, reason: String, is_unknown: bool) -> Result<ControlFlow<()>, IndexingError> {
        let state = (!is_unknown).then_some(item.state);
        let unreadable = Unreadable { path: item.path.clone(), reason, state };
        if is_unknown {
            self.report.kept += self.count(std::slice::from_ref(&item.path))?;
        } else {
            // What it was before is not there any more.
            self.report.removed += usize::from(self.writer.remove(&item.path)?);
        }
        let flow = self.tell(item, Outcome::Unreadable(&unreadable));
        self.report.unreadable.push(unreadable);
        Ok(flow)
    }

    /// Puts windows through the encoder, as long as there are whole batches or until there is none.
    fn encode(&mut self, all: bool) -> Result<ControlFlow<()>, IndexingError> {
        let mut flow = ControlFlow::Continue(());
        while let Some(whole) = self.waiting.encode(self.model, self.settings.batch, all)? {
            for track in whole {
                let told = self.add(track)?;
                if told.is_break() {
                    flow = told;
                }
            }
        }
        Ok(flow)
    }

    /// Where windows start in a file, from samples of what was decoded of it from `start_s` on.
    fn starts_s(&self, starts: &[usize], start_s: f64) -> Vec<f32> {
        let sample_rate = f64::from(self.model.config().log_mel.sample_rate);
        starts.iter().map(|&start| (start_s + start as f64 / sample_rate) as f32).collect()
    }

    /// Where so many samples end that begin at `start_s` of a file.
    fn end_s(&self, start_s: f64, samples: usize) -> f64 {
        start_s + samples as f64 / f64::from(self.model.config().log_mel.sample_rate)
    }

    fn embedded(
        &mut self,
        item: &Item,
        record: TrackRecord,
        start_s: f64,
        heard: Heard,
    ) -> Result<ControlFlow<()>, IndexingError> {
        let Heard { track, repairs, .. } = heard;
        let starts_s = self.starts_s(&track.starts, start_s);
        self.add(Open { item: item.clone(), record, starts_s, rows: track.windows.values().to_vec(), repairs })
    }

    /// Writes a track all of whose windows are embedded.
    fn add(&mut self, track: Open) -> Result<ControlFlow<()>, IndexingError> {
        let Open { item, record, starts_s, rows, repairs } = track;
        let duration_s = record.duration_s - item.part.map_or(0.0, |part| part.start_s());
        self.writer.remove(&record.path)?;
        self.writer.add(&record, &starts_s, &rows)?;
        self.report.embedded += 1;
        self.report.audio_s += duration_s;
        self.embedded.push(record.content);
        let segments = starts_s.len();
        let flow = self.tell(&item, Outcome::Embedded { duration_s, segments, repairs: &repairs });
        if !repairs.is_empty() {
            self.report.repaired.push((item.path, repairs));
        }
        Ok(flow)
    }

    fn tell(&mut self, item: &Item, outcome: Outcome<'_>) -> ControlFlow<()> {
        (self.listen)(Event::File { path: &item.path, bytes: item.state.bytes, outcome })
    }

    /// How many of these names are in the index.
    fn count(&self, names: &[String]) -> Result<usize, IndexingError> {
        let mut found = 0;
        for name in names {
            found += usize::from(self.writer.find(name)?.is_some());
        }
        Ok(found)
    }

    fn commit(&mut self) -> Result<(), IndexingError> {
        self.writer.commit()?;
        self.planned.unfinished.remove(self.embedded.drain(..));
        self.committed = Instant::now();
        let tracks = self.writer.len();
        // Whether to stop is asked for every file.
        let _ = (self.listen)(Event::Committed { tracks });
        Ok(())
    }
}

impl Indexer {
    /// Makes the index hold these items, and no other track of their scope.
    ///
    /// What was done is committed every few seconds, and at the end. The order of tracks, and their
    /// vectors to the bit, do not depend on the number of threads.
    ///
    /// # Errors
    /// [`IndexingError`] if the model or the index fails; what was committed stays. A file that cannot be
    /// read is not an error: it is in the [report](Report::unreadable).
    pub fn run(
        &self,
        model: &Muscall,
        writer: &mut IndexWriter,
        items: Vec<Item>,
        scope: &Scope,
        listen: impl FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Report, IndexingError> {
        let plan = Plan::new(writer.base(), items, scope, self.rehash)?;
        let index = Index::open_for(writer.path(), model.fingerprint()?)?;
        let (decoded, underway) = (Decoded::default(), Underway::default());
        let unfinished = Unfinished::beside(writer.path(), &index_config(model)?, self.commit_every);
        let (underway, unfinished) = (&underway, &unfinished);
        let planned = Planned { plan: &plan, index: &index, decoded: &decoded, underway, unfinished };
        let mut run = Run::new((model, self), planned, writer, listen);
        let loader = Loader { model, plan: &plan, decoded: &decoded, underway, unfinished, threads: self.threads };
        let mut flow = run.begin();
        if flow.is_continue() {
            in_order(
                plan.work.len(),
                self.threads,
                self.threads + 2,
                self.tell_every,
                |number| {
                    underway.tell(number, 0.0);
                    let loaded = load(loader, number);
                    underway.end(number);
                    (number, loaded)
                },
                |loaded| {
                    let taken = match loaded {
                        Some((number, loaded)) => run.take(number, loaded),
                        None => Ok(run.tell_underway()),
                    };
                    // Whatever ends the run, threads do not go on with what nobody takes.
                    if !matches!(taken, Ok(ControlFlow::Continue(()))) {
                        underway.stop();
                    }
                    flow = taken?;
                    Ok::<_, IndexingError>(flow)
                },
            )?;
        }
        run.finish(flow)
    }
}

fn record(item: &Item, identity: Identity, duration_s: f64, own_tags: Vec<String>) -> TrackRecord {
    let tags = if item.tags.is_empty() { own_tags } else { item.tags.clone() };
    let FileState { bytes, modified_ns, changed_ns, inode, probe } = identity.state;
    let (path, content) = (item.path.clone(), identity.content);
    TrackRecord { path, content, bytes, modified_ns, changed_ns, inode, probe, duration_s, tags }
}
