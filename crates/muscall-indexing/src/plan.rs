//! What has to be done to bring an index up to date.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

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
        let mut aways: HashMap<&Path, Away<'_>> = HashMap::new();
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
                    let place = scope
                        .root(&record.path)
                        .zip(local_file(&record.path))
                        .and_then(|(root, file)| aways.entry(root).or_insert_with(|| Away::new(root)).place(file));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn item(state: FileState) -> Item {
        Item { path: "/a".into(), origin: Origin::File("/a".into()), part: None, state, tags: Vec::new() }
    }

    /// A record of a file, as it was noted with these times, inode and probe.
    fn noted([modified_ns, changed_ns, inode, probe]: [u64; 4]) -> TrackRecord {
        TrackRecord { bytes: 9, modified_ns, changed_ns, inode, probe, ..TrackRecord::new("/a") }
    }

    #[test]
    fn only_what_may_have_changed_is_opened() {
        let now = FileState { bytes: 9, modified_ns: 1, changed_ns: 2, inode: 3, probe: 0 };
        for (noted, expected) in [
            (noted([1, 2, 3, 4]), Look::Nothing),
            (noted([1, 5, 3, 4]), Look::Probe),
            (noted([1, 2, 5, 4]), Look::Probe),
            (noted([5, 2, 3, 4]), Look::Whole),
            // By an older version.
            (noted([1, 0, 0, 0]), Look::Whole),
            (TrackRecord { bytes: 8, ..noted([1, 2, 3, 4]) }, Look::Whole),
        ] {
            assert_eq!(look(&noted, &item(now)), expected, "{noted:?}");
        }
    }

    #[test]
    fn what_is_noted_anew_does_not_repeat() {
        let now = FileState { bytes: 9, modified_ns: 1, changed_ns: 2, inode: 3, probe: 4 };
        for (noted, expected) in [
            (noted([1, 2, 3, 4]), false),
            // Inodes that change with each mount.
            (noted([1, 2, 5, 4]), false),
            (noted([1, 5, 3, 4]), true),
            (noted([5, 2, 3, 4]), true),
            (noted([1, 2, 3, 0]), true),
        ] {
            assert_eq!(is_news(&noted, &now, &[]), expected, "{noted:?}");
        }
        assert!(is_news(&noted([1, 2, 3, 4]), &now, &["genre=jazz".into()]));
    }
}
