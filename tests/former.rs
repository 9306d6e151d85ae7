//! What an earlier version has indexed is gone on with, and nothing of it is embedded again.
//!
//! `golden/former` was made by that version (commit a223913): a bundle, an index of three clips of `demo/audio`, and
//! the same as Parquet.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use muscall::engines::{EngineError, ParquetRows, Rows};
use muscall::indexing::{Done, Indexer, IndexingError, Item, Report, Scope, Shard, index_config, merge};
use muscall::library::{Library, Request};
use muscall::retrieval::{Fingerprint, IndexConfig, IndexWriter, RetrievalError, TrackRecord};
use muscall::{Device, Index, Muscall};
use xxhash_rust::xxh3::xxh3_128;

const CLIPS: [&str; 3] = ["000_0ad_Celtica.ogg", "007_0ad_Taiko_1.ogg", "018_naev_void_sensor.ogg"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/former")
}

fn model() -> Muscall {
    Muscall::load(root().join("frozen"), &Device::default()).unwrap()
}

/// The name that the model had.
fn old_name() -> String {
    fs::read_to_string(root().join("frozen/name.txt")).unwrap().trim().to_owned()
}

/// A copy, to be written to.
fn old_index(dir: &Path) -> PathBuf {
    let path = dir.join("music.index");
    fs::copy(root().join("music.index"), &path).unwrap();
    path
}

/// A clip under its name in the index.
fn item(name: &str) -> Item {
    let name = format!("demo/audio/{name}");
    let mut item = Item::file(&Path::new(env!("CARGO_MANIFEST_DIR")).join(&name)).unwrap();
    item.path = name;
    item
}

fn run(model: &Muscall, writer: &mut IndexWriter, items: Vec<Item>) -> Report {
    Indexer::default().run(model, writer, items, &Scope::Items, |_| ControlFlow::Continue(())).unwrap()
}

/// Starts and vectors of a track.
fn segments(index: &Index, path: &str) -> (Vec<f32>, Vec<f32>) {
    let segments = index.segments(index.find(path).unwrap().unwrap()).unwrap();
    (segments.starts_s.to_vec(), segments.rows.values().to_vec())
}

#[test]
fn an_old_index_is_searched_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (model, path) = (model(), old_index(dir.path()));
    let before = Index::open_for(&path, model.fingerprint().unwrap()).unwrap();
    assert_eq!((before.len(), before.config().fingerprint.name()), (3, &*old_name()));
    assert_ne!(model.fingerprint().unwrap().name(), old_name());
    let mut library = Library::new(model.clone(), &path).unwrap();
    let words = Request::parse_words("calm piano").unwrap();
    assert_eq!(library.search(&words).unwrap().len(), 3);

    // The vectors are those of today.
    let whole = muscall::audio::load_whole(
        &PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("demo/audio").join(CLIPS[0]),
        &model.clip_config(),
    );
    let today = model.embed_loaded(&model.segments(&whole.unwrap())).unwrap();
    let (_, then) = segments(&before, &format!("demo/audio/{}", CLIPS[0]));
    assert_eq!(then.len(), today.values().len());
    assert!(then.iter().zip(today.values()).all(|(a, b)| (a - b).abs() < 1e-4));

    // One file is new; the others have other times than they had then.
    let mut writer = IndexWriter::open_or_create(&path, &index_config(&model).unwrap()).unwrap();
    let new = "048_ryan_Fantastic.ogg";
    let report = run(&model, &mut writer, CLIPS.into_iter().chain([new]).map(item).collect());
    assert_eq!((report.embedded, report.unchanged + report.moved, report.unreadable.len()), (1, 3, 0), "{report:?}");
    let after = Index::open_for(&path, model.fingerprint().unwrap()).unwrap();
    for name in CLIPS {
        let path = format!("demo/audio/{name}");
        assert_eq!(segments(&after, &path), segments(&before, &path));
    }
    assert!(library.refresh().unwrap());
    assert_eq!(library.search(&words).unwrap().len(), 4);

    // Compacted, it is still known; and so is one of today's name in its place.
    writer.compact().unwrap();
    assert!(library.refresh().unwrap());
    let mut writer = IndexWriter::replace(&path, &index_config(&model).unwrap()).unwrap();
    run(&model, &mut writer, vec![item(new)]);
    assert!(library.refresh().unwrap());
    assert_eq!((library.index().len(), &library.index().config().fingerprint), (1, &model.fingerprint().unwrap()));
}

