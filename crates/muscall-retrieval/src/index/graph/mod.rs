//! A graph over the segments, in which a search walks to the nearest ones instead of looking at all.

mod approximate;
mod gate;
mod trailer;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use muscall_files::replace;
use rayon::prelude::*;
use usearch::{IndexOptions, MetricKind, ScalarKind};

pub use approximate::Approximate;

use crate::RetrievalError;
use crate::index::Index;
use crate::index::append::beside;
use crate::index::block::Rows;
use crate::index::graph::gate::Gate;
use crate::index::graph::trailer::Trailer;

/// Segments that are added between two reports of progress.
const CHUNK: usize = 4096;
/// How far from 1 a norm may be: less than bytes can tell apart.
const NORM_TOLERANCE: f64 = 1e-3;
/// How often a graph is opened that is replaced meanwhile.
const OPENS: usize = 2;

/// How dense a graph is, and how far a search walks in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GraphConfig {
    /// Neighbours of a segment (M).
    pub connectivity: usize,
    /// Candidates while the graph is built (efConstruction).
    pub expansion_add: usize,
    /// Candidates of a search (ef).
    pub expansion_search: usize,
    /// Segments that are scored anew with their floats.
    pub rerank: usize,
}

impl Default for GraphConfig {
    fn default() -> Self {
        Self { connectivity: 16, expansion_add: 128, expansion_search: 192, rerank: 50 }
    }
}

impl GraphConfig {
    /// The defaults: M 16, efConstruction 128, ef 192, the best 50 scored anew.
    pub fn new() -> Self {
        Self::default()
    }

    /// # Errors
    /// [`RetrievalError::Setting`] for a number that cannot be.
    pub fn validate(&self) -> Result<(), RetrievalError> {
        let Self { connectivity, expansion_add, expansion_search, rerank } = *self;
        let settings = [
            ("connectivity", connectivity, 2, 256),
            ("expansion_add", expansion_add, 1, 1 << 16),
            ("expansion_search", expansion_search, 1, 1 << 16),
            ("rerank", rerank, 1, 1 << 16),
        ];
        for (setting, found, least, most) in settings {
            if !(least..=most).contains(&found) {
                let expected = if least == 2 { "2 to 256" } else { "1 to 65536" };
                return Err(RetrievalError::Setting { setting, found: found.to_string(), expected });
            }
        }
        Ok(())
    }

    fn library(&self, dim: usize, path: &Path) -> Result<usearch::Index, RetrievalError> {
        let options = IndexOptions {
            dimensions: dim,
            metric: MetricKind::IP,
            quantization: ScalarKind::I8,
            connectivity: self.connectivity,
            expansion_add: self.expansion_add,
            expansion_search: self.expansion_search,
            multi: false,
        };
        usearch::Index::new(&options).map_err(|error| graph_error(path, &error))
    }
}

/// A hierarchical navigable small world (HNSW) over the segments of an [`Index`], in a file beside it.
///
/// What was added to the index later is scanned, so that a graph need not be built anew after each commit;
/// after a compaction it must be.
///
/// # Source
/// Malkov and Yashunin 2018, "Efficient and robust approximate nearest neighbor search using HNSW graphs";
/// the graph is usearch's.
pub struct SegmentGraph {
    graph: usearch::Index,
    path: PathBuf,
    trailer: Trailer,
    config: GraphConfig,
    gate: Gate,
}

impl std::fmt::Debug for SegmentGraph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, trailer, config, .. } = self;
        write!(f, "SegmentGraph {{ path: {path:?}, segments: {}, config: {config:?} }}", trailer.segments)
    }
}

impl SegmentGraph {
    /// Where the graph of an index lies unless told otherwise: `music.index` has `music.index.graph`.
    pub fn path_beside(index: &Path) -> PathBuf {
        beside(index, ".graph")
    }

