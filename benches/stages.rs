//! Every stage between a file and an embedding; throughput in seconds of audio a second.
//!
//! Criterion's `elem/s` is seconds of audio per second, except for text, where it is captions.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::path::{Path, PathBuf};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use muscall::audio::{ClipConfig, CropPosition, LogMelConfig, Resampler, Resampling, load_clip};
use muscall::model::ClipTokenizer;
use muscall::{Device, Manifest, Muscall, MuscallConfig, Split};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn demo() -> Manifest {
    Manifest::read(&root().join("demo/manifest.jsonl"), Split::Train).unwrap()
}

/// Music, `seconds` long at 16 kHz: clips of the demo, one after the other.
fn music(seconds: usize) -> Vec<f32> {
    let config = ClipConfig::new(16_000, 12 * 16_000);
    let mut samples = Vec::new();
    for row in demo().rows.iter().cycle().take(seconds.div_ceil(12)) {
        samples.extend(load_clip(&row.audio, CropPosition::Central, &config).unwrap().samples);
    }
    samples.truncate(seconds * 16_000);
    samples
}

fn log_mel(c: &mut Criterion) {
    let mut group = c.benchmark_group("log_mel");
    let extractor = LogMelConfig::default().init().unwrap();
    let music = music(20);
    group.throughput(Throughput::Elements(20));
    group.bench_function("20 s", |b| b.iter(|| extractor.extract(black_box(&music)).unwrap()));
    group.finish();
}

/// To 48 kHz, as for LAION-CLAP; what is heard does not matter to the time.
fn resample(c: &mut Criterion) {
    let mut group = c.benchmark_group("resample");
    group.throughput(Throughput::Elements(10));
    for (name, resampling) in [("torchaudio", Resampling::Torchaudio), ("high quality", Resampling::HighQuality)] {
        for from in [22_050, 44_100, 96_000] {
            let music: Vec<f32> = music(20).into_iter().cycle().take(10 * from as usize).collect();
            let build = || Resampler::with_kernel(black_box(from), 48_000, resampling).unwrap();
            let resampler = build();
            group.bench_function(format!("10 s of {from} Hz, {name}"), |b| {
                b.iter(|| resampler.resample(black_box(&music)))
            });
            group.bench_function(format!("tables for {from} Hz, {name}"), |b| b.iter(build));
        }
    }
    group.finish();
}

fn load(c: &mut Criterion) {
    let mut group = c.benchmark_group("load");
    let path = root().join("benches/music.mp3");
    let config = ClipConfig::new(16_000, 20 * 16_000);
    let mut seed = 0;
    group.throughput(Throughput::Elements(20));
    group.bench_function("random 20 s of an mp3", |b| {
        b.iter(|| {
            seed += 1;
            load_clip(&path, CropPosition::Random { seed }, &config).unwrap()
        });
    });
    group.finish();
}

/// With random weights: what is timed does not depend on them.
fn model(config: &MuscallConfig) -> Muscall {
    let device = Device::default();
    let network = config.init(&device).unwrap();
    Muscall::new(config.clone(), &network, ClipTokenizer::new().unwrap(), &device).unwrap()
}

fn encode_audio(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode_audio");
    group.sample_size(10);
    for (name, config) in [("w16", MuscallConfig::released()), ("w64", MuscallConfig::resnet50())] {
        let model = model(&config);
        for batch in [1, 8] {
            let clips = music(20 * batch);
            let mels: Vec<_> =
                clips.chunks_exact(20 * 16_000).map(|clip| model.frontend().extract(clip).unwrap()).collect();
            let mels: Vec<&[f32]> = mels.iter().map(|mel| mel.values()).collect();
            group.throughput(Throughput::Elements(20 * batch as u64));
            for (path, model) in [("kernels", model.clone()), ("burn", model.clone().with_kernels(false))] {
                group.bench_function(format!("{name}, batch {batch}, {path}"), |b| {
                    b.iter(|| model.embed_log_mels(&mels).unwrap())
                });
            }
        }
    }
    group.finish();
}

fn encode_text(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode_text");
    group.sample_size(10);
    let model = model(&MuscallConfig::released());
    let captions: Vec<String> = demo().rows.iter().take(32).map(|row| row.captions[0].clone()).collect();
    group.throughput(Throughput::Elements(32));
    for (path, model) in [("kernels", model.clone()), ("burn", model.with_kernels(false))] {
        group.bench_function(format!("32 captions, {path}"), |b| b.iter(|| model.embed_text(&captions).unwrap()));
    }
    group.finish();
}

criterion_group!(stages, log_mel, resample, load, encode_audio, encode_text);
criterion_main!(stages);
