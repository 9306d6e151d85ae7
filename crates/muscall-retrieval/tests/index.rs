//! The index keeps what it was given and finds it, and says so when a file is damaged.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use muscall_retrieval::{
    Embeddings, Hit, Index, IndexConfig, IndexWriter, RetrievalError, Search, SegmentHit, Stages, TrackRecord,
    VectorError, top_k,
};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const DIM: usize = 24;

fn config() -> IndexConfig {
    IndexConfig::new(DIM, "00ff").with_windows(10.0, 5.0)
}

fn unit_rows(rng: &mut ChaCha8Rng, rows: usize) -> Vec<f32> {
    let mut values: Vec<f32> = (0..rows * DIM).map(|_| rng.random_range(-1.0..1.0)).collect();
    for row in values.chunks_mut(DIM) {
        let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter_mut().for_each(|x| *x /= norm);
    }
    values
}

fn record(track: usize) -> TrackRecord {
    TrackRecord {
        path: format!("música/{track}.mp3"),
        content: u128::MAX - track as u128,
        bytes: 1000 + track as u64,
        modified_ns: track as u64,
        changed_ns: u64::MAX - track as u64,
        inode: 7 * track as u64,
        probe: track as u64 ^ 0xaaaa,
        duration_s: 60.0,
        tags: vec![format!("genre={}", if track.is_multiple_of(2) { "jazz" } else { "" }), "n".into()],
    }
}

/// Tracks of one to six segments, a commit after every seventh; gives what is in it.
fn filled(path: &Path, tracks: usize, seed: u64) -> Vec<(usize, f32, Vec<f32>)> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut writer = IndexWriter::create(path, &config()).unwrap();
    let mut all = Vec::new();
    for track in 0..tracks {
        let segments = rng.random_range(1..7);
        let rows = unit_rows(&mut rng, segments);
        let starts: Vec<f32> = (0..segments).map(|i| i as f32 * 5.0).collect();
        assert_eq!(writer.add(&record(track), &starts, &rows).unwrap(), track);
        all.extend(starts.iter().zip(rows.chunks(DIM)).map(|(&start, row)| (track, start, row.to_vec())));
        if track % 7 == 6 {
            writer.commit().unwrap();
        }
    }
    writer.commit().unwrap();
    all
}

fn by_hand(all: &[(usize, f32, Vec<f32>)], query: &[f32], k: usize) -> Vec<SegmentHit> {
    let values: Vec<f32> = all.iter().flat_map(|(_, _, row)| row.clone()).collect();
    let hits = top_k(query, Embeddings::new(&values, DIM).unwrap(), k).unwrap();
    let hit = |Hit { index, score }: Hit| SegmentHit { track: all[index].0, start_s: all[index].1, score };
    hits.into_iter().map(hit).collect()
}

