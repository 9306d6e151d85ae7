//! Batches do not depend on threads, restarts or bad files elsewhere.
#![allow(missing_docs, clippy::unwrap_used)]

mod wav;

use std::fs;
use std::sync::Arc;

use muscall_audio::{AudioCache, AugmentConfig, ClipConfig, LogMelConfig, LogMelExtractor};
use muscall_data::Sources;
use muscall_data::batcher::{EpochLoader, LoadedItem, LoaderConfig, OnBadFile, RawBatch};
use muscall_data::dataset::{DataConfig, Dataset, item_seed};
use muscall_data::manifest::{Manifest, Row};
use tempfile::TempDir;
use wav::write_wav;

const ROWS: usize = 11;
const SAMPLES: usize = 4_000;

fn tone(hz: f64, samples: usize) -> impl Iterator<Item = i16> {
    (0..samples).map(move |i| (9_000.0 * (std::f64::consts::TAU * hz * i as f64 / 16_000.0).sin()) as i16)
}

/// Tones, some of them shorter than a clip. The files of `bad` rows are text.
fn dataset(bad: &[usize]) -> (TempDir, Arc<Dataset>) {
    let dir = tempfile::tempdir().unwrap();
    let dataset = dataset_in(&dir, bad, 1, None, None);
    (dir, dataset)
}

fn dataset_with(bad: &[usize], captions_per_track: usize, views: Option<AugmentConfig>) -> (TempDir, Arc<Dataset>) {
    let dir = tempfile::tempdir().unwrap();
    let dataset = dataset_in(&dir, bad, captions_per_track, views, None);
    (dir, dataset)
}

fn dataset_in(
    dir: &TempDir,
    bad: &[usize],
    captions_per_track: usize,
    views: Option<AugmentConfig>,
    cache: Option<AudioCache>,
) -> Arc<Dataset> {
    let row = |i: usize| {
        let audio = dir.path().join(format!("{i}.wav"));
        if bad.contains(&i) {
            fs::write(&audio, "this is not audio").unwrap();
        } else {
            write_wav(&audio, tone(200.0 + 90.0 * i as f64, 3_000 + 1_500 * i));
        }
        let captions = (0..=i % 3).map(|n| format!("caption {n} of {i}")).collect();
        Row::new(i.to_string(), audio, captions)
    };
    let manifest = Manifest { rows: (0..ROWS).map(row).collect(), source: dir.path().join("made.jsonl") };
    let clip = ClipConfig::new(16_000, SAMPLES);
    let augment = AugmentConfig::muscall();
    let sources = Sources::new();
    let config = DataConfig {
        clip,
        cache,
        augment,
        random_crop: true,
        windows: None,
        reads_audio: true,
        unheard: Default::default(),
        captions_per_track,
        shuffle_buffer: 100,
        sources,
        views,
        seed: 5,
    };
    Arc::new(Dataset::new(manifest, config).unwrap())
}

fn frontend() -> Arc<LogMelExtractor> {
    Arc::new(LogMelConfig::new(64).init().unwrap())
}

fn config(threads: usize) -> LoaderConfig {
    LoaderConfig { batch_size: 3, threads, prefetch_batches: 2, drop_last: false, on_bad_file: OnBadFile::Skip }
}

fn loader(dataset: &Arc<Dataset>, config: LoaderConfig, epoch: u64, start_step: usize) -> EpochLoader {
    EpochLoader::new(dataset.clone(), frontend(), config, epoch, start_step).unwrap()
}

fn batches(dataset: &Arc<Dataset>, config: LoaderConfig, epoch: u64, start_step: usize) -> Vec<RawBatch> {
    loader(dataset, config, epoch, start_step).collect::<Result<_, _>>().unwrap()
}

fn indices(batch: &RawBatch) -> Vec<usize> {
    batch.items.iter().map(|item| item.index).collect()
}

