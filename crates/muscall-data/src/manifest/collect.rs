//! Rows of a manifest as they are written become tracks with captions, in one pass.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};

use muscall_audio::{Part, Place};
use xxhash_rust::xxh3::Xxh3;

use super::row::{Row, Stored};
use super::row_numbers::RowNumbers;
use super::rows::RawRow;
use super::split::Split;
use super::times::Times;
use crate::DataError;
use crate::shards::{Archives, is_in_bucket};

/// Takes rows in their order. A table may have millions: nothing is kept of a row but the track.
pub(super) struct Collector {
    /// For errors.
    file: PathBuf,
    /// Where rows say themselves that their audio lies.
    archives: Archives,
    /// Why one of those was not found: no others are looked for then.
    unreached: Option<DataError>,
    /// What paths are relative to.
    folder: PathBuf,
    /// By split, those that name none first.
    tracks: BySplit,
    /// The number of the last row.
    last: usize,
    /// The first track of an id, by that and its split; others of an id by their part, too.
    known: HashMap<Key, Known>,
    /// With the number of the row, and the split that the error is of; none if it is of all.
    errors: Vec<(usize, Option<Split>, DataError)>,
}

type Key = [u64; 2];

/// Tracks of each split.
type BySplit = [Tracks; 1 + Split::ALL.len()];

#[derive(Default)]
struct Tracks {
    rows: Vec<Row>,
    /// For each caption, the place of its track above, and the number of its row.
    numbers: Vec<(usize, usize)>,
}

/// A track, by its place among those of its split.
struct Known {
    track: usize,
    /// Whether its id stands for parts of a file.
    has_parts: bool,
}

/// Tracks of all splits.
pub(super) struct Collected {
    file: PathBuf,
    tracks: BySplit,
    errors: Vec<(Option<Split>, DataError)>,
    /// Whether rows name splits.
    has_splits: bool,
}

impl Collector {
    pub(super) fn new(file: PathBuf, folder: PathBuf) -> Self {
        let (archives, tracks) = (Archives::default(), BySplit::default());
        let (known, errors) = (HashMap::new(), Vec::new());
        Self { file, archives, unreached: None, folder, tracks, last: 0, known, errors }
    }

    /// A row, or what is wrong with it.
    pub(super) fn take(&mut self, row: Result<RawRow, DataError>) {
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                self.last = error.row().unwrap_or(self.last + 1);
                self.errors.push((self.last, None, error));
                return;
            }
        };
        let RawRow { number, id, audio, mut captions, split: said, label, source: origin, times, mut stored } = row;
        self.last = number;
        let split = match said.as_deref().map(Split::parse) {
            None => None,
            Some(Some(split)) => Some(split),
            Some(None) => return self.wrong_split(number, &said.unwrap_or_default()),
        };
        if let Some(Stored { archive, .. }) = &mut stored
            && matches!(archive, Place::Disk(path) if is_in_bucket(path))
        {
            if self.unreached.is_some() {
                return;
            }
            match self.archives.open(archive.path()) {
                Ok(found) => *archive = found,
                Err(error) => {
                    self.unreached = Some(error);
                    return;
                }
            }
        }
        let Times { part, length } = times;
        let is_path = id == audio;
        let audio = if stored.is_some() { audio.into() } else { place(&self.folder, &audio) };
        let Tracks { rows, numbers } = &mut self.tracks[slot(split)];
        let new = rows.len();
        let known = match self.known.entry(key(split, &id, None)) {
            Entry::Vacant(entry) => {
                entry.insert(Known { track: new, has_parts: is_path && part.is_some() });
                None
            }
            Entry::Occupied(entry) => {
                let first = entry.into_mut();
                let earlier = &rows[first.track];
                if earlier.audio != audio || earlier.stored != stored {
                    let (path, other) = (self.file.clone(), earlier.audio.clone());
                    self.errors.push((number, split, DataError::DuplicateId { path, row: number, id, other }));
                    return;
                }
                first.has_parts |= earlier.part != part;
                if earlier.part == part {
                    Some(first.track)
                } else {
                    let other = self.known.entry(key(split, &id, Some(part)));
                    Some(other.or_insert(Known { track: new, has_parts: false }).track)
                }
            }
        };
        let track = known.unwrap_or(new);
        numbers.extend(captions.iter().map(|_| (track, number)));
        match rows.get_mut(track) {
            Some(row) => row.captions.extend(captions),
            None => {
                captions.shrink_to_fit();
                rows.push(Row { id, audio, stored, part, length, captions, label, origin });
            }
        }
    }

    fn wrong_split(&mut self, number: usize, name: &str) {
        let error = DataError::Split { path: self.file.clone(), row: number, found: format!("{name:?}") };
        self.errors.push((number, None, error));
    }

    /// # Errors
    /// [`DataError::EmptyManifest`] without a row, and what keeps a bucket that rows name from being read.
    pub(super) fn finish(mut self) -> Result<Collected, DataError> {
        if let Some(error) = self.unreached {
            return Err(error);
        }
        let has_rows = |tracks: &Tracks| !tracks.rows.is_empty();
        if !self.tracks.iter().any(has_rows) && self.errors.is_empty() {
            return Err(DataError::EmptyManifest { path: self.file });
        }
        let is_of_split = |(_, _, error): &(usize, Option<Split>, DataError)| matches!(error, DataError::Split { .. });
        let has_splits = self.tracks[1..].iter().any(has_rows) || self.errors.iter().any(is_of_split);
        if has_splits {
            // A row without one was forgotten by whoever made the table.
            let Tracks { mut numbers, .. } = std::mem::take(&mut self.tracks[slot(None)]);
            numbers.dedup();
            numbers.into_iter().for_each(|(_, number)| self.wrong_split(number, ""));
        }
        for split in [None].into_iter().chain(Split::ALL.map(Some)) {
            for row in &mut self.tracks[slot(split)].rows {
                let Some(part) = row.part else { continue };
                if self.known.get(&key(split, &row.id, None)).is_some_and(|known| known.has_parts) {
                    row.id += &part.to_string();
                }
            }
        }
        self.errors.sort_by_key(|(number, ..)| *number);
        let errors = self.errors.into_iter().map(|(_, split, error)| (split, error)).collect();
        let Self { file, tracks, .. } = self;
        Ok(Collected { file, tracks, errors, has_splits })
    }
}

