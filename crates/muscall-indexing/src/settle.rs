//! Files whose content the index has under another name.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use muscall_retrieval::{Index, RetrievalError};

use crate::place::{Found, local_file};
use crate::plan::{Fate, Plan};
use crate::{Item, Origin};

/// Where the rows of a known content come from.
pub(crate) struct Source {
    pub(crate) track: usize,
    /// Nothing else has the track's name: the file was moved, not copied.
    pub(crate) is_moved: bool,
}

/// Finds the source of each such file, so that one name leaves the index for one file that was moved.
#[derive(Default)]
pub(crate) struct Settler {
    left: HashSet<usize>,
    /// What was found at the names of tracks, so that each is looked at once however many files have its content.
    found: HashMap<usize, Found>,
}

impl Settler {
    /// The source of a file with this content, which `first` among others has.
    ///
    /// A file was moved if the name of a track of its content is free: no file of the list has it, and it is gone, or
    /// leads nowhere, or to the very file of the new name (in another mount, or over a link to a folder). Otherwise it
    /// was copied; so were links to files, hard or symbolic, since both names are meant.
    pub(crate) fn source(
        &mut self,
        index: &Index,
        plan: &Plan,
        item: &Item,
        (content, first): (u128, usize),
    ) -> Result<Source, RetrievalError> {
        // A name that was looked for and not found comes before one that may be that of a disk which is away.
        let gone = |track: &usize| plan.fate(*track) == Fate::Gone && !self.left.contains(track);
        let mut free = plan.contents.tracks(content).find(gone);
        if free.is_none() {
            let own = own_file(item);
            for track in plan.contents.tracks(content).filter(|&track| plan.fate(track) == Fate::Elsewhere) {
                let found = self.found(index, track)?;
                let is_free = match found {
                    Found::Nothing => true,
                    Found::File(_) => own.as_ref() == Some(found),
                    Found::Link | Found::Unknown => false,
                };
                if is_free && !self.left.contains(&track) {
                    free = Some(track);
                    break;
                }
            }
        }
        if let Some(track) = free {
            self.left.insert(track);
        }
        Ok(Source { track: free.unwrap_or(first), is_moved: free.is_some() })
    }

    fn found(&mut self, index: &Index, track: usize) -> Result<&Found, RetrievalError> {
        match self.found.entry(track) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(new) => {
                let name = index.track(track)?.path;
                Ok(new.insert(local_file(&name).map_or(Found::Unknown, Found::at)))
            }
        }
    }
}

/// What is found at the place of an item on a disk.
fn own_file(item: &Item) -> Option<Found> {
    match &item.origin {
        Origin::File(file) => Some(Found::at(file)),
        #[cfg(feature = "s3")]
        Origin::Object(_) => None,
    }
}