#[track_caller]
fn assert_same(a: &[RawBatch], b: &[RawBatch]) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        // Equal floats are equal bits here: there is no NaN, and no −0.
        assert_eq!((a.step_in_epoch, &a.items), (b.step_in_epoch, &b.items));
        let messages = |batch: &RawBatch| batch.skipped.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(messages(a), messages(b));
    }
}

#[test]
fn an_epoch_has_every_row_once_with_one_of_its_captions() {
    let (_dir, dataset) = dataset(&[]);
    let epoch = batches(&dataset, config(2), 0, 0);
    let frames = LogMelConfig::new(64).frames(SAMPLES);
    let mut seen = Vec::new();
    for (step, batch) in epoch.iter().enumerate() {
        assert_eq!(batch.step_in_epoch, step);
        assert!(batch.items.iter().all(|item| item.mel.len() == 64 * frames && item.views.is_none()));
        assert!(batch.skipped.is_empty());
        for LoadedItem { index, captions, .. } in &batch.items {
            let (&index, [caption]) = (index, captions.as_slice()) else { panic!("one caption") };
            assert!(dataset.manifest().rows[index].captions.contains(caption));
            seen.push(index);
        }
    }
    assert_ne!(seen, (0..ROWS).collect::<Vec<_>>());
    seen.sort_unstable();
    assert_eq!(seen, (0..ROWS).collect::<Vec<_>>());
    assert_eq!(epoch.iter().map(|batch| batch.items.len()).collect::<Vec<_>>(), [3, 3, 3, 2]);
    let whole = batches(&dataset, LoaderConfig { drop_last: true, ..config(2) }, 0, 0);
    assert_same(&whole, &epoch[..3]);
}

#[test]
fn a_cache_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let plain = batches(&dataset_in(&dir, &[4], 1, None, None), config(2), 3, 0);
    let cache = AudioCache::new(dir.path().join("cache")).unwrap();
    let cached = dataset_in(&dir, &[4], 1, None, Some(cache));
    // The first time it is filled, the second time it is read.
    for _ in 0..2 {
        assert_same(&batches(&cached, config(2), 3, 0), &plain);
    }
}

#[test]
fn threads_and_prefetch_change_nothing() {
    let (_dir, dataset) = dataset(&[4, 9]);
    let one = batches(&dataset, config(1), 3, 0);
    for (threads, prefetch_batches) in [(1, 1), (2, 2), (4, 1), (4, 50)] {
        let config = LoaderConfig { prefetch_batches, ..config(threads) };
        assert_same(&batches(&dataset, config, 3, 0), &one);
    }
}

#[test]
fn a_later_start_gives_the_rest() {
    let (_dir, dataset) = dataset(&[4]);
    let whole = batches(&dataset, config(2), 1, 0);
    for step in 0..=whole.len() {
        assert_same(&batches(&dataset, config(2), 1, step), &whole[step..]);
    }
    assert!(batches(&dataset, config(2), 1, whole.len() + 1).is_empty());
}

#[test]
fn epochs_differ_in_order_and_in_items() {
    let (_dir, dataset) = dataset(&[]);
    let order =
        |epoch| batches(&dataset, config(2), epoch, 0).into_iter().flat_map(|b| indices(&b)).collect::<Vec<_>>();
    assert_ne!(order(0), order(1));
    assert_eq!(order(1), order(1));
    let differs = |i: &usize| dataset.train_item(0, *i).unwrap().audio != dataset.train_item(1, *i).unwrap().audio;
    assert!((2..ROWS).filter(differs).count() > 5);
    assert_eq!(dataset.train_item(7, 3).unwrap(), dataset.train_item(7, 3).unwrap());
}

#[test]
fn a_bad_file_is_skipped_and_named() {
    let (dir, dataset) = dataset(&[4]);
    let (_good_dir, good) = self::dataset(&[]);
    let (with, without) = (batches(&dataset, config(2), 0, 0), batches(&good, config(2), 0, 0));
    let errors: Vec<String> = with.iter().flat_map(|b| &b.skipped).map(ToString::to_string).collect();
    assert_eq!(errors.len(), 1);
    assert!(errors[0].contains(&dir.path().join("4.wav").display().to_string()), "{}", errors[0]);
    for (with, without) in with.iter().zip(&without) {
        let others: Vec<usize> = indices(without).into_iter().filter(|&index| index != 4).collect();
        assert_eq!(indices(with), others);
    }
}

