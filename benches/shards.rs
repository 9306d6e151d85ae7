//! Training clips from shards beside the same clips from files.
//!
//! `cargo bench --bench shards -- FOLDER [CLIPS [ROUNDS]]`
//!
//! FOLDER has audio files. They are copied into shards of 64 in a temporary folder; then random crops of 10 s are made log-mel of,
//! in shuffled order, from the files and from the shards in turn: with both in the page cache, and (where the system's caches can be
//! dropped, as root on Linux) with neither.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use muscall::Manifest;
use muscall::audio::{AugmentConfig, ClipConfig, LogMelConfig, audio_files};
use muscall::train::batcher::{EpochLoader, LoaderConfig, OnBadFile};
use muscall::train::dataset::{DataConfig, Dataset};
use muscall::train::manifest::{Row, Split};

const PER_SHARD: usize = 64;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let Some(folder) = arguments.first() else {
        println!("give a folder of music: cargo bench --bench shards -- FOLDER");
        return;
    };
    let number = |place: usize, usual| arguments.get(place).map_or(usual, |text| text.parse().unwrap());
    let (clips, rounds): (usize, usize) = (number(1, 512), number(2, 5));
    let found = audio_files(Path::new(folder));
    let files: Vec<&PathBuf> = found.iter().cycle().take(clips).collect();
    let place = tempfile::tempdir_in(folder).unwrap();
    write_shards(place.path(), &files);
    let row = |(i, file): (usize, &&PathBuf)| Row::new(i.to_string(), *file, vec!["music".to_owned()]);
    let rows = files.iter().enumerate().map(row).collect();
    let sources = [
        ("files", Manifest { rows, source: folder.into() }),
        ("shards", Manifest::read(place.path(), Split::Train).unwrap()),
    ]
    .map(|(name, manifest)| (name, Arc::new(Dataset::new(manifest, config()).unwrap())));
    println!(
        "{clips} random crops of 10 s, 2 threads; clips per second, in turn, median of {rounds}; {} files",
        found.len()
    );
    for (state, is_cold) in [("warm", false), ("cold", true)] {
        if is_cold && !drop_caches() {
            println!("cold: not measured, the system's caches cannot be dropped");
            break;
        }
        let mut rates = [Vec::new(), Vec::new()];
        for round in 0..=rounds {
            for (rates, (_, dataset)) in rates.iter_mut().zip(&sources) {
                if is_cold {
                    drop_caches();
                }
                let rate = rate(dataset, round as u64);
                // The first round brings the files into the cache.
                if round > 0 {
                    rates.push(rate);
                }
            }
        }
        for (rates, (name, _)) in rates.iter_mut().zip(&sources) {
            rates.sort_by(f64::total_cmp);
            let (least, most) = (rates[0], rates[rates.len() - 1]);
            println!("{state}, {name}: {:.1} ({least:.1} to {most:.1})", rates[rates.len() / 2]);
        }
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
}

fn write_shards(folder: &Path, files: &[&PathBuf]) {
    for (number, files) in files.chunks(PER_SHARD).enumerate() {
        let shard = File::create(folder.join(format!("music-{number:03}.tar"))).unwrap();
        let mut builder = tar::Builder::new(shard);
        for (i, file) in files.iter().enumerate() {
            let extension = file.extension().unwrap_or_default().to_string_lossy();
            builder.append_path_with_name(file, format!("{i:06}.{extension}")).unwrap();
            let mut header = tar::Header::new_gnu();
            header.set_size(5);
            header.set_mode(0o644);
            builder.append_data(&mut header, format!("{i:06}.txt"), &b"music"[..]).unwrap();
        }
        builder.finish().unwrap();
    }
}

fn config() -> DataConfig {
    DataConfig {
        clip: ClipConfig::new(16_000, 10 * 16_000),
        cache: None,
        augment: AugmentConfig::none(),
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

fn rate(dataset: &Arc<Dataset>, epoch: u64) -> f64 {
    let config =
        LoaderConfig { batch_size: 16, threads: 2, prefetch_batches: 2, drop_last: true, on_bad_file: OnBadFile::Stop };
    let frontend = Arc::new(LogMelConfig::default().init().unwrap());
    let started = Instant::now();
    let loader = EpochLoader::new(dataset.clone(), frontend, config, epoch, 0).unwrap();
    let clips: usize = loader.map(|batch| batch.unwrap().items.len()).sum();
    clips as f64 / started.elapsed().as_secs_f64()
}

/// Whether it could be done.
fn drop_caches() -> bool {
    let dropped = Command::new("sh").args(["-c", "sync; echo 3 > /proc/sys/vm/drop_caches"]).output();
    dropped.is_ok_and(|output| output.status.success())
}