#[test]
fn everything_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("music.index");
    let all = filled(&path, 30, 1);
    let index = Index::open_for(&path, "00ff").unwrap();
    assert_eq!((index.len(), index.segments_len(), index.config()), (30, all.len(), &config()));
    assert_eq!(index.tracks().collect::<Vec<_>>(), (0..30).collect::<Vec<_>>());
    for track in 0..30 {
        assert_eq!(index.track(track).unwrap(), record(track));
        assert_eq!(index.find(&record(track).path).unwrap(), Some(track));
        let own: Vec<_> = all.iter().filter(|row| row.0 == track).collect();
        let segments = index.segments(track).unwrap();
        assert_eq!(segments.starts_s, own.iter().map(|row| row.1).collect::<Vec<_>>());
        assert!(segments.rows.iter().eq(own.iter().map(|row| row.2.as_slice())));
        assert_eq!(index.vector(track).unwrap(), muscall_retrieval::mean_direction(segments.rows));
    }
    assert_eq!(index.find("elsewhere").unwrap(), None);
    assert!(matches!(index.track(30), Err(RetrievalError::NoTrack { track: 30, .. })));
    let centre = index.audio_centre().unwrap();
    let expected: f32 = (0..30).map(|track| index.vector(track).unwrap()[3]).sum::<f32>() / 30.0;
    assert!((centre[3] - expected).abs() < 1e-6);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_best_are_the_best(seed in 0_u64..1000, tracks in 0_usize..60, k in 0_usize..20, spread in 0.0_f32..1.0) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("music.index");
        let mut all = filled(&path, tracks, seed);
        let mut writer = IndexWriter::open(&path, "00ff").unwrap();
        for track in (0..tracks).filter(|track| track % 5 == 3) {
            prop_assert!(writer.remove(&record(track).path).unwrap());
        }
        writer.commit().unwrap();
        drop(writer);
        all.retain(|row| row.0 % 5 != 3);
        let index = Index::open(&path).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut queries = unit_rows(&mut rng, 9);
        // Some of them with many rows that are about as good.
        queries.iter_mut().take(DIM * 3).for_each(|x| *x *= spread);
        for query in queries.chunks(DIM) {
            prop_assert_eq!(index.nearest_segments(query, k).unwrap(), by_hand(&all, query, k));
            let answers = index.search(query, &Search::new(k)).unwrap();
            let mut tracks: Vec<(usize, f32)> = Vec::new();
            for hit in by_hand(&all, query, all.len()) {
                if !tracks.iter().any(|track| track.0 == hit.track) {
                    tracks.push((hit.track, hit.score));
                }
            }
            tracks.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            tracks.truncate(k);
            prop_assert_eq!(answers.iter().map(|answer| (answer.track, answer.score)).collect::<Vec<_>>(), tracks);
            let staged = Search::new(k).with_stages(Stages::TracksFirst { tracks: 1000 });
            prop_assert_eq!(index.search(query, &staged).unwrap(), answers);
        }
        let queries = Embeddings::new(&queries, DIM).unwrap();
        let batch = index.nearest_segments_batch(queries, k).unwrap();
        for (query, hits) in queries.iter().zip(batch) {
            prop_assert_eq!(index.nearest_segments(query, k).unwrap(), hits);
        }
        // The same without what was removed.
        let compact = IndexWriter::open(&path, "00ff").unwrap().compact().unwrap();
        drop(compact);
        let newer = index.refreshed().unwrap().unwrap();
        prop_assert_eq!((newer.len(), newer.segments_len()), (index.len(), index.segments_len()));
        for query in queries.iter() {
            let scores = |hits: Vec<SegmentHit>| hits.iter().map(|hit| (hit.start_s, hit.score)).collect::<Vec<_>>();
            let (old, new) = (index.nearest_segments(query, k).unwrap(), newer.nearest_segments(query, k).unwrap());
            prop_assert_eq!(scores(old), scores(new));
        }
    }
}

#[test]
fn equal_rows_are_all_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("music.index");
    let mut writer = IndexWriter::create(&path, &config()).unwrap();
    let row = unit_rows(&mut ChaCha8Rng::seed_from_u64(1), 1);
    for track in 0..6000 {
        writer.add(&TrackRecord::new(track.to_string()), &[0.0], &row).unwrap();
    }
    writer.commit().unwrap();
    let hits = Index::open(&path).unwrap().nearest_segments(&row, 3).unwrap();
    assert_eq!(hits.iter().map(|hit| hit.track).collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn filters_see_each_track_once_and_moments_are_in_the_track() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("music.index");
    filled(&path, 40, 3);
    let index = Index::open(&path).unwrap();
    let query = unit_rows(&mut ChaCha8Rng::seed_from_u64(4), 1);
    let asked: Vec<AtomicUsize> = (0..40).map(|_| AtomicUsize::new(0)).collect();
    let jazz = |index: &Index, track: usize| {
        asked[track].fetch_add(1, Ordering::Relaxed);
        Ok(index.track(track)?.tags.iter().any(|tag| tag == "genre=jazz"))
    };
    let search = Search::new(50).with_filter(&jazz).with_moments(2);
    let answers = index.search(&query, &search).unwrap();
    assert_eq!(answers.len(), 20);
    // Once more in each of the other searches.
    let staged = search.with_stages(Stages::TracksFirst { tracks: 40 });
    assert_eq!(index.search(&query, &staged).unwrap(), answers);
    assert!(asked.iter().all(|count| count.load(Ordering::Relaxed) == 2));
    for answer in answers {
        assert!(answer.track % 2 == 0 && (1..=2).contains(&answer.moments.len()));
        assert_eq!(answer.moments[0].score, answer.score);
        assert!(answer.moments.iter().all(|moment| moment.start_s < moment.end_s && moment.end_s <= 60.0));
    }
    let nothing = |_: &Index, _: usize| Ok(false);
    assert!(index.search(&query, &Search::new(5).with_filter(&nothing)).unwrap().is_empty());
}