#[test]
fn another_model_is_refused_as_ever() {
    let dir = tempfile::tempdir().unwrap();
    let (model, path) = (model(), old_index(dir.path()));
    let config = model.config().clone().with_clip_s(2.5);
    let other = Muscall::new(config, model.model().unwrap(), model.text_frontend().clone(), model.device()).unwrap();
    let error = Index::open_for(&path, other.fingerprint().unwrap()).map(|_| ()).unwrap_err();
    assert!(matches!(&error, RetrievalError::Fingerprint { found, .. } if *found == old_name()), "{error}");
    let error = IndexWriter::open_or_create(&path, &index_config(&other).unwrap()).map(|_| ()).unwrap_err();
    assert!(matches!(error, RetrievalError::Fingerprint { .. }), "{error}");
    assert!(Library::new(other.clone(), &path).is_err());
    let error =
        ParquetRows::open_for(&root().join("music.parquet"), other.fingerprint().unwrap()).map(|_| ()).unwrap_err();
    assert!(matches!(&error, EngineError::Fingerprint { found, .. } if *found == old_name()), "{error}");

    // Of two models of today a name tells which side differs.
    let path = dir.path().join("new.index");
    drop(IndexWriter::create(&path, &index_config(&other).unwrap()).unwrap());
    let error = Index::open_for(&path, model.fingerprint().unwrap()).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("they read words alike, but hear music differently"), "{error}");
}

#[test]
fn old_exports_are_known() {
    let model = model();
    let parquet = ParquetRows::open_for(&root().join("music.parquet"), model.fingerprint().unwrap()).unwrap();
    let index = Index::open(&root().join("music.index")).unwrap();
    assert_eq!(parquet.len() as usize, index.segments_len());
    assert_eq!(parquet.fingerprint(), old_name());
    // What is exported from an old index keeps its name, and is known as well.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("again.parquet");
    muscall::engines::write_parquet(&path, &index).unwrap();
    assert!(ParquetRows::open_for(&path, model.fingerprint().unwrap()).is_ok());
}

/// Nothing of 10,000 files is even read.
#[test]
fn ten_thousand_old_tracks_are_not_embedded_again() {
    let dir = tempfile::tempdir().unwrap();
    let (model, path) = (model(), dir.path().join("large.index"));
    let today = index_config(&model).unwrap();
    let config = IndexConfig::new(today.dim, old_name()).with_windows(today.window_s, today.hop_s);
    let mut writer = IndexWriter::create(&path, &config).unwrap();
    let vector: Vec<f32> = (0..today.dim).map(|i| f32::from(u8::from(i == 0))).collect();
    let mut items = Vec::new();
    for i in 0..10_000 {
        let file = dir.path().join(format!("{i}.wav"));
        fs::write(&file, i.to_string()).unwrap();
        let item = Item::file(&file).unwrap();
        let content = xxh3_128(i.to_string().as_bytes());
        let (bytes, modified_ns) = (item.state.bytes, item.state.modified_ns);
        let record = TrackRecord { content, bytes, modified_ns, duration_s: 2.0, ..TrackRecord::new(&item.path) };
        writer.add(&record, &[0.0], &vector).unwrap();
        items.push(item);
    }
    writer.commit().unwrap();
    drop(writer);
    let mut writer = IndexWriter::open_or_create(&path, &today).unwrap();
    let report = run(&model, &mut writer, items);
    assert_eq!((report.embedded, report.unchanged + report.moved), (0, 10_000), "{report:?}");
    assert_eq!((writer.len(), report.unreadable.len()), (10_000, 0));
}

/// A job that an earlier version began and this one ends.
#[test]
fn shards_of_both_names_are_merged_once_one_version_has_finished_all() {
    let dir = tempfile::tempdir().unwrap();
    let (model, into) = (model(), dir.path().join("all.index"));
    let today = index_config(&model).unwrap();
    let shard = |number: u64, name: &Fingerprint| {
        let path = Shard { number, count: 3 }.index_path(&into);
        let config = IndexConfig::new(today.dim, name).with_windows(today.window_s, today.hop_s);
        let mut writer = IndexWriter::create(&path, &config).unwrap();
        let vector: Vec<f32> = (0..today.dim).map(|i| f32::from(u8::from(i == 0))).collect();
        writer.add(&TrackRecord::new(format!("{number}.wav")), &[0.0], &vector).unwrap();
        writer.commit().unwrap();
        path
    };
    let finish = |path: &Path, name: &str| {
        Done::remove(path).unwrap();
        assert!(Done { fingerprint: name.to_owned(), tracks: 1, unreadable: 0 }.write(path).unwrap());
    };
    let (old, new) = (Fingerprint::new(old_name()), model.fingerprint().unwrap());
    let shards = [shard(0, &old), shard(1, &new), shard(2, &old)];
    finish(&shards[0], &old);
    finish(&shards[1], &new);
    finish(&shards[2], &old);
    let error = merge(&into, &shards).unwrap_err();
    assert!(matches!(&error, IndexingError::OtherShard { path } if *path == shards[1]), "{error}");
    // This version finds nothing to do in one of the old ones: that is enough.
    finish(&shards[2], &new);
    assert_eq!(merge(&into, &shards).unwrap(), 3);
    assert_eq!(Index::open_for(&into, model.fingerprint().unwrap()).unwrap().len(), 3);
    assert_eq!(merge(&into, &shards).unwrap(), 0);
    // Another model is another model, whoever has finished it.
    fs::remove_file(&shards[1]).unwrap();
    let other = Fingerprint::of_towers(1, 2);
    finish(&shard(1, &other), &other);
    let error = merge(&into, &shards).unwrap_err();
    assert!(matches!(&error, IndexingError::OtherShard { path } if *path == shards[1]), "{error}");
}