    /// Builds the graph of an index on all threads of the pool and writes it; a file that was there is replaced
    /// when the new one is whole. `progress` hears of segments done and in all, and may break: then nothing is
    /// written and `false` returned.
    ///
    /// Rows must have unit norm, to a thousandth: usearch normalises what it makes bytes of, while the index ranks by
    /// inner product.
    ///
    /// # Errors
    /// [`RetrievalError::NotUnit`], [`RetrievalError::Io`], [`RetrievalError::Corrupt`], [`RetrievalError::Graph`] or a
    /// setting that cannot be.
    pub fn build(
        index: &Index,
        path: &Path,
        config: &GraphConfig,
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<bool, RetrievalError> {
        config.validate()?;
        let error = |error: cxx::Exception| graph_error(path, &error);
        let graph = config.library(index.config().dim, path)?;
        let threads = rayon::current_num_threads() + 1;
        graph.reserve_capacity_and_threads(index.segments_len(), threads).map_err(error)?;
        let (mut done, all) = (0, index.commit.segments as usize);
        for block in 0..index.blocks.len() {
            let count = index.blocks[block].count(Rows::Segments);
            for start in (0..count).step_by(CHUNK) {
                if progress(done, all).is_break() {
                    return Ok(false);
                }
                let rows = start..(start + CHUNK).min(count);
                done += rows.len();
                add(index, block, rows, &graph, path)?;
            }
        }
        let _ = progress(done, all);
        write(index, path, &graph)?;
        Ok(true)
    }

    /// Opens the graph of an index; it is mapped, and compared with its checksum as a whole.
    ///
    /// # Errors
    /// [`RetrievalError::Io`], [`RetrievalError::Corrupt`], [`RetrievalError::StaleGraph`] if it belongs to
    /// another index or to one from before a compaction, or [`RetrievalError::GraphReplaced`].
    pub fn open(path: &Path, index: &Index, config: &GraphConfig) -> Result<Self, RetrievalError> {
        config.validate()?;
        for _ in 0..OPENS {
            let trailer = Trailer::read(path)?;
            trailer.check(path, index)?;
            if let Some(graph) = Self::view(path, index, config, trailer)? {
                return Ok(graph);
            }
        }
        Err(RetrievalError::GraphReplaced { path: path.to_owned() })
    }

    /// Maps the graph that has this trailer. usearch opens the path anew: `None` if another graph is there by then,
    /// which was not compared with its checksum.
    fn view(
        path: &Path,
        index: &Index,
        config: &GraphConfig,
        trailer: Trailer,
    ) -> Result<Option<Self>, RetrievalError> {
        let graph = config.library(index.config().dim, path)?;
        let gate = Gate::new(2 * rayon::current_num_threads().max(1));
        let error = |error: cxx::Exception| graph_error(path, &error);
        graph.reserve_capacity_and_threads(0, gate.places()).map_err(error)?;
        let viewed = graph.view(utf8(path)?);
        if Trailer::last(path)? != trailer {
            return Ok(None);
        }
        viewed.map_err(error)?;
        graph.change_expansion_search(config.expansion_search);
        Ok(Some(Self { graph, path: path.to_owned(), trailer, config: *config, gate }))
    }

    /// Searches an index, or a later state of it, through this graph.
    ///
    /// # Errors
    /// [`RetrievalError::StaleGraph`] if the graph is not of this index.
    pub fn over<'a>(&'a self, index: &'a Index) -> Result<Approximate<'a>, RetrievalError> {
        self.trailer.check(&self.path, index)?;
        Ok(Approximate::new(self, index))
    }
}

/// Puts the live segments among some rows of a block into the graph, by their numbers in the index.
fn add(
    index: &Index,
    block: usize,
    rows: std::ops::Range<usize>,
    graph: &usearch::Index,
    path: &Path,
) -> Result<(), RetrievalError> {
    let dim = index.config().dim;
    let first = index.blocks[block].header.first_segment as usize;
    let vectors = index.blocks[block].vectors(&index.map, Rows::Segments, rows.clone(), dim);
    let vectors = vectors.map_err(|what| index.corrupt(what))?;
    rows.into_par_iter().zip(vectors.par_chunks_exact(dim)).try_for_each(|(row, vector)| {
        let owner = index.owner(block, Rows::Segments, row).map_err(|what| index.corrupt(what))?;
        if index.is_removed(owner) {
            return Ok(());
        }
        let norm = vector.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        if !(1.0 - NORM_TOLERANCE..=1.0 + NORM_TOLERANCE).contains(&norm) {
            let (path, row, found) = (index.path.clone(), first + row, norm as f32);
            return Err(RetrievalError::NotUnit { path, row, track: owner, found });
        }
        graph.add((first + row) as u64, vector).map_err(|error| graph_error(path, &error))
    })
}

fn write(index: &Index, path: &Path, graph: &usearch::Index) -> Result<(), RetrievalError> {
    // It could be written, and never opened.
    utf8(path)?;
    replace(path, |new| {
        graph.save(utf8(new)?).map_err(|error| graph_error(path, &error))?;
        Trailer::append(new, index)
    })
}

fn utf8(path: &Path) -> Result<&str, RetrievalError> {
    path.to_str().ok_or_else(|| RetrievalError::Graph {
        path: path.to_owned(),
        reason: "its path is not UTF-8, which usearch needs".to_owned(),
    })
}

fn graph_error(path: &Path, error: &cxx::Exception) -> RetrievalError {
    RetrievalError::Graph { path: path.to_owned(), reason: error.what().to_owned() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{IndexConfig, IndexWriter, TrackRecord};

    #[test]
    fn a_graph_that_was_replaced_after_it_was_read_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let (path, graph) = (dir.path().join("music.index"), dir.path().join("music.graph"));
        let mut writer = IndexWriter::create(&path, &IndexConfig::new(2, "00ff")).unwrap();
        let config = GraphConfig::new();
        let mut built = |name: &str| {
            writer.add(&TrackRecord::new(name), &[0.0], &[1.0, 0.0]).unwrap();
            writer.commit().unwrap();
            let index = Index::open(&path).unwrap();
            assert!(SegmentGraph::build(&index, &graph, &config, &mut |_, _| ControlFlow::Continue(())).unwrap());
            (index, Trailer::read(&graph).unwrap())
        };
        let ((_, first), (index, second)) = (built("a"), built("b"));
        assert!(SegmentGraph::view(&graph, &index, &config, first).unwrap().is_none());
        assert!(SegmentGraph::view(&graph, &index, &config, second).unwrap().is_some());
    }
}