#[test]
fn readers_see_commits_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("music.index");
    filled(&path, 7, 1);
    let index = Index::open(&path).unwrap();
    let mut writer = IndexWriter::open(&path, "00ff").unwrap();
    assert!(matches!(IndexWriter::open(&path, "00ff"), Err(RetrievalError::Locked { .. })));
    writer.add(&record(7), &[0.0], &unit_rows(&mut ChaCha8Rng::seed_from_u64(9), 1)).unwrap();
    assert!(writer.remove(&record(0).path).unwrap());
    assert!(!writer.remove(&record(0).path).unwrap());
    assert_eq!(writer.find(&record(7).path).unwrap(), Some(7));
    assert!(index.refreshed().unwrap().is_none());
    writer.commit().unwrap();
    let newer = index.refreshed().unwrap().unwrap();
    assert_eq!((index.len(), newer.len(), newer.find(&record(0).path).unwrap()), (7, 7, None));
    assert!(newer.garbage() > 0.0 && index.track(0).is_ok() && newer.track(0).is_err());
    // A track may come back, changed.
    writer.add(&record(0), &[0.0], &unit_rows(&mut ChaCha8Rng::seed_from_u64(9), 1)).unwrap();
    writer.commit().unwrap();
    assert_eq!(newer.refreshed().unwrap().unwrap().find(&record(0).path).unwrap(), Some(8));
}

#[test]
fn what_was_not_committed_is_as_if_it_had_never_been() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("music.index");
    filled(&path, 7, 1);
    let whole = fs::read(&path).unwrap();
    let mut writer = IndexWriter::open(&path, "00ff").unwrap();
    writer.add(&record(7), &[0.0], &unit_rows(&mut ChaCha8Rng::seed_from_u64(9), 1)).unwrap();
    writer.commit().unwrap();
    drop(writer);
    let longer = fs::read(&path).unwrap();
    // Killed at any byte of the block: the header is the old one still.
    for cut in (whole.len()..longer.len()).step_by(97) {
        fs::write(&path, [&whole[..], &longer[whole.len()..cut]].concat()).unwrap();
        assert_eq!(Index::open(&path).unwrap().len(), 7);
        let mut writer = IndexWriter::open(&path, "00ff").unwrap();
        writer.add(&record(8), &[0.0], &unit_rows(&mut ChaCha8Rng::seed_from_u64(9), 1)).unwrap();
        writer.commit().unwrap();
        assert_eq!(Index::open(&path).unwrap().track(7).unwrap(), record(8));
    }
}

