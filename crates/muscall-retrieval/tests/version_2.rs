//! An index that an older version of this library wrote is read, and put into the present format by a writer.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use muscall_retrieval::{Index, IndexWriter, RetrievalError, Search, TrackRecord};

const FINGERPRINT: &str = "0123456789abcdef";

fn fixture() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/version_2.index")
}

/// What the fixture's description says of its tracks.
fn check(index: &Index) {
    assert_eq!((index.len(), index.segments_len(), index.config().dim), (12, 24, 64));
    for i in 0..12 {
        let path = format!("/{}/{i:02}.wav", "old".repeat(60));
        let track = index.find(&path).unwrap().unwrap();
        let record = index.track(track).unwrap();
        let expected = TrackRecord {
            path,
            content: record.content,
            bytes: 44 + 2 * (8000 + 400 * i),
            modified_ns: (1_600_000_000 + 2 * i) * 1_000_000_000,
            duration_s: (8000 + 400 * i) as f64 / 16_000.0,
            tags: vec![format!("title=Old {i}"), "genre=jazz".into()],
            ..TrackRecord::default()
        };
        assert_eq!(record, expected);
        assert_ne!(record.content, 0);
        let segments = index.segments(track).unwrap();
        assert_eq!(segments.starts_s, &[0.0, 0.75, 1.5][..1 + i as usize % 3]);
        for row in segments.rows.iter() {
            assert!((row.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5);
            assert_eq!(index.search(row, &Search::new(1)).unwrap()[0].track, track);
        }
    }
    assert_eq!(index.find("/gone/removed.wav").unwrap(), None);
}

#[test]
fn it_is_read() {
    check(&Index::open_for(&fixture(), FINGERPRINT).unwrap());
}

#[test]
fn a_writer_renews_it_once_and_readers_keep_what_they_have() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("music.index");
    let old = fs::read(fixture()).unwrap();
    fs::write(&path, &old).unwrap();
    let reader = Index::open(&path).unwrap();
    let mut writer = IndexWriter::open(&path, FINGERPRINT).unwrap();
    check(writer.base());
    check(&reader);
    let renewed = reader.refreshed().unwrap().unwrap();
    assert!(renewed.sequence() > reader.sequence());
    check(&renewed);
    for track in renewed.tracks() {
        let before = reader.find(&renewed.track(track).unwrap().path).unwrap().unwrap();
        assert_eq!(renewed.segments(track).unwrap(), reader.segments(before).unwrap());
        assert_eq!(renewed.vector(track).unwrap(), reader.vector(before).unwrap());
    }
    let record = TrackRecord { changed_ns: 1, inode: 2, probe: 3, ..TrackRecord::new("new") };
    let mut row = vec![0.0; 64];
    row[5] = 1.0;
    let added = writer.add(&record, &[0.0], &row).unwrap();
    writer.commit().unwrap();
    drop(writer);
    let index = Index::open(&path).unwrap();
    assert_eq!((index.len(), index.track(added).unwrap()), (13, record));
    check(&reader);
    // The present format is not written anew.
    let bytes = fs::read(&path).unwrap();
    drop(IndexWriter::open(&path, FINGERPRINT).unwrap());
    assert!(fs::read(&path).unwrap() == bytes);
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn damage_is_seen_before_it_is_renewed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("music.index");
    let mut bytes = fs::read(fixture()).unwrap();
    // Among the vectors of the first block.
    bytes[6000] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(IndexWriter::open(&path, FINGERPRINT), Err(RetrievalError::Corrupt { .. })));
    assert!(fs::read(&path).unwrap() == bytes);
}