impl Collected {
    /// The first thing that is wrong with the manifest or this split.
    pub(super) fn first_error(&mut self, split: Split) -> Option<DataError> {
        let place = self.errors.iter().position(|(of, _)| of.is_none_or(|of| of == split))?;
        Some(self.errors.swap_remove(place).1)
    }

    /// All that is wrong, in order.
    pub(super) fn take_errors(&mut self) -> Vec<DataError> {
        std::mem::take(&mut self.errors).into_iter().map(|(_, error)| error).collect()
    }

    /// The rows of some splits. Without splits, all rows are those of whichever is asked for.
    ///
    /// # Errors
    /// [`DataError::EmptySplit`] for the first one, if there is nothing.
    pub(super) fn into_splits(self, wanted: &[Split]) -> Result<Vec<(Split, Vec<Row>, RowNumbers)>, DataError> {
        let Self { file, mut tracks, has_splits, .. } = self;
        let first = wanted.first().copied().unwrap_or(Split::Train);
        let sources: Vec<(Split, usize)> = match has_splits {
            true => wanted.iter().map(|split| (*split, slot(Some(*split)))).collect(),
            false => vec![(first, slot(None))],
        };
        let mut found = Vec::new();
        for (split, slot) in sources {
            let Tracks { rows, mut numbers } = std::mem::take(&mut tracks[slot]);
            if !rows.is_empty() {
                // By track, and of one in the order of the file.
                numbers.sort_by_key(|(track, _)| *track);
                let numbers = RowNumbers::of(rows.len(), &numbers);
                found.push((split, rows, numbers));
            }
        }
        match found.is_empty() {
            true => Err(DataError::EmptySplit { path: file, split: first.name() }),
            false => Ok(found),
        }
    }
}

/// Where the tracks of a split are.
fn slot(split: Option<Split>) -> usize {
    split.map_or(0, |split| split as usize + 1)
}

/// What a track is known by. Of millions of them no two have the same by chance.
fn key(split: Option<Split>, id: &str, part: Option<Option<Part>>) -> Key {
    let mut hash = Xxh3::new();
    hash.update(id.as_bytes());
    // No text has such a byte.
    hash.update(&[0xff, split.map_or(0, |split| split as u8 + 1)]);
    if let Some(part) = part {
        // No part starts or ends before the file does.
        let times = part.map_or([-1.0; 2], |part| [part.start_s(), part.end_s().unwrap_or(-1.0)]);
        times.iter().for_each(|time: &f64| hash.update(&time.to_le_bytes()));
    }
    let digest = hash.digest128();
    [digest as u64, (digest >> 64) as u64]
}

/// The file that a row names. One written on Windows names folders by backslashes, which are letters elsewhere.
fn place(folder: &Path, name: &str) -> PathBuf {
    // A path grows by doubling.
    let mut place = PathBuf::with_capacity(folder.as_os_str().len() + 1 + name.len());
    place.push(folder);
    place.push(name);
    if cfg!(not(windows)) && name.contains('\\') && !place.exists() {
        let other = folder.join(name.replace('\\', "/"));
        if other.exists() {
            return other;
        }
    }
    place
}
