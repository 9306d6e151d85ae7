//! The graph finds what the index finds, and is refused where it does not belong.
#![cfg(feature = "ann")]
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use muscall_retrieval::{
    GraphConfig, Index, IndexConfig, IndexWriter, RetrievalError, Search, Searcher, SegmentGraph, TrackRecord,
    VectorError,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

const DIM: usize = 32;
const SEGMENTS: usize = 6;

fn row(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let mut row: Vec<f32> = (0..DIM).map(|_| rng.random_range(-1.0..1.0)).collect();
    let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
    row.iter_mut().for_each(|x| *x /= norm);
    row
}

fn add(writer: &mut IndexWriter, rng: &mut ChaCha8Rng, tracks: std::ops::Range<usize>) {
    let starts: Vec<f32> = (0..SEGMENTS).map(|i| i as f32 * 5.0).collect();
    for track in tracks {
        let rows: Vec<f32> = (0..SEGMENTS).flat_map(|_| row(rng)).collect();
        let record = TrackRecord { duration_s: 60.0, ..TrackRecord::new(format!("{track}.mp3")) };
        writer.add(&record, &starts, &rows).unwrap();
        if track % 100 == 99 {
            writer.commit().unwrap();
        }
    }
    writer.commit().unwrap();
}

/// An index of some tracks in a directory of its own, what writes it, and what drew it.
fn indexed(tracks: usize) -> (TempDir, Index, IndexWriter, ChaCha8Rng) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("music.index");
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut writer = IndexWriter::create(&path, &IndexConfig::new(DIM, "00ff").with_windows(10.0, 5.0)).unwrap();
    add(&mut writer, &mut rng, 0..tracks);
    let index = Index::open(&path).unwrap();
    (dir, index, writer, rng)
}

fn build(index: &Index) -> SegmentGraph {
    let path = SegmentGraph::path_beside(Path::new("x"));
    assert_eq!(path, Path::new("x.graph"));
    let path = index.path().with_extension("graph");
    assert!(SegmentGraph::build(index, &path, &GraphConfig::new(), &mut |_, _| ControlFlow::Continue(())).unwrap());
    SegmentGraph::open(&path, index, &GraphConfig::new()).unwrap()
}

/// Share of the best ten segments that the graph finds, with their exact scores.
fn recall(index: &Index, graph: &SegmentGraph, rng: &mut ChaCha8Rng) -> f64 {
    let approximate = graph.over(index).unwrap();
    let (mut found, mut all) = (0, 0);
    for _ in 0..50 {
        let query = row(rng);
        let truth = index.nearest_segments(&query, 10).unwrap();
        let hits = approximate.nearest_segments(&query, 10).unwrap();
        assert_eq!(hits.len(), 10);
        assert!(hits.windows(2).all(|pair| pair[0].score >= pair[1].score));
        found += hits.iter().filter(|hit| truth.contains(hit)).count();
        all += 10;
    }
    f64::from(found as u32) / f64::from(all)
}

#[test]
fn it_finds_nearly_all_and_scores_exactly() {
    let (_dir, index, mut writer, mut rng) = indexed(700);
    let graph = build(&index);
    assert!(recall(&index, &graph, &mut rng) > 0.95);

    // Later states of the index need no new graph: what was added is found, what was removed is not.
    let query = row(&mut rng);
    let best = index.nearest_segments(&query, 1).unwrap()[0].track;
    writer.remove(&format!("{best}.mp3")).unwrap();
    add(&mut writer, &mut rng, 700..760);
    let index = index.refreshed().unwrap().unwrap();
    assert!(recall(&index, &graph, &mut rng) > 0.95);
    let approximate = graph.over(&index).unwrap();
    assert!(approximate.nearest_segments(&query, 50).unwrap().iter().all(|hit| hit.track != best));
    let own = index.segments(755).unwrap().rows.row(2).to_vec();
    assert_eq!(approximate.nearest_segments(&own, 1).unwrap()[0].track, 755);
}

#[test]
fn tracks_and_filters_are_those_of_the_index() {
    let (_dir, index, _, mut rng) = indexed(400);
    let graph = build(&index);
    let approximate = graph.over(&index).unwrap();
    let narrow = |_: &Index, track: usize| Ok(track % 97 == 3);
    for search in [Search::new(5), Search::new(5).with_filter(&narrow)] {
        let mut same = 0;
        for _ in 0..20 {
            let query = row(&mut rng);
            let (truth, found) = (index.search(&query, &search).unwrap(), approximate.search(&query, &search).unwrap());
            assert_eq!(found.len(), truth.len());
            same += found.iter().filter(|answer| truth.contains(answer)).count();
        }
        assert!(same >= 95, "{same} of 100");
    }
    // Whole tracks are not walked to through their moments: the answer is the same, and exact.
    for search in [Search::new(20), Search::new(20).with_filter(&narrow)].map(|search| search.with_track_weight(1.0)) {
        let query = row(&mut rng);
        assert_eq!(approximate.search(&query, &search).unwrap(), index.search(&query, &search).unwrap());
    }
    // More than there is.
    assert_eq!(approximate.search(&row(&mut rng), &Search::new(1000)).unwrap().len(), 400);
    assert_eq!(approximate.nearest_segments(&row(&mut rng), 100_000).unwrap().len(), 400 * SEGMENTS);
    assert!(matches!(
        approximate.nearest_segments(&[0.0; 3], 5),
        Err(RetrievalError::Vectors(VectorError::Dimensions { .. }))
    ));
}