#[test]
#[cfg(unix)]
fn an_index_has_one_writer_whatever_it_is_called() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    let locked = |path: &Path| matches!(IndexWriter::open(path, "00ff"), Err(RetrievalError::Locked { .. }));
    fs::create_dir(dir.path().join("real")).unwrap();
    let (real, link) = (dir.path().join("real/music.index"), dir.path().join("link.index"));
    let dotted = dir.path().join("real/../real/music.index");
    symlink("real/music.index", &link).unwrap();
    // A link to a file that is to be.
    let mut writer = IndexWriter::create(&link, &config()).unwrap();
    assert_eq!(writer.path(), fs::canonicalize(&real).unwrap());
    assert!(locked(&real) && locked(&link) && locked(&dotted));
    assert!(matches!(IndexWriter::replace(&dotted, &config()), Err(RetrievalError::Locked { .. })));
    let rows = unit_rows(&mut ChaCha8Rng::seed_from_u64(1), 1);
    for track in 0..2 {
        writer.add(&record(track), &[0.0], &rows).unwrap();
        writer.commit().unwrap();
    }
    let writer = writer.compact().unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::symlink_metadata(&real).unwrap().is_file());
    assert_eq!((Index::open(&real).unwrap().blocks_len(), Index::open(&link).unwrap().len()), (1, 2));
    assert!(locked(&real) && locked(&link));
    drop(writer);
    let writer = IndexWriter::open_or_create(&real, &config()).unwrap();
    assert!(locked(&link));
    drop(writer);
    drop(IndexWriter::replace(&link, &config()).unwrap());
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink() && Index::open(&real).unwrap().is_empty());
    // No folder is made for a link that leads to none, and a circle has no end.
    let (nowhere, circle) = (dir.path().join("nowhere"), dir.path().join("circle"));
    symlink("not-there/music.index", &nowhere).unwrap();
    symlink("circle", &circle).unwrap();
    for path in [&nowhere, &circle] {
        assert!(matches!(IndexWriter::create(path, &config()), Err(RetrievalError::Io { .. })));
    }
    let mut names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["circle", "link.index", "nowhere", "real"]);
}

#[test]
fn an_index_of_another_model_is_replaced_under_its_readers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/music.index");
    let other = IndexConfig::new(3, "another");
    assert!(IndexWriter::replace(&path, &config()).unwrap().is_empty());
    fs::remove_file(&path).unwrap();
    let all = filled(&path, 9, 1);
    let reader = Index::open(&path).unwrap();
    let writer = IndexWriter::open(&path, "00ff").unwrap();
    assert!(matches!(IndexWriter::replace(&path, &other), Err(RetrievalError::Locked { .. })));
    assert_eq!(Index::open(&path).unwrap().len(), 9);
    drop(writer);
    assert!(matches!(IndexWriter::replace(&path, &IndexConfig::new(0, "")), Err(RetrievalError::Setting { .. })));
    let mut writer = IndexWriter::replace(&path, &other).unwrap();
    assert!(writer.is_empty() && writer.base().sequence() > reader.sequence());
    writer.add(&record(0), &[0.0], &[1.0, 0.0, 0.0]).unwrap();
    writer.commit().unwrap();
    assert_eq!(Index::open_for(&path, "another").unwrap().len(), 1);
    let query = all[0].2.as_slice();
    assert_eq!(reader.nearest_segments(query, 5).unwrap(), by_hand(&all, query, 5));
    assert!(matches!(reader.refreshed(), Err(RetrievalError::Fingerprint { .. })));
    drop(writer);
    fs::write(&path, "what is no index").unwrap();
    drop(IndexWriter::replace(&path, &config()).unwrap());
    assert!(Index::open_for(&path, "00ff").unwrap().is_empty());
}

