//! From a query to tracks and their moments.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering as Memory};

use muscall_vectors::dot;
use serde::{Deserialize, Serialize};

use crate::RetrievalError;
use crate::index::best::{Best, Item, Scored, Threshold, best_of};
use crate::index::block::Rows;
use crate::index::moments::moments;
use crate::index::scan::{Probe, in_parallel};
use crate::index::{Index, Moment};

/// Segments up to which a search looks at all of them, unless told otherwise.
const ALL_SEGMENTS: usize = 2_000_000;
/// Tracks that are looked into if not all are.
const TRACKS: usize = 1000;

/// Which segments a search looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stages {
    /// All: the answer is exact.
    All,
    /// Those of the tracks whose own vectors fit best.
    TracksFirst {
        /// How many tracks.
        tracks: usize,
    },
}

/// Whether a track may be an answer.
pub(super) type Filter<'a> = dyn Fn(&Index, usize) -> Result<bool, RetrievalError> + Sync + 'a;

/// What a search should give.
#[derive(Clone, Copy)]
pub struct Search<'a> {
    pub(super) top: usize,
    moments: usize,
    pub(super) track_weight: f32,
    stages: Option<Stages>,
    pub(super) filter: Option<&'a Filter<'a>>,
}

impl fmt::Debug for Search<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { top, moments, track_weight, stages, filter } = self;
        let filtered = filter.is_some();
        write!(f, "Search {{ top: {top}, moments: {moments}, track_weight: {track_weight}, stages: {stages:?}, ")?;
        write!(f, "filtered: {filtered} }}")
    }
}

impl<'a> Search<'a> {
    /// The `top` tracks with the best moments, and at most three moments of each.
    pub fn new(top: usize) -> Self {
        Self { top, moments: 3, track_weight: 0.0, stages: None, filter: None }
    }

    /// How much the whole track counts beside its best moment, from 0, which is the default, to 1: a score is
    /// `(1 − weight) · best moment + weight · track`, where the track's vector is the mean direction of its segments. One
    /// odd moment then does not put a track before others that fit throughout. At 1 the answer is exact even if not all
    /// segments are looked at, for a track's own vector is all that counts.
    #[must_use]
    pub fn with_track_weight(mut self, weight: f32) -> Self {
        // What is no number counts as nothing.
        self.track_weight = if weight > 0.0 { weight.min(1.0) } else { 0.0 };
        self
    }

    /// Replaces the number of moments of a track.
    #[must_use]
    pub fn with_moments(mut self, moments: usize) -> Self {
        self.moments = moments;
        self
    }

    /// Decides which segments are looked at. By default all, up to two million of them.
    #[must_use]
    pub fn with_stages(mut self, stages: Stages) -> Self {
        self.stages = Some(stages);
        self
    }

    /// Only tracks for which this holds. It is asked only for tracks that would be among the best, and once
    /// for each as a rule: threads that come to a track at the same moment do not wait for each other.
    #[must_use]
    pub fn with_filter(mut self, filter: &'a Filter<'a>) -> Self {
        self.filter = Some(filter);
        self
    }
}

/// A track that fits, and where in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Its number in the index.
    pub track: usize,
    /// Where it is.
    pub path: String,
    /// How long it is.
    pub duration_s: f64,
    /// That of its best moment, or with a [track weight](Search::with_track_weight) also of all of it.
    pub score: f32,
    /// Its best moments, best first.
    pub moments: Vec<Moment>,
}

/// What a filter said of each track.
pub(super) struct Allowed<'a> {
    index: &'a Index,
    filter: Option<&'a Filter<'a>>,
    known: Vec<AtomicU8>,
}

impl<'a> Allowed<'a> {
    pub(super) fn new(index: &'a Index, filter: Option<&'a Filter<'a>>) -> Self {
        let tracks = if filter.is_some() { index.commit.tracks as usize } else { 0 };
        Self { index, filter, known: std::iter::repeat_with(|| AtomicU8::new(0)).take(tracks).collect() }
    }

    /// Threads that ask for one track at the same moment both ask the filter: who waited for the other might wait for
    /// ever, as a filter may itself run on the pool of threads.
    pub(super) fn get(&self, track: usize) -> Result<bool, RetrievalError> {
        if self.index.is_removed(track) {
            return Ok(false);
        }
        let Some(filter) = self.filter else {
            return Ok(true);
        };
        match self.known[track].load(Memory::Relaxed) {
            0 => {
                let allowed = filter(self.index, track)?;
                self.known[track].store(1 + u8::from(allowed), Memory::Relaxed);
                Ok(allowed)
            }
            known => Ok(known == 2),
        }
    }
}

impl Index {
    /// The tracks whose best moment fits the query best, with their moments.
    ///
    /// # Shapes
    /// - query: `[dim]`; scores are cosines if it and the rows have unit norm
    /// # Errors
    /// If the query does not fit, what the filter says, or [`RetrievalError::Corrupt`].
    pub fn search(&self, query: &[f32], search: &Search<'_>) -> Result<Vec<Answer>, RetrievalError> {
        self.check_query(query)?;
        self.search_allowed(query, search, &Allowed::new(self, search.filter))
    }

    /// The same for a query that was checked, with what the filter has said so far.
    pub(super) fn search_allowed(
        &self,
        query: &[f32],
        search: &Search<'_>,
        allowed: &Allowed<'_>,
    ) -> Result<Vec<Answer>, RetrievalError> {
        let automatic = match self.segments_len() <= ALL_SEGMENTS {
            // The tracks that fit best as a whole are the answer.
            _ if search.track_weight >= 1.0 => Stages::TracksFirst { tracks: search.top },
            true => Stages::All,
            false => Stages::TracksFirst { tracks: TRACKS },
        };
        let among = match search.stages.unwrap_or(automatic) {
            Stages::All => None,
            Stages::TracksFirst { tracks } => {
                Some(self.best_rows(Rows::Tracks, query, tracks.max(search.top), &|track| allowed.get(track))?)
            }
        };
        self.answers(query, search, allowed, among)
    }

