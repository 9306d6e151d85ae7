//! Recordings that take longer to index than an interruption may cost, that do not fit the memory, or that broke off.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "library/mod.rs"]
mod library;

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use library::{Library, contents, unpack, wav};
use muscall::audio::Repair;
use muscall::indexing::{Event, Indexer, Item, Report, Scope, index_config};
use muscall::model::Segments;
use muscall::retrieval::IndexWriter;
use muscall::{Muscall, MuscallConfig};

/// The library's small model, in windows of so many seconds.
fn model(segments: Segments, clip_s: f64) -> Muscall {
    library::model_with(|config| MuscallConfig { clip_s, segments, ..config })
}

fn index(model: &Muscall, file: &Path, index: &Path, listen: impl FnMut(Event<'_>) -> ControlFlow<()>) -> Report {
    let mut writer = IndexWriter::open_or_create(index, &index_config(model).unwrap()).unwrap();
    let often = Duration::from_millis(1);
    let indexer = Indexer { threads: 2, commit_every: Duration::ZERO, tell_every: often, ..Indexer::default() };
    indexer.run(model, &mut writer, vec![Item::file(file).unwrap()], &Scope::Items, listen).unwrap()
}

#[test]
fn a_run_stops_within_a_recording_and_continues_to_the_same_bits() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    unpack(&at("long.wav"), &wav(3, 16_000 * 1800));
    let model = model(Segments::Shared, 3.0);
    index(&model, &at("long.wav"), &at("whole.index"), |_| ControlFlow::Continue(()));
    let mut stops = 0;
    loop {
        let report = index(&model, &at("long.wav"), &at("music.index"), |event| match event {
            // What an earlier run has heard goes by fast.
            // Each run begins with the sound again, and goes on with the windows of the last one.
            Event::Underway { path: Some(path), heard_s } if stops < 3 && heard_s > 60.0 => {
                assert!(path.ends_with("long.wav"));
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        });
        if !report.stopped {
            assert_eq!(report.embedded, 1);
            break;
        }
        stops += 1;
        let kept = fs::read_dir(at("music.index.unfinished")).unwrap().next().unwrap().unwrap();
        assert!(kept.metadata().unwrap().len() > 1000);
    }
    assert_eq!(stops, 3);
    assert_eq!(contents(&at("music.index")), contents(&at("whole.index")));
    assert!(!at("music.index.unfinished").exists());
}

#[test]
fn three_hours_of_separate_windows_are_indexed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("set.wav");
    // Few samples per second, so that it costs little to decode.
    let samples = 8000 * (3 * 3600 + 60);
    let mut bytes = wav(2, samples);
    bytes[24..28].copy_from_slice(&8000_u32.to_le_bytes());
    bytes[28..32].copy_from_slice(&16_000_u32.to_le_bytes());
    unpack(&file, &bytes);
    let (model, path) = (model(Segments::Separate, 60.0), dir.path().join("music.index"));
    let report = index(&model, &file, &path, |_| ControlFlow::Continue(()));
    assert!(report.unreadable.is_empty(), "{:?}", report.unreadable);
    assert_eq!((report.embedded, report.audio_s), (1, 10_860.0));
    let (_, (_, _, starts, _)) = contents(&path).into_iter().next().unwrap();
    let starts: Vec<f32> = starts.into_iter().map(f32::from_bits).collect();
    assert_eq!((starts.len(), starts.last()), (361, Some(&10_800.0)));
}

#[test]
fn half_a_download_is_indexed_and_told() {
    let library = Library::with_files([("a.wav", 1)]);
    let whole = wav(2, 16_000);
    unpack(&library.path("half.wav"), &whole[..whole.len() / 2]);
    let report = library.run();
    assert_eq!((report.embedded, report.repaired.len()), (2, 1));
    let (path, repairs) = &report.repaired[0];
    assert!(path.ends_with("half.wav"));
    assert!(matches!(repairs[..], [Repair::ShorterThanDeclared { declared: 16_000, .. }]), "{repairs:?}");
    // It is told once.
    assert!(library.run().repaired.is_empty());
}

#[test]
fn windows_at_every_sample_are_refused_before_they_take_the_memory() {
    let model = library::model_with(|config| MuscallConfig { segment_hop_s: Some(1e-4), ..config });
    let error = index_config(&model).unwrap_err().to_string();
    assert!(error.contains("segment_hop_s") && error.contains("0.01 s"), "{error}");
}
