//! An index of recordings whose windows share a feature map.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "library/mod.rs"]
mod library;

use std::ops::ControlFlow;
use std::path::Path;

use library::{unpack, wav};
use muscall::audio::{Part, load_whole};
use muscall::indexing::{Indexer, Item, Report, Scope, index_config};
use muscall::model::Segments;
use muscall::retrieval::{IndexWriter, RetrievalError};
use muscall::{Index, Muscall, MuscallConfig};

/// The library's small model, in windows of three seconds.
fn model(segments: Segments) -> Muscall {
    library::model_with(|config| MuscallConfig { clip_s: 3.0, segments, ..config })
}

fn index(model: &Muscall, items: Vec<Item>, path: &Path, threads: usize) -> Report {
    let mut writer = IndexWriter::create(path, &index_config(model).unwrap()).unwrap();
    let indexer = Indexer { threads, ..Indexer::default() };
    indexer.run(model, &mut writer, items, &Scope::Items, |_| ControlFlow::Continue(())).unwrap()
}

#[test]
fn an_index_holds_what_a_pass_gives_whatever_the_threads() {
    let dir = tempfile::tempdir().unwrap();
    let model = model(Segments::Shared);
    // Less than a window, one, several, and more files than threads; one content twice.
    let lengths = [9000, 48_000, 130_000, 400_000, 77_777, 250_000];
    let mut items = Vec::new();
    for (i, &samples) in lengths.iter().enumerate() {
        let path = dir.path().join(format!("{i}.wav"));
        unpack(&path, &wav(i as u32, samples));
        items.push(Item::file(&path).unwrap());
    }
    unpack(&dir.path().join("twin.wav"), &wav(3, lengths[3]));
    items.push(Item::file(&dir.path().join("twin.wav")).unwrap());
    // A part of a file is heard like a file of its own, and its times are those of the file.
    let part = Part::new(5.0, Some(14.0)).unwrap();
    items.push(Item::file(&dir.path().join("3.wav")).unwrap().with_part(part));

    let mut all = Vec::new();
    for threads in [1, 3, 20] {
        let path = dir.path().join(format!("{threads}.index"));
        let report = index(&model, items.clone(), &path, threads);
        assert_eq!((report.embedded, report.copied, report.unreadable.len()), (7, 1, 0));
        let index = Index::open_for(&path, model.fingerprint().unwrap()).unwrap();
        let mut held = Vec::new();
        for item in &items {
            let track = index.find(&item.path).unwrap().unwrap();
            let segments = index.segments(track).unwrap();
            held.push((segments.starts_s.to_vec(), segments.rows.values().to_vec()));
        }
        all.push(held);
    }
    assert!(all.iter().all(|held| *held == all[0]));
    for (item, (starts_s, rows)) in items.iter().zip(&all[0]) {
        let file = Path::new(item.path.split('#').next().unwrap());
        let source = muscall::audio::AudioSource { part: item.part, ..file.into() };
        let track = model.embed_track(&load_whole(source, &model.clip_config()).unwrap()).unwrap();
        assert_eq!(rows, track.windows.values());
        let start_s = |&start: &usize| (item.part.map_or(0.0, |part| part.start_s()) + start as f64 / 16_000.0) as f32;
        assert_eq!(*starts_s, track.starts.iter().map(start_s).collect::<Vec<_>>());
    }
    assert_eq!((all[0][0].0.len(), all[0][1].0.len()), (1, 1));
    assert_eq!(all[0][3], all[0][6]);
}

/// Vectors of the two modes are not to be mixed.
#[test]
fn an_index_of_separate_windows_is_not_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let (separate, shared) = (model(Segments::Separate), model(Segments::Shared));
    let path = dir.path().join("music.index");
    let file = dir.path().join("a.wav");
    unpack(&file, &wav(0, 100_000));
    index(&separate, vec![Item::file(&file).unwrap()], &path, 2);
    assert!(Index::open_for(&path, separate.fingerprint().unwrap()).is_ok());
    let error = Index::open_for(&path, shared.fingerprint().unwrap()).unwrap_err();
    assert!(matches!(error, RetrievalError::Fingerprint { .. }), "{error}");
}
