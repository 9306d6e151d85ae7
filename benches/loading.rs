//! How many training clips a core makes: what a GPU can be kept busy with.
//!
//! `cargo bench --bench loading [-- CLIPS ROUNDS]`
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use muscall::audio::{AudioCache, AugmentConfig, ClipConfig, LogMelConfig};
use muscall::train::batcher::{EpochLoader, LoaderConfig, OnBadFile};
use muscall::train::dataset::{DataConfig, Dataset};
use muscall::train::manifest::Row;
use muscall::{Manifest, Recipe};

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<usize>().ok());
    let (clips, rounds) = (numbers.next().unwrap_or(256), numbers.next().unwrap_or(3));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let released = Recipe::read(&root.join("recipes/released.toml")).unwrap();
    let augment = &released.data.augment;
    let noise = AugmentConfig { pitch_shift: None, ..augment.clone() };
    let cache_dir = tempfile::tempdir().unwrap();
    let cache = AudioCache::new(cache_dir.path()).unwrap();
    let sources = [
        ("mp3", None, AugmentConfig::none()),
        ("mp3, noise and pitch shift of `released`", None, augment.clone()),
        ("cache", Some(&cache), AugmentConfig::none()),
        ("cache, noise", Some(&cache), noise),
        ("cache, noise and pitch shift", Some(&cache), augment.clone()),
    ];
    println!("{clips} random crops of 20 s of a two-minute mp3, to log-mel; clips a second, median of {rounds}");
    for (name, cache, augment) in sources {
        let dataset = Arc::new(Dataset::new(manifest(root, clips), data(cache, augment)).unwrap());
        for threads in [1, 2] {
            // The first round fills the cache.
            let mut rates: Vec<f64> = (0..=rounds).map(|epoch| rate(&dataset, threads, epoch as u64)).collect();
            rates.remove(0);
            rates.sort_by(f64::total_cmp);
            println!("{name}, {threads} threads: {:.0}", rates[rates.len() / 2]);
        }
    }
}

/// One file, many times.
fn manifest(root: &Path, clips: usize) -> Manifest {
    let row = |number: usize| Row::new(number.to_string(), root.join("benches/music.mp3"), vec!["a reel".to_owned()]);
    Manifest { rows: (0..clips).map(row).collect(), source: root.join("benches") }
}

fn data(cache: Option<&AudioCache>, augment: AugmentConfig) -> DataConfig {
    DataConfig {
        clip: ClipConfig::new(16_000, 20 * 16_000),
        cache: cache.cloned(),
        augment,
        random_crop: true,
        windows: None,
        reads_audio: true,
        unheard: std::sync::Arc::default(),
        captions_per_track: 1,
        shuffle_buffer: 4096,
        sources: Default::default(),
        views: None,
        seed: 1,
    }
}

fn rate(dataset: &Arc<Dataset>, threads: usize, epoch: u64) -> f64 {
    let config =
        LoaderConfig { batch_size: 16, threads, prefetch_batches: 2, drop_last: true, on_bad_file: OnBadFile::Stop };
    let frontend = Arc::new(LogMelConfig::default().init().unwrap());
    let started = Instant::now();
    let loader = EpochLoader::new(dataset.clone(), frontend, config, epoch, 0).unwrap();
    let clips: usize = loader.map(|batch| batch.unwrap().items.len()).sum();
    clips as f64 / started.elapsed().as_secs_f64()
}
