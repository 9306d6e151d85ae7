//! Shards of samples, and the files of these.
#![allow(dead_code)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muscall_audio::{AugmentConfig, ClipConfig, LogMelConfig};
use muscall_data::batcher::{EpochLoader, LoaderConfig, OnBadFile, RawBatch};
use muscall_data::dataset::{DataConfig, Dataset};
use muscall_data::{Manifest, Sources};
use tempfile::TempDir;

use crate::wav::write_wav;

pub const SHARDS: usize = 4;
pub const SAMPLES: usize = 6;

fn tone(number: usize) -> impl Iterator<Item = i16> {
    let hz = 200.0 + 37.0 * number as f64;
    (0..6_000 + 300 * number).map(move |i| (9_000.0 * (std::f64::consts::TAU * hz * i as f64 / 16_000.0).sin()) as i16)
}

pub type Members<'a> = [(&'a str, &'a [u8])];

/// A tar file of these members.
pub fn tar(path: &Path, members: &Members<'_>) {
    let mut builder = tar::Builder::new(File::create(path).unwrap());
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap();
}

pub fn wav(dir: &Path, number: usize) -> Vec<u8> {
    let path = dir.join(format!("{number}.wav"));
    write_wav(&path, tone(number));
    fs::read(path).unwrap()
}

/// Four shards of six samples, and the files of these.
pub fn shards() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    for shard in 0..SHARDS {
        let of_shard = shard * SAMPLES..(shard + 1) * SAMPLES;
        let contents: Vec<(String, Vec<u8>)> = of_shard
            .flat_map(|i| {
                let json = format!("{{\"captions\": [\"one of {i}\", \"two of {i}\"], \"source\": \"made\"}}");
                let label = ("cls".to_owned(), b"7".to_vec());
                let members = [("json".to_owned(), json.into_bytes()), label, ("wav".to_owned(), wav(dir.path(), i))];
                // Every shard begins with the same names.
                members.map(|(extension, content)| (format!("./clips/{:06}.{extension}", i % SAMPLES), content))
            })
            .collect();
        let members: Vec<(&str, &[u8])> = contents.iter().map(|(name, content)| (&**name, &**content)).collect();
        tar(&dir.path().join(format!("music-{shard:03}.tar")), &members);
    }
    let pattern = dir.path().join("music-{000..003}.tar");
    (dir, pattern)
}

pub fn dataset(manifest: Manifest, buffer: usize) -> Arc<Dataset> {
    let config = DataConfig {
        clip: ClipConfig::new(16_000, 4_000),
        cache: None,
        augment: AugmentConfig::muscall(),
        random_crop: true,
        windows: None,
        reads_audio: true,
        unheard: Default::default(),
        captions_per_track: 1,
        shuffle_buffer: buffer,
        sources: Sources::new(),
        views: None,
        seed: 5,
    };
    Arc::new(Dataset::new(manifest, config).unwrap())
}

pub fn loader(dataset: &Arc<Dataset>, epoch: u64, start_step: usize) -> EpochLoader {
    let config =
        LoaderConfig { batch_size: 4, threads: 2, prefetch_batches: 2, drop_last: false, on_bad_file: OnBadFile::Skip };
    EpochLoader::new(dataset.clone(), Arc::new(LogMelConfig::new(64).init().unwrap()), config, epoch, start_step)
        .unwrap()
}

pub fn batches(loader: EpochLoader) -> Vec<RawBatch> {
    loader.map(Result::unwrap).collect()
}

pub fn indices(batches: &[RawBatch]) -> Vec<usize> {
    batches.iter().flat_map(|batch| batch.items.iter().map(|item| item.index)).collect()
}
