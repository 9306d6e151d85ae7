//! Bringing an index up to date.

use std::ops::ControlFlow;
use std::time::Duration;

use muscall_model::Muscall;
use muscall_retrieval::{Index, IndexConfig, IndexWriter};

use crate::ahead::in_order;
use crate::load::{Decoded, load};
use crate::plan::Plan;
use crate::run::{Planned, Run};
use crate::{Event, IndexingError, Item, Scope, Unreadable};

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
    /// Reads all of every file, also of those whose size, times and inode are what they were: to find what was changed
    /// without them, such as in the middle of a file whose times were put back.
    pub rehash: bool,
}

impl Default for Indexer {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { threads, batch: 32, commit_every: Duration::from_secs(5), rehash: false }
    }
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Files that were heard, and how long they are together.
    pub embedded: usize,
    /// Their length.
    pub audio_s: f64,
    /// Files whose content was there under a name that no file has any more.
    pub moved: usize,
    /// Files whose content is there under the name of another file as well, in the index or among the new ones.
    pub copied: usize,
    /// Files that were in the index already.
    pub unchanged: usize,
    /// Tracks whose files are gone.
    pub removed: usize,
    /// Tracks of the scope that stay because nobody could look at their files; they are below what is
    /// [unreadable](Self::unreadable).
    pub kept: usize,
    /// Files that were left out, and folders without anything in them of which tracks are kept.
    pub unreadable: Vec<Unreadable>,
    /// Whether the listener stopped it; what was done so far is in the index.
    pub stopped: bool,
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
        let plan = Plan::new(writer.base(), items, scope, self.rehash)?;
        let index = Index::open_for(writer.path(), model.fingerprint())?;
        let decoded = Decoded::default();
        let planned = Planned { plan: &plan, index: &index, decoded: &decoded };
        let mut run = Run::new((model, self), planned, writer, listen);
        let mut flow = run.begin();
        if flow.is_continue() {
            in_order(
                plan.work.len(),
                self.threads,
                self.threads + 2,
                |number| (number, load(model, &plan, &decoded, number)),
                |(number, loaded)| {
                    flow = run.take(number, loaded)?;
                    Ok::<_, IndexingError>(flow)
                },
            )?;
        }
        run.finish(flow)
    }
}
