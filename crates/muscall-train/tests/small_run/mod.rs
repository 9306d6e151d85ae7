//! A training of seconds on made-up tones, and what it leaves, byte by byte.
#![allow(dead_code)]

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use burn::tensor::Device;
use muscall_audio::AugmentConfig;
use muscall_model::MuscallConfig;
use muscall_model::audio::ResNetConfig;
use muscall_model::text::TransformerConfig;
use muscall_train::{Event, Learner, Manifest, OnExisting, Outcome, Recipe, Split, TrainError};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::wav::write_wav;

/// Ten clips of a second and a half: a tone each, in noise. Seven are trained on, of which the last two lie in a
/// folder of their own, and so do the last two of three that are validated on.
pub fn write_data(dir: &Path) {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut manifest = String::new();
    for clip in 0..10 {
        let (folder, split) = match clip {
            0..5 => ("music/train/one", "train"),
            5..7 => ("music/train/two", "train"),
            7 => ("music/val/three", "val"),
            _ => ("music/val/four", "val"),
        };
        fs::create_dir_all(dir.join(folder)).unwrap();
        let hz = 110.0 * f64::from(clip + 2);
        let samples: Vec<f64> = (0..24_000)
            .map(|i| 0.3 * (std::f64::consts::TAU * hz * f64::from(i) / 16_000.0).sin() + rng.random_range(-0.1..0.1))
            .collect();
        write_wav(&dir.join(format!("{folder}/{clip}.wav")), samples.into_iter().map(|x| (x * 32_767.0) as i16));
        manifest += &format!(
            "{{\"audio\": \"{folder}/{clip}.wav\", \"captions\": [\"a tone of {hz} hertz\", \"tone {clip}\"], \"split\": \"{split}\"}}\n"
        );
    }
    fs::write(dir.join("manifest.jsonl"), manifest).unwrap();
}

/// Twelve steps in six epochs, with dropout. One batch is made ahead, so that what a step needs is read after
/// the step before the last one.
pub fn recipe() -> Recipe {
    let mut recipe = Recipe::new(MuscallConfig::tiny());
    recipe.epochs = 6;
    recipe.batch_size = 3;
    recipe.learning_rate = 1e-3;
    recipe.model.clip_s = 1.0;
    recipe.model.audio = ResNetConfig::new(2).with_hidden(16).into();
    recipe.model.text = TransformerConfig::new(1).with_width(16, 2).with_dropout(0.3).into();
    recipe.data.augment = AugmentConfig::muscall();
    recipe.data.prefetch_batches = 1;
    recipe
}

/// Dropout draws from the state of the process: one run at a time.
static ONE_RUN: Mutex<()> = Mutex::new(());

/// A learner that goes on with what is in the run's folder, and waits for no file.
pub fn learner(recipe: &Recipe, run: &Path) -> Learner {
    let learner = Learner::new(recipe.clone(), run, &Device::flex()).unwrap();
    learner.with_on_existing(OnExisting::Resume).with_patience(Duration::ZERO)
}

/// Trains on so many threads as ranks, or without them.
pub fn fit(
    learner: &Learner,
    data: &Path,
    ranks: usize,
    listener: &mut dyn FnMut(&Event<'_>) -> ControlFlow<()>,
) -> Result<Outcome, TrainError> {
    let _one_run = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
    let manifest = data.join("manifest.jsonl");
    let (train, val) = (Manifest::read(&manifest, Split::Train)?, Manifest::read(&manifest, Split::Val)?);
    let mut listener = |event: Event<'_>| listener(&event);
    match ranks {
        1 => learner.fit(train, Some(val), &mut listener),
        _ => learner.fit_on_devices(&vec![Device::flex(); ranks], train, Some(val), &mut listener),
    }
}

/// To the end.
pub fn finish(learner: &Learner, data: &Path, ranks: usize) -> Outcome {
    let outcome = fit(learner, data, ranks, &mut |_| ControlFlow::Continue(())).unwrap();
    assert!(!outcome.interrupted);
    outcome
}

/// The one checkpoint of a run.
pub fn checkpoint(run: &Path) -> PathBuf {
    let mut found = fs::read_dir(run.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path());
    let last = found.next().unwrap();
    assert_eq!(found.next(), None);
    last
}

/// All that the log of the steps has but how fast they were.
pub fn steps(run: &Path) -> Vec<String> {
    let log = fs::read_to_string(run.join("steps.csv")).unwrap();
    let rate = log.lines().next().unwrap().split(',').position(|column| column == "clips_per_s").unwrap();
    let without = |line: &str| {
        let columns = line.split(',').enumerate().filter(|&(index, _)| index != rate);
        columns.map(|(_, column)| column).collect::<Vec<_>>().join(",")
    };
    log.lines().map(without).collect()
}

/// Weights, moments, bundles and logs of two runs, byte by byte.
#[track_caller]
pub fn assert_same(found: &Path, expected: &Path) {
    let (ours, theirs) = (checkpoint(found), checkpoint(expected));
    assert_eq!(ours.file_name(), theirs.file_name());
    let pairs = ["optimizer.safetensors", "model.safetensors", "ema.safetensors"]
        .map(|name| (ours.join(name), theirs.join(name)))
        .into_iter()
        .chain(
            ["weights.safetensors", "ema/weights.safetensors", "validation.csv", "validation_ema.csv", "recipe.toml"]
                .map(|name| (found.join(name), expected.join(name))),
        );
    for (ours, theirs) in pairs {
        assert!(fs::read(&ours).ok() == fs::read(&theirs).ok(), "{} differs from {}", ours.display(), theirs.display());
    }
    assert_eq!(steps(found), steps(expected));
}