    /// The best tracks and their moments, out of all or of these.
    pub(super) fn answers(
        &self,
        query: &[f32],
        search: &Search<'_>,
        allowed: &Allowed<'_>,
        among: Option<Vec<Scored>>,
    ) -> Result<Vec<Answer>, RetrievalError> {
        let best = self.best_tracks(query, search, allowed, among)?;
        best.into_iter().map(|hit| self.answer(query, hit, search.moments)).collect()
    }

    /// The tracks with the best scores, out of all or of these.
    fn best_tracks(
        &self,
        query: &[f32],
        search: &Search<'_>,
        allowed: &Allowed<'_>,
        among: Option<Vec<Scored>>,
    ) -> Result<Vec<Scored>, RetrievalError> {
        let (k, weight) = (search.top, search.track_weight);
        if k == 0 {
            return Ok(Vec::new());
        }
        let (dim, probe, threshold) = (self.config().dim, Probe::new(query), Threshold::new());
        let corrupt = |what| self.corrupt(what);
        let units = match among {
            None => self.units(|block| self.blocks[block].count(Rows::Tracks)),
            Some(tracks) => {
                let unit = |hit: Scored| (hit.item.block as usize, hit.item.row as usize..hit.item.row as usize + 1);
                tracks.into_iter().map(unit).collect()
            }
        };
        let exact = |item: Item| {
            let (block, track) = (&self.blocks[item.block as usize], item.row as usize);
            let read = || {
                let segments = block.vectors(&self.map, Rows::Segments, block.segments_of(&self.map, track)?, dim)?;
                let moment = segments.chunks_exact(dim).map(|row| dot(query, row)).fold(f32::NEG_INFINITY, f32::max);
                if weight == 0.0 {
                    return Ok(moment);
                }
                let whole = dot(query, block.vectors(&self.map, Rows::Tracks, track..track + 1, dim)?);
                Ok(blend(moment, whole, weight))
            };
            read().map_err(corrupt)
        };
        let work = |next: &std::sync::atomic::AtomicUsize| {
            let mut best = Best::new(k, &threshold);
            let (mut products, mut scores) = (Vec::new(), Vec::new());
            while let Some((number, tracks)) = units.get(next.fetch_add(1, Memory::Relaxed)) {
                let block = &self.blocks[*number];
                for track in tracks.clone() {
                    let range = block.segments_of(&self.map, track).map_err(corrupt)?;
                    let (codes, scales) = block.codes(&self.map, Rows::Segments, range, dim).map_err(corrupt)?;
                    probe.bounds(codes, scales, block.header.largest_norm, &mut products, &mut scores);
                    let [mut lower, mut upper] = most(&scores);
                    if weight > 0.0 {
                        let whole = block.codes(&self.map, Rows::Tracks, track..track + 1, dim).map_err(corrupt)?;
                        probe.bounds(whole.0, whole.1, block.header.largest_norm, &mut products, &mut scores);
                        let whole = most(&scores);
                        (lower, upper) = (blend(lower, whole[0], weight), blend(upper, whole[1], weight));
                    }
                    if upper >= threshold.get() && allowed.get(block.header.first_track as usize + track)? {
                        best.offer(lower, upper, Item { block: *number as u32, row: track as u32 });
                    }
                }
                if best.is_full() {
                    best.settle(exact)?;
                }
            }
            best.settle(exact)?;
            Ok(best.into_hits())
        };
        best_of(in_parallel(units.len(), work)?, k)
    }

    /// All segments of a track in the order of time, with their scores, as answers have them.
    ///
    /// # Errors
    /// For a track that is not there, or a query of another length or with numbers that are not finite.
    pub fn strip(&self, track: usize, query: &[f32]) -> Result<Vec<Moment>, RetrievalError> {
        self.check_query(query)?;
        self.scored_segments(track, self.track(track)?.duration_s, query)
    }

    fn scored_segments(&self, track: usize, duration_s: f64, query: &[f32]) -> Result<Vec<Moment>, RetrievalError> {
        let segments = self.segments(track)?;
        let moment = |(&start, row): (&f32, &[f32])| {
            let start_s = f64::from(start);
            Moment { start_s, end_s: self.config().segment_end_s(start_s, duration_s), score: dot(query, row) }
        };
        Ok(segments.starts_s.iter().zip(segments.rows.iter()).map(moment).collect())
    }

    fn answer(&self, query: &[f32], hit: Scored, most: usize) -> Result<Answer, RetrievalError> {
        let block = &self.blocks[hit.item.block as usize];
        let track = block.header.first_track as usize + hit.item.row as usize;
        let record = self.track(track)?;
        let moments = moments(&self.scored_segments(track, record.duration_s, query)?, most);
        Ok(Answer { track, path: record.path, duration_s: record.duration_s, score: hit.score, moments })
    }
}

/// The greatest of lower and of upper bounds.
fn most(bounds: &[[f32; 2]]) -> [f32; 2] {
    bounds.iter().fold([f32::NEG_INFINITY; 2], |most, bounds| [most[0].max(bounds[0]), most[1].max(bounds[1])])
}

/// A score of the best moment and of the whole. It grows with both, rounding included, so that it keeps bounds.
fn blend(moment: f32, whole: f32, weight: f32) -> f32 {
    if weight == 1.0 { whole } else { (1.0 - weight) * moment + weight * whole }
}