#[test]
fn a_filter_that_is_too_narrow_for_the_graph_is_asked_once_all_the_same() {
    let (_dir, index, _, mut rng) = indexed(400);
    let graph = build(&index);
    let asked: Vec<AtomicUsize> = (0..400).map(|_| AtomicUsize::new(0)).collect();
    let two = |_: &Index, track: usize| {
        asked[track].fetch_add(1, Ordering::Relaxed);
        Ok(track % 200 == 7)
    };
    let search = Search::new(5).with_filter(&two);
    assert_eq!(graph.over(&index).unwrap().search(&row(&mut rng), &search).unwrap().len(), 2);
    assert!(asked.iter().all(|count| count.load(Ordering::Relaxed) == 1));
}

#[test]
fn many_threads_search_at_once() {
    let (_dir, index, _, _) = indexed(200);
    let graph = build(&index);
    std::thread::scope(|scope| {
        for seed in 0..64 {
            let (index, graph) = (&index, &graph);
            scope.spawn(move || {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                assert!(recall(index, graph, &mut rng) > 0.9);
            });
        }
    });
}

#[test]
fn a_graph_of_another_index_or_a_damaged_one_is_refused() {
    let (_dir, index, mut writer, _) = indexed(60);
    let path = index.path();
    drop(build(&index));
    let graph = path.with_extension("graph");
    let whole = fs::read(&graph).unwrap();
    let open = || SegmentGraph::open(&graph, &index, &GraphConfig::new());
    for cut in [0, 10, 56, whole.len() / 2, whole.len() - 1] {
        fs::write(&graph, &whole[..cut]).unwrap();
        assert!(matches!(open(), Err(RetrievalError::Corrupt { .. })), "cut at {cut}");
    }
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for _ in 0..100 {
        let mut damaged = whole.clone();
        let at = rng.random_range(0..damaged.len());
        damaged[at] ^= 1 << rng.random_range(0..8);
        fs::write(&graph, &damaged).unwrap();
        assert!(matches!(open(), Err(RetrievalError::Corrupt { .. })), "byte {at}");
    }
    fs::write(&graph, &whole).unwrap();
    open().unwrap();

    writer.remove("7.mp3").unwrap();
    writer.commit().unwrap();
    writer.compact().unwrap();
    let compacted = index.refreshed().unwrap().unwrap();
    let stale = SegmentGraph::open(&graph, &compacted, &GraphConfig::new());
    assert!(matches!(stale, Err(RetrievalError::StaleGraph { .. })));
    assert!(matches!(SegmentGraph::open(path, &index, &GraphConfig::new()), Err(RetrievalError::Corrupt { .. })));
}

#[test]
fn rows_that_have_no_unit_norm_are_refused() {
    let (_dir, index, mut writer, mut rng) = indexed(3);
    drop(build(&index));
    let rows: Vec<f32> = (0..2).flat_map(|_| row(&mut rng)).collect();
    let longer: Vec<f32> = rows.iter().enumerate().map(|(i, x)| if i < DIM { *x } else { x * 1.01 }).collect();
    writer.add(&TrackRecord::new("longer"), &[0.0, 1.0], &longer).unwrap();
    writer.commit().unwrap();
    let (index, graph) = (index.refreshed().unwrap().unwrap(), index.path().with_extension("graph"));
    let whole = fs::read(&graph).unwrap();
    let build =
        |index: &Index| SegmentGraph::build(index, &graph, &GraphConfig::new(), &mut |_, _| ControlFlow::Continue(()));
    let refused = build(&index).unwrap_err();
    assert!(matches!(refused, RetrievalError::NotUnit { track: 3, row: 19, found, .. } if (found - 1.01).abs() < 1e-4));
    assert_eq!(fs::read(&graph).unwrap(), whole);
    // A removed track is in no graph.
    assert!(writer.remove("longer").unwrap());
    writer.commit().unwrap();
    assert!(build(&index.refreshed().unwrap().unwrap()).unwrap());
}

#[test]
fn two_builds_do_not_write_to_one_file_and_one_that_fails_leaves_none() {
    let (dir, index, _, _) = indexed(3);
    let folder = dir.path().join("graphs");
    fs::create_dir(&folder).unwrap();
    let (graph, other) = (folder.join("music.graph"), folder.join("music.graph.building"));
    fs::write(&other, "what another process has written so far").unwrap();
    let build = || SegmentGraph::build(&index, &graph, &GraphConfig::new(), &mut |_, _| ControlFlow::Continue(()));
    let names = || {
        let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert!(build().unwrap());
    SegmentGraph::open(&graph, &index, &GraphConfig::new()).unwrap();
    assert_eq!(names(), ["music.graph", "music.graph.building"]);
    assert_eq!(fs::read_to_string(&other).unwrap(), "what another process has written so far");
    // A folder that is in the way.
    fs::remove_file(&graph).unwrap();
    fs::create_dir(&graph).unwrap();
    assert!(matches!(build(), Err(RetrievalError::Io { .. })));
    assert_eq!(names(), ["music.graph", "music.graph.building"]);
}

#[test]
fn a_build_can_be_broken_off() {
    let (_dir, index, _, _) = indexed(30);
    let path = index.path();
    let graph = path.with_extension("graph");
    let stopped = SegmentGraph::build(&index, &graph, &GraphConfig::new(), &mut |_, _| ControlFlow::Break(()));
    assert!(!stopped.unwrap());
    assert!(!graph.exists());
}
