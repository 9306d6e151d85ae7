//! Windows that wait until a batch of them is full, of however many tracks that takes.

use std::collections::VecDeque;
use std::sync::Arc;

use muscall_audio::{Clip, Repair};
use muscall_model::{ModelError, Muscall};
use muscall_retrieval::TrackRecord;

use crate::Item;

/// A track, and as many of its windows as are embedded.
pub(crate) struct Open {
    pub(crate) item: Item,
    pub(crate) record: TrackRecord,
    pub(crate) starts_s: Vec<f32>,
    pub(crate) rows: Vec<f32>,
    pub(crate) repairs: Vec<Repair>,
}

/// Tracks in the order of their windows, of which some are still to be embedded.
#[derive(Default)]
pub(crate) struct Waiting {
    tracks: VecDeque<Open>,
    /// The recording of each window, which stays as long as one of its windows waits, and where the window starts.
    windows: VecDeque<(Arc<Clip>, usize)>,
}

impl Waiting {
    /// Adds a track, and the windows that start so in its recording.
    pub(crate) fn push(&mut self, track: Open, whole: Clip, starts: Vec<usize>) {
        let whole = Arc::new(whole);
        self.windows.extend(starts.into_iter().map(|start| (whole.clone(), start)));
        self.tracks.push_back(track);
    }

    /// Embeds one batch of windows, and gives the tracks that have all of theirs then. Nothing if there are fewer than a
    /// batch, unless all are to be embedded and some are left.
    pub(crate) fn encode(&mut self, model: &Muscall, batch: usize, all: bool) -> Result<Option<Vec<Open>>, ModelError> {
        let batch = batch.max(1);
        if self.windows.len() < if all { 1 } else { batch } {
            return Ok(None);
        }
        let windows: Vec<_> = self.windows.drain(..batch.min(self.windows.len())).collect();
        let windows: Vec<_> = windows.iter().map(|(whole, start)| (&**whole, *start)).collect();
        let embeddings = model.embed_segments(&windows)?;
        let (mut rows, dim) = (embeddings.values(), embeddings.dim());
        for track in &mut self.tracks {
            let missing = track.starts_s.len() * dim - track.rows.len();
            let (own, rest) = rows.split_at(missing.min(rows.len()));
            track.rows.extend_from_slice(own);
            rows = rest;
        }
        let is_whole = |track: &Open| track.rows.len() == track.starts_s.len() * dim;
        let whole = self.tracks.iter().take_while(|track| is_whole(track)).count();
        Ok(Some(self.tracks.drain(..whole).collect()))
    }
}
