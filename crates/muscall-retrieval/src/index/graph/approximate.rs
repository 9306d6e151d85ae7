//! The nearest segments by the graph, scored with the index's own floats.

use muscall_vectors::dot;

use crate::RetrievalError;
use crate::index::best::{Item, Scored};
use crate::index::block::Rows;
use crate::index::graph::{SegmentGraph, graph_error};
use crate::index::search::Allowed;
use crate::index::{Answer, Index, Search, SearchMethod, Searcher, SegmentHit};

/// Segments that a search asks the graph for at most. A filter that leaves fewer answers than were asked for
/// among them is so narrow that looking at all segments is the better way.
const MOST: usize = 4096;
/// Segments of one track that may stand before another track's best one.
const SEGMENTS_A_TRACK: usize = 8;

/// An index seen through a graph: answers are those of the index, but for the few that the walk misses; their
/// scores are exact. It walks to moments: with a [track weight](Search::with_track_weight) it also misses tracks that fit as a
/// whole without a moment among the nearest. With a weight of 1 moments lead nowhere, and all tracks are looked at.
#[derive(Debug, Clone, Copy)]
pub struct Approximate<'a> {
    graph: &'a SegmentGraph,
    index: &'a Index,
}

impl<'a> Approximate<'a> {
    pub(super) fn new(graph: &'a SegmentGraph, index: &'a Index) -> Self {
        Self { graph, index }
    }

    /// At most `wanted` allowed segments, best first.
    fn rows(&self, query: &[f32], wanted: usize, allowed: &Allowed<'_>) -> Result<Vec<Scored>, RetrievalError> {
        let found = {
            let _place = self.graph.gate.enter();
            self.graph.graph.search(query, wanted)
        };
        let found = found.map_err(|error| graph_error(&self.graph.path, &error))?;
        let index = self.index;
        let dim = index.config().dim;
        let mut rows = Vec::with_capacity(found.keys.len());
        for segment in found.keys {
            // The checksum holds, so a number that is not there was written so.
            if segment >= self.graph.trailer.segments {
                return Err(RetrievalError::Corrupt {
                    path: self.graph.path.clone(),
                    what: "it names a segment that is not in the index",
                });
            }
            let number = index.blocks.partition_point(|block| block.header.first_segment <= segment) - 1;
            let (block, row) = (&index.blocks[number], (segment - index.blocks[number].header.first_segment) as usize);
            let owner = index.owner(number, Rows::Segments, row).map_err(|what| index.corrupt(what))?;
            if !allowed.get(owner)? {
                continue;
            }
            let vector = block.vectors(&index.map, Rows::Segments, row..row + 1, dim);
            let score = dot(query, vector.map_err(|what| index.corrupt(what))?);
            rows.push(Scored { item: Item { block: number as u32, row: row as u32 }, score });
        }
        // What came after the graph is in blocks of its own.
        let newer = index.blocks.partition_point(|block| block.header.first_segment < self.graph.trailer.segments);
        if newer < index.blocks.len() {
            rows.extend(index.best_rows_from(newer, Rows::Segments, query, wanted, &|track| allowed.get(track))?);
        }
        rows.sort_unstable();
        rows.truncate(wanted);
        Ok(rows)
    }

    /// What `enough` makes of the best rows; as long as that is nothing, there are more of them. `None` if that leads
    /// nowhere.
    fn enough_rows<T>(
        &self,
        query: &[f32],
        least: usize,
        allowed: &Allowed<'_>,
        enough: impl Fn(Vec<Scored>) -> Result<Option<T>, RetrievalError>,
    ) -> Result<Option<T>, RetrievalError> {
        let mut wanted = self.graph.config.rerank.max(least);
        while wanted <= MOST {
            let found = enough(self.rows(query, wanted, allowed)?)?;
            if found.is_some() {
                return Ok(found);
            }
            wanted *= 4;
        }
        Ok(None)
    }
}

impl SearchMethod for SegmentGraph {
    fn searcher<'a>(&'a self, index: &'a Index) -> Box<dyn Searcher + 'a> {
        match self.over(index) {
            Ok(approximate) => Box::new(approximate),
            Err(_) => Box::new(index),
        }
    }
}

impl Searcher for Approximate<'_> {
    fn nearest_segments(&self, query: &[f32], k: usize) -> Result<Vec<SegmentHit>, RetrievalError> {
        self.index.check_query(query)?;
        let allowed = Allowed::new(self.index, None);
        let k = k.min(self.index.segments_len());
        match self.enough_rows(query, k, &allowed, |rows| Ok((rows.len() >= k).then_some(rows)))? {
            Some(rows) => rows.into_iter().take(k).map(|hit| self.index.segment_hit(hit)).collect(),
            None => self.index.nearest_segments(query, k),
        }
    }

    /// [`Stages`](crate::Stages) does not matter here: all segments of the tracks that the graph finds are scored.
    fn search(&self, query: &[f32], search: &Search<'_>) -> Result<Vec<Answer>, RetrievalError> {
        let index = self.index;
        index.check_query(query)?;
        let allowed = Allowed::new(index, search.filter);
        if search.track_weight >= 1.0 {
            return index.search_allowed(query, search, &allowed);
        }
        let top = search.top.min(index.len());
        let tracks = |rows: Vec<Scored>| -> Result<Option<Vec<Scored>>, RetrievalError> {
            let mut owners = std::collections::HashSet::new();
            let mut tracks = Vec::new();
            for Scored { item, score } in rows {
                let (number, row) = (item.block as usize, item.row as usize);
                let owner = index.owner(number, Rows::Segments, row).map_err(|what| index.corrupt(what))?;
                if owners.insert(owner) {
                    let row = (owner - index.blocks[number].header.first_track as usize) as u32;
                    tracks.push(Scored { item: Item { row, ..item }, score });
                }
            }
            Ok((tracks.len() >= top).then_some(tracks))
        };
        match self.enough_rows(query, top * SEGMENTS_A_TRACK, &allowed, tracks)? {
            Some(tracks) => index.answers(query, search, &allowed, Some(tracks)),
            None => index.search_allowed(query, search, &allowed),
        }
    }
}
