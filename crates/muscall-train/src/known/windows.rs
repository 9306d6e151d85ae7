//! Vectors of fixed windows of tracks.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use muscall_audio::{AudioError, Clip, ClipConfig, FileState, Place, load_clip};
use muscall_data::Stored;
use muscall_data::dataset::window_position;
use muscall_files::FileError;
use rayon::prelude::*;
use xxhash_rust::xxh3::Xxh3;

use super::vector_file::VectorFile;
use crate::TrainError;
use crate::manifest::{Manifest, Row};

/// Rows whose windows are computed before they are written.
const TOGETHER: usize = 8;

/// What something makes of fixed windows of the rows of a manifest.
#[derive(Debug, Clone)]
pub(crate) struct Windows {
    dim: usize,
    /// Of each track.
    windows: usize,
    /// The first vector of a row, if it could be heard.
    places: Arc<Vec<Option<usize>>>,
    unheard: Arc<BTreeMap<usize, String>>,
    values: Arc<Vec<f32>>,
}

/// Which windows of a track, and how they are cut.
#[derive(Debug, Clone)]
pub(crate) struct Cut {
    pub(crate) windows: usize,
    pub(crate) clip: ClipConfig,
}

impl Windows {
    /// Of all rows that can be heard. What the file does not know is computed, and is in it when this is interrupted.
    /// `progress` is called with how many rows of how many are known.
    ///
    /// # Errors
    /// Those of `compute`, and of the file.
    pub(crate) fn read(
        manifest: &Manifest,
        cut: &Cut,
        (file, origin, dim): (&Path, &str, usize),
        compute: impl Fn(&[Clip]) -> Result<Vec<f32>, TrainError>,
        mut progress: impl FnMut(usize, usize) -> Result<(), TrainError>,
    ) -> Result<Self, TrainError> {
        let mut file = VectorFile::open(file, origin, dim)?;
        let (mut unheard, mut places, mut values) = (BTreeMap::new(), Vec::new(), Vec::new());
        for (first, rows) in manifest.rows.chunks(TOGETHER).enumerate().map(|(i, rows)| (i * TOGETHER, rows)) {
            let states: Vec<_> = rows.par_iter().map(state).collect();
            let is_known = |state: &FileState, row: &Row| {
                (0..cut.windows).all(|window| file.get(key(row, state, window)).is_some())
            };
            let loaded: Vec<Result<Option<Vec<Clip>>, String>> = rows
                .par_iter()
                .zip(&states)
                .map(|(row, state)| match state {
                    Err(reason) => Err(reason.clone()),
                    Ok(state) if is_known(state, row) => Ok(None),
                    Ok(_) => cut.clips(row).map(Some).map_err(|error| error.to_string()),
                })
                .collect();
            // All clips of these rows go through the network together.
            let (mut clips, mut owners) = (Vec::new(), Vec::new());
            let mut heard = Vec::with_capacity(rows.len());
            for (row, loaded) in loaded.into_iter().enumerate() {
                heard.push(loaded.map(|new| {
                    if let Some(new) = new {
                        owners.push((row, clips.len(), new.len()));
                        clips.extend(new);
                    }
                }));
            }
            let vectors = if clips.is_empty() { Vec::new() } else { compute(&clips)? };
            for (row, start, count) in owners {
                let Ok(state) = &states[row] else { continue };
                // One that is shorter than a window is the same everywhere.
                let of_window = |window: usize| &vectors[(start + window.min(count - 1)) * dim..][..dim];
                file.add((0..cut.windows).map(|window| (key(&rows[row], state, window), of_window(window))))?;
            }
            for (index, (row, (state, heard))) in (first..).zip(rows.iter().zip(states.iter().zip(heard))) {
                let vector = |state: &FileState, window| file.get(key(row, state, window)).unwrap_or_default();
                match state.as_ref().map_err(Clone::clone).and_then(|state| heard.map(|()| state)) {
                    Ok(state) => {
                        places.push(Some(values.len() / dim));
                        (0..cut.windows).for_each(|window| values.extend_from_slice(vector(state, window)));
                    }
                    Err(reason) => {
                        places.push(None);
                        unheard.insert(index, reason);
                    }
                }
            }
            if !clips.is_empty() {
                progress(first + rows.len(), manifest.rows.len())?;
            }
        }
        let (places, unheard, values) = (Arc::new(places), Arc::new(unheard), Arc::new(values));
        Ok(Self { dim, windows: cut.windows, places, unheard, values })
    }

    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    /// The vector of a window of a row; none if the row could not be heard.
    pub(crate) fn get(&self, row: usize, window: usize) -> Option<&[f32]> {
        let first = (*self.places.get(row)?)?;
        self.values.get((first + window.min(self.windows - 1)) * self.dim..)?.get(..self.dim)
    }

    /// The rows that could not be heard, and why.
    pub(crate) fn unheard(&self) -> Arc<BTreeMap<usize, String>> {
        self.unheard.clone()
    }
}

impl Cut {
    /// The windows of a row: only the first, if they are all the same.
    pub(crate) fn clips(&self, row: &Row) -> Result<Vec<Clip>, AudioError> {
        let first = load_clip(row.source(), window_position(0), &self.clip)?;
        if first.valid < self.clip.samples {
            return Ok(vec![first]);
        }
        let others = (1..self.windows).map(|window| load_clip(row.source(), window_position(window), &self.clip));
        std::iter::once(Ok(first)).chain(others).collect()
    }
}

/// What identifies the content of a row's file, or why it cannot be read.
fn state(row: &Row) -> Result<FileState, String> {
    if let Some(Stored { archive: Place::Remote(file), .. }) = &row.stored {
        return Ok(file.state());
    }
    let file = row.file();
    FileState::with_probe(file).map_err(|error| FileError::reading(file)(error).to_string())
}

/// Of a window of a track, wherever its file is and whatever it is called.
fn key(row: &Row, state: &FileState, window: usize) -> u128 {
    let mut hash = Xxh3::new();
    let mut add = |number: u64| hash.update(&number.to_le_bytes());
    add(state.bytes);
    add(state.probe);
    add(window as u64);
    if let Some(stored) = &row.stored {
        add(1);
        add(stored.at);
        add(stored.bytes);
    }
    if let Some(part) = row.part {
        add(2);
        add(part.start_s().to_bits());
        add(part.end_s().unwrap_or(f64::INFINITY).to_bits());
    }
    hash.digest128()
}
