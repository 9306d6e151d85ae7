//! What has to be done to bring an index up to date.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;

use muscall_audio::{FileComparison, FileState};
use muscall_retrieval::{Index, RetrievalError, TrackRecord};

use crate::away::Away;
use crate::contents::Contents;
use crate::place::local_file;
use crate::scope::Standing;
use crate::{Item, Origin, Scope};

/// A file to be looked at.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) item: Item,
    pub(crate) known: Option<Known>,
}

/// The track that has the name of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) track: usize,
    pub(crate) content: u128,
    pub(crate) state: FileState,
    pub(crate) look: Look,
}

/// How much of a known file has to be read to see whether it is what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// It is; something else has changed.
    Nothing,
    /// A probe, and all of it if that differs.
    Probe,
    /// All of it.
    Whole,
}

/// What becomes of the name of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// A file of the list has it.
    Wanted,
    /// No file has it any more.
    Gone,
    /// It is not of the scope, or could not be looked at.
    Elsewhere,
}

#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) work: Vec<Work>,
    /// Names of tracks whose files are gone.
    pub(crate) gone: Vec<String>,
    /// Names of tracks whose files could not be looked at.
    pub(crate) unknown: Vec<String>,
    /// Names of tracks whose files were below folders that are empty now, by these folders.
    pub(crate) away: BTreeMap<PathBuf, Vec<String>>,
    pub(crate) unchanged: usize,
    pub(crate) contents: Contents,
    fates: Vec<Fate>,
}

impl Plan {
    /// `rehash`: no file is taken to be unchanged before all of it was read.
    pub(crate) fn new(index: &Index, items: Vec<Item>, scope: &Scope, rehash: bool) -> Result<Self, RetrievalError> {
        let mut plan = Self::default();
        let mut known = plan.look_up(index, &items, scope)?;
        let mut seen = HashSet::with_capacity(items.len());
        for item in items {
            if !seen.insert(item.path.clone()) {
                continue;
            }
            let Some((track, old)) = known.remove(&item.path) else {
                plan.work.push(Work { item, known: None });
                continue;
            };
            let look = if rehash { Look::Whole } else { look(&old, &item) };
            if look == Look::Nothing && !is_news(&old, &item.state, &item.tags) {
                plan.unchanged += 1;
            } else {
                let known = Known { track, content: old.content, state: state(&old), look };
                plan.work.push(Work { item, known: Some(known) });
            }
        }
        if plan.work.is_empty() {
            plan.contents = Contents::default();
        }
        Ok(plan)
    }

    /// What becomes of the name of a track of the index.
    pub(crate) fn fate(&self, track: usize) -> Fate {
        self.fates.get(track).copied().unwrap_or(Fate::Elsewhere)
    }

    /// Decides about all tracks; gives those that have the name of an item.
    fn look_up(
        &mut self,
        index: &Index,
        items: &[Item],
        scope: &Scope,
    ) -> Result<HashMap<String, (usize, TrackRecord)>, RetrievalError> {
        let wanted: HashSet<&str> = items.iter().map(|item| item.path.as_str()).collect();
        let mut known = HashMap::with_capacity(items.len());
        let mut contents = Vec::with_capacity(index.len());
        let mut away = scope.root().map(Away::new);
        for track in index.tracks() {
            let record = index.track(track)?;
            contents.push((record.content, track));
            // Tracks that were removed before have numbers, too.
            self.fates.resize(track, Fate::Elsewhere);
            if wanted.contains(record.path.as_str()) {
                self.fates.push(Fate::Wanted);
                known.insert(record.path.clone(), (track, record));
                continue;
            }
            match scope.standing(&record.path) {
                Standing::Outside => {}
                Standing::Unknown => self.unknown.push(record.path),
                Standing::Gone => {
                    let place = away.as_mut().zip(local_file(&record.path)).and_then(|(away, file)| away.place(file));
                    if let Some(place) = place {
                        self.away.entry(place).or_default().push(record.path);
                    } else {
                        self.fates.push(Fate::Gone);
                        self.gone.push(record.path);
                    }
                }
            }
        }
        self.contents = Contents::new(contents);
        Ok(known)
    }
}

/// The state of a file as a track was made of it.
pub(crate) fn state(old: &TrackRecord) -> FileState {
    let TrackRecord { bytes, modified_ns, changed_ns, inode, probe, .. } = *old;
    FileState { bytes, modified_ns, changed_ns, inode, probe }
}

fn look(old: &TrackRecord, item: &Item) -> Look {
    match state(old).compare(&item.state) {
        FileComparison::Same => Look::Nothing,
        FileComparison::Different => Look::Whole,
        FileComparison::ProbeNeeded if !matches!(item.origin, Origin::File(_)) => {
            // Nobody can put the times of an object back, so its size and time say enough where there is no ETag.
            Look::Nothing
        }
        FileComparison::ProbeNeeded if old.probe == 0 => Look::Whole,
        FileComparison::ProbeNeeded => Look::Probe,
    }
}

/// Whether there is more to write down of a file that is what it was. An inode alone is not: some file systems give
/// others each time they are mounted.
pub(crate) fn is_news(old: &TrackRecord, now: &FileState, tags: &[String]) -> bool {
    let times = (old.modified_ns, old.changed_ns) != (now.modified_ns, now.changed_ns);
    times || (old.probe == 0 && now.probe != 0) || (!tags.is_empty() && old.tags != tags)
}
