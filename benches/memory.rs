//! Peak memory of training steps at several sizes of batch and micro-batch, and of encoding many clips.
//!
//! Each size runs in a process of its own, whose peak the system counts (Linux only).
//! `cargo bench --bench memory`
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::process::Command;

use muscall::model::{ClipTokenizer, TextFrontend};
use muscall::train::batcher::LoadedItem;
use muscall::train::step::StepContext;
use muscall::train::trainee::Trainee;
use muscall::{Device, Muscall, MuscallConfig, Recipe};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SIZES: [(usize, usize, bool); 8] = [
    (8, 8, false),
    (64, 8, false),
    (256, 8, false),
    (256, 32, false),
    (64, 64, false),
    (64, 64, true),
    (256, 256, false),
    (256, 256, true),
];
const CHILD: &str = "MUSCALL_MEMORY_BENCH";
const ENCODE: &str = "encode";

fn main() {
    if let Ok(size) = std::env::var(CHILD) {
        if size == ENCODE {
            encode();
            return;
        }
        let size: Vec<usize> = size.split(' ').map(|number| number.parse().unwrap()).collect();
        step(size[0], size[1], size[2] == 1);
        println!("{}", peak_mb().unwrap_or(0));
        return;
    }
    println!("peak memory of two steps of `tiny` (6 s clips), MB");
    println!("{:>8} {:>12} {:>10} {:>8}", "batch", "micro-batch", "recompute", "peak");
    for (batch, micro, recompute) in SIZES {
        let this = std::env::current_exe().unwrap();
        let output =
            Command::new(this).env(CHILD, format!("{batch} {micro} {}", u8::from(recompute))).output().unwrap();
        let peak = String::from_utf8(output.stdout).unwrap();
        println!("{batch:>8} {micro:>12} {recompute:>10} {:>8}", peak.trim());
    }
    let this = std::env::current_exe().unwrap();
    Command::new(this).env(CHILD, ENCODE).status().unwrap();
}

/// A thousand clips of 20 s through the audio encoder of `released`, one after the other.
fn encode() {
    let config = MuscallConfig::released();
    let device = Device::default();
    let model = config.init(&device).unwrap();
    let model = Muscall::new(config.clone(), &model, ClipTokenizer::new().unwrap(), &device).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let values = config.log_mel.n_mels * config.log_mel.frames(config.clip_samples());
    println!("peak memory of encoding clips with `released`, MB");
    for count in 1..=1000 {
        let mel: Vec<f32> = (0..values).map(|_| rng.random_range(-60.0..20.0)).collect();
        model.embed_log_mels(&[&mel]).unwrap();
        if [1, 10, 100, 1000].contains(&count) {
            println!("{count:>8} clips {:>8}", peak_mb().unwrap_or(0));
        }
    }
}

/// Two steps, optimizer included.
fn step(batch: usize, micro: usize, recompute: bool) {
    let recipe = Recipe { micro_batch: Some(micro), recompute, ..Recipe::new(MuscallConfig::tiny()) };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let log_mel = &recipe.model.log_mel;
    let frames = log_mel.frames(recipe.model.clip_samples());
    let item = |index| LoadedItem {
        index,
        window: 0,
        mel: (0..log_mel.n_mels * frames).map(|_| rng.random_range(-60.0..20.0)).collect(),
        valid_frames: frames,
        views: None,
        captions: vec![format!("a slow piece of music for piano and strings, number {index}")],
        faults: Vec::new(),
    };
    let items: Vec<_> = (0..batch).map(item).collect();
    let device = Device::default().autodiff();
    let mut trainee = Trainee::new(&recipe, &device).unwrap();
    let captions = TextFrontend::from(ClipTokenizer::new().unwrap());
    let context = StepContext { recipe: &recipe, captions: &captions, device: &device, seed: 0, loss_scale: 1.0 };
    let mut optimizer = recipe.optimizer.init();
    for _ in 0..2 {
        let computed = context.gradients(&mut trainee, &items);
        assert!(computed.loss.total.is_finite());
        trainee.model = optimizer.step(&computed.gradients, &|_| 1e-4).apply(trainee.model);
    }
}

/// Largest resident memory of this process so far.
fn peak_mb() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<usize>().ok()? / 1024)
}