#[test]
fn stop_ends_at_the_bad_file_and_does_not_hang() {
    let (_dir, dataset) = dataset(&[4]);
    let config = LoaderConfig { on_bad_file: OnBadFile::Stop, ..config(3) };
    let skipping = batches(&dataset, LoaderConfig { on_bad_file: OnBadFile::Skip, ..config }, 0, 0);
    let at = skipping.iter().position(|batch| !batch.skipped.is_empty()).unwrap();
    let mut loader = loader(&dataset, config, 0, 0);
    let before: Vec<RawBatch> = loader.by_ref().take(at).collect::<Result<_, _>>().unwrap();
    assert_same(&before, &skipping[..at]);
    assert!(loader.next().unwrap().unwrap_err().to_string().contains("4.wav"));
    assert!(loader.next().is_none());
}

#[test]
fn a_loader_may_be_dropped_at_any_time() {
    let (_dir, dataset) = dataset(&[2]);
    for taken in 0..4 {
        let config = LoaderConfig { prefetch_batches: 10, ..config(4) };
        let mut loader = loader(&dataset, config, 0, 0);
        assert_eq!(loader.by_ref().take(taken).count(), taken);
        drop(loader);
        // No thread is left that holds the data.
        assert_eq!(Arc::strong_count(&dataset), 1);
    }
}

#[test]
fn zeros_are_refused() {
    let (_dir, dataset) = dataset(&[]);
    for config in
        [LoaderConfig { batch_size: 0, ..config(1) }, LoaderConfig { prefetch_batches: 0, ..config(1) }, config(0)]
    {
        let error = EpochLoader::new(dataset.clone(), frontend(), config, 0, 0).unwrap_err();
        assert!(error.to_string().contains("at least 1"));
    }
}

#[test]
fn seeds_of_items_are_distinct() {
    let mut seeds = std::collections::HashSet::new();
    for seed in 0..4 {
        for epoch in 0..50 {
            seeds.extend((0..500).map(|index| item_seed(seed, epoch, index)));
        }
    }
    assert_eq!(seeds.len(), 4 * 50 * 500);
}

#[test]
fn views_are_two_and_depend_on_the_seed_alone() {
    let (_dir, dataset) = dataset_with(&[], 1, Some(AugmentConfig::ssl()));
    let (one, three) = (batches(&dataset, config(1), 2, 0), batches(&dataset, config(3), 2, 0));
    assert_same(&one, &three);
    assert_same(&batches(&dataset, config(2), 2, 2), &one[2..]);
    let items: Vec<_> = one.iter().flat_map(|batch| &batch.items).collect();
    let differ = items.iter().filter(|item| item.views.as_ref().is_some_and(|[a, b]| a != b)).count();
    // Polarity alone does not show in a spectrogram, and nothing happens to some.
    assert!(differ >= ROWS / 2, "{differ}");
    // Views change nothing else.
    let (_dir, plain) = dataset_with(&[], 1, None);
    for (with, without) in items.into_iter().zip(batches(&plain, config(2), 2, 0).iter().flat_map(|batch| &batch.items))
    {
        assert_eq!((&with.mel, &with.captions), (&without.mel, &without.captions));
    }
}

#[test]
fn several_captions_of_a_track_are_different_ones() {
    let (_dir, dataset) = dataset_with(&[], 2, None);
    let mut counts = [0; 3];
    for item in batches(&dataset, config(2), 0, 0).into_iter().flat_map(|batch| batch.items) {
        let mut captions = item.captions;
        captions.sort();
        captions.dedup();
        assert_eq!(captions.len(), (item.index % 3 + 1).min(2));
        counts[captions.len()] += 1;
    }
    assert!(counts[1] > 0 && counts[2] > 0);
}