#[test]
fn misfits_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("music.index");
    let mut writer = IndexWriter::create(&path, &config()).unwrap();
    let row = vec![0.5; DIM];
    writer.add(&record(0), &[0.0], &row).unwrap();
    assert!(matches!(writer.add(&record(0), &[0.0], &row), Err(RetrievalError::DuplicateId { .. })));
    assert!(matches!(
        writer.add(&record(1), &[0.0], &row[1..]),
        Err(RetrievalError::Vectors(VectorError::Shape { .. }))
    ));
    assert!(matches!(writer.add(&record(1), &[], &[]), Err(RetrievalError::Vectors(VectorError::Shape { .. }))));
    assert!(matches!(
        writer.add(&record(1), &[0.0, 1.0], &row),
        Err(RetrievalError::Vectors(VectorError::Shape { .. }))
    ));
    assert!(matches!(
        writer.add(&record(1), &[0.0], &[f32::NAN; DIM]),
        Err(RetrievalError::Vectors(VectorError::NotFinite { .. }))
    ));
    assert!(matches!(writer.add(&record(1), &[f32::NAN], &row), Err(RetrievalError::Setting { .. })));
    assert!(matches!(writer.add(&record(1), &[1.0, 0.0], &row.repeat(2)), Err(RetrievalError::Setting { .. })));
    writer.commit().unwrap();
    drop(writer);
    assert!(IndexWriter::create(&path, &config()).is_err());
    assert!(IndexWriter::create(&dir.path().join("b"), &IndexConfig::new(0, "")).is_err());
    assert!(matches!(Index::open_for(&path, "other"), Err(RetrievalError::Fingerprint { .. })));
    assert!(matches!(IndexWriter::open(&path, "other"), Err(RetrievalError::Fingerprint { .. })));
    let other = config().with_windows(3.0, 1.0);
    assert!(matches!(IndexWriter::open_or_create(&path, &other), Err(RetrievalError::Setting { .. })));
    assert!(matches!(Index::open(dir.path()), Err(RetrievalError::Io { .. })));
    let index = Index::open(&path).unwrap();
    assert_eq!(index.len(), 1);
    assert!(matches!(
        index.search(&[1.0], &Search::new(1)),
        Err(RetrievalError::Vectors(VectorError::Dimensions { .. }))
    ));
    assert!(matches!(
        index.search(&[f32::NAN; DIM], &Search::new(1)),
        Err(RetrievalError::Vectors(VectorError::NotFinite { .. }))
    ));
}

/// Everything that can be read of an index.
fn contents(path: &Path) -> Result<impl PartialEq + std::fmt::Debug + use<>, RetrievalError> {
    let index = Index::open(path)?;
    let mut tracks = Vec::new();
    for track in index.tracks() {
        let segments = index.segments(track)?;
        let record = index.track(track)?;
        assert_eq!(index.find(&record.path)?, Some(track));
        tracks.push((
            record,
            segments.starts_s.to_vec(),
            segments.rows.values().to_vec(),
            index.vector(track)?.to_vec(),
        ));
    }
    let query = vec![0.2; DIM];
    let hits = index.nearest_segments(&query, 5)?;
    let staged = Search::new(5).with_stages(Stages::TracksFirst { tracks: 6 });
    Ok((tracks, hits, index.search(&query, &Search::new(5))?, index.search(&query, &staged)?, index.audio_centre()?))
}

#[test]
fn any_damage_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("music.index");
    filled(&path, 9, 5);
    let mut writer = IndexWriter::open(&path, "00ff").unwrap();
    writer.remove(&record(2).path).unwrap();
    writer.commit().unwrap();
    drop(writer);
    let whole = fs::read(&path).unwrap();
    assert!(contents(&path).is_ok());
    let refused = |bytes: &[u8], what: &str| {
        fs::write(&path, bytes).unwrap();
        let found = contents(&path);
        assert!(matches!(found, Err(RetrievalError::Corrupt { .. })), "{what}: {found:?}");
    };
    for at in (0..4096).chain((4096..whole.len()).step_by(11)) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        refused(&damaged, &format!("byte {at}"));
    }
    for at in (0..whole.len()).step_by(59) {
        refused(&whole[..at], &format!("cut at {at}"));
    }
    let mut mixed = whole.clone();
    mixed[4096..].reverse();
    refused(&mixed, "reversed");
    refused(&[0; 10_000], "zeros");
}
