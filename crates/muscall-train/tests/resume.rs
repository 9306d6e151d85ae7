//! A run that is killed, stopped or loaded by other threads ends with the same weights, bit for bit.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod wav;

use std::env;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use muscall_audio::AugmentConfig;
use muscall_model::MuscallConfig;
use muscall_model::audio::ResNetConfig;
use muscall_model::text::TransformerConfig;
use muscall_train::{Event, Learner, Manifest, OnExisting, Outcome, Recipe, Split, TrainError};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use wav::write_wav;

const DIR: &str = "MUSCALL_RESUME_TEST_DIR";

/// Ten clips of a second and a half: a tone each, in noise.
fn write_data(dir: &Path) {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut manifest = String::new();
    for clip in 0..10 {
        let hz = 110.0 * f64::from(clip + 2);
        let samples: Vec<f64> = (0..24_000)
            .map(|i| 0.3 * (std::f64::consts::TAU * hz * f64::from(i) / 16_000.0).sin() + rng.random_range(-0.1..0.1))
            .collect();
        write_wav(&dir.join(format!("{clip}.wav")), samples.into_iter().map(|x| (x * 32_767.0) as i16));
        let split = if clip < 7 { "train" } else { "val" };
        manifest += &format!(
            "{{\"audio\": \"{clip}.wav\", \"captions\": [\"a tone of {hz} hertz\", \"tone {clip}\"], \"split\": \"{split}\"}}\n"
        );
    }
    fs::write(dir.join("manifest.jsonl"), manifest).unwrap();
}

fn recipe(threads: usize) -> Recipe {
    let mut recipe = Recipe::new(MuscallConfig::tiny());
    recipe.epochs = 6;
    recipe.batch_size = 3;
    recipe.learning_rate = 1e-3;
    recipe.checkpoint_steps = Some(1);
    recipe.model.clip_s = 1.0;
    recipe.model.audio = ResNetConfig::new(2).with_hidden(16).into();
    recipe.model.text = TransformerConfig::new(1).with_width(16, 2).with_dropout(0.3).into();
    recipe.data.augment = AugmentConfig::muscall();
    recipe.data.threads = threads;
    recipe
}

/// Dropout draws from the state of the process: one run at a time.
static ONE_RUN: Mutex<()> = Mutex::new(());

fn train(data: &Path, run: &Path, threads: usize, stop_after: u64) -> Result<Outcome, TrainError> {
    train_and_report(data, run, &recipe(threads), false, &mut |step| step == stop_after)
}

fn train_and_report(
    data: &Path,
    run: &Path,
    recipe: &Recipe,
    late: bool,
    stops: &mut dyn FnMut(u64) -> bool,
) -> Result<Outcome, TrainError> {
    let _one_run = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
    let manifest = data.join("manifest.jsonl");
    let (train, val) = (Manifest::read(&manifest, Split::Train)?, Manifest::read(&manifest, Split::Val)?);
    let learner = Learner::new(recipe.clone(), run, &Device::flex())?;
    let learner = learner.with_on_existing(OnExisting::Resume).with_late_reports(late);
    learner.fit(train, Some(val), &mut |event| match event {
        Event::Step(step) if stops(step.step) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    })
}

/// The last checkpoint and the bundle, byte by byte.
fn result(run: &Path) -> [(&'static str, Vec<u8>); 4] {
    let checkpoints: Vec<_> =
        fs::read_dir(run.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let last = checkpoints.iter().max().unwrap();
    [
        ("optimizer", fs::read(last.join("optimizer.safetensors")).unwrap()),
        ("model", fs::read(last.join("model.safetensors")).unwrap()),
        ("bundle", fs::read(run.join("weights.safetensors")).unwrap()),
        ("validation", fs::read(run.join("validation.csv")).unwrap()),
    ]
}

fn assert_same(found: &Path, expected: &Path) {
    for ((name, found_bytes), (_, expected_bytes)) in result(found).iter().zip(result(expected)) {
        assert!(*found_bytes == expected_bytes, "{name} of {} differs from {}", found.display(), expected.display());
    }
}

/// Not a test of its own: what the killed processes run.
#[test]
fn child() {
    if let Ok(dir) = env::var(DIR) {
        let dir = Path::new(&dir);
        train(dir, &dir.join("killed"), 2, u64::MAX).unwrap();
    }
}

#[test]
fn a_killed_run_ends_as_an_undisturbed_one() {
    let dir = tempfile::tempdir().unwrap();
    write_data(dir.path());
    let run = |name: &str| dir.path().join(name);
    let start = Instant::now();
    let outcome = train(dir.path(), &run("whole"), 2, u64::MAX).unwrap();
    let whole = start.elapsed();
    assert_eq!((outcome.steps, outcome.interrupted), (12, false));

    let spawn = || {
        let mut child = Command::new(env::current_exe().unwrap());
        child.args(["--exact", "child"]).env(DIR, dir.path()).stdout(Stdio::null()).stderr(Stdio::null());
        child.spawn().unwrap()
    };
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let mut kills = 0;
    // Each life is allowed a fraction of the run, so that ten kills fall all over it.
    for _ in 0..10 {
        let mut child = spawn();
        sleep(Duration::from_secs_f64(whole.as_secs_f64() * rng.random_range(0.02..0.4)));
        if child.try_wait().unwrap().is_none() {
            kills += 1;
        }
        let _ = child.kill();
        child.wait().unwrap();
    }
    println!("{kills} of 10 lives were cut short");
    assert!(kills >= 3, "the run is too short for this test: {kills} kills");
    assert!(spawn().wait().unwrap().success());
    assert_same(&run("killed"), &run("whole"));
}

#[test]
fn a_stopped_run_and_one_with_other_threads_end_the_same() {
    let dir = tempfile::tempdir().unwrap();
    write_data(dir.path());
    let run = |name: &str| dir.path().join(name);
    // The last step of an epoch, and of the run: what follows it is still to be done.
    for stop_after in [1, 4, 8, 12, u64::MAX] {
        let outcome = train(dir.path(), &run("stopped"), 2, stop_after).unwrap();
        assert_eq!(outcome.interrupted, stop_after < u64::MAX);
    }
    train(dir.path(), &run("one"), 1, u64::MAX).unwrap();
    assert_same(&run("one"), &run("stopped"));
}

/// All that the log of the steps has but how fast they were.
fn steps(run: &Path) -> Vec<String> {
    let log = fs::read_to_string(run.join("steps.csv")).unwrap();
    let rate = log.lines().next().unwrap().split(',').position(|column| column == "clips_per_s").unwrap();
    let without = |line: &str| {
        let columns = line.split(',').enumerate().filter(|&(index, _)| index != rate);
        columns.map(|(_, column)| column).collect::<Vec<_>>().join(",")
    };
    log.lines().map(without).collect()
}

#[test]
fn reports_that_come_late_are_the_same_ones() {
    let dir = tempfile::tempdir().unwrap();
    write_data(dir.path());
    let run = |name: &str| dir.path().join(name);
    train(dir.path(), &run("at once"), 2, u64::MAX).unwrap();
    // Six epochs of two steps. With a checkpoint at each step a report is never late; with one after seven it is one
    // step behind, but for the end of an epoch.
    for checkpoint_steps in [Some(1), Some(7), None] {
        let name = format!("late {checkpoint_steps:?}");
        let recipe = Recipe { checkpoint_steps, ..recipe(2) };
        let mut told = Vec::new();
        for stop_after in [1, 4, 5, u64::MAX] {
            let outcome = train_and_report(dir.path(), &run(&name), &recipe, true, &mut |step| {
                told.push(step);
                step == stop_after
            });
            assert_eq!(outcome.unwrap().interrupted, stop_after < u64::MAX);
        }
        assert_eq!(told, (1..=12).collect::<Vec<_>>(), "{name}");
        assert_eq!(steps(&run(&name)), steps(&run("at once")), "{name}");
        assert_same(&run(&name), &run("at once"));
    }
}

#[test]
fn a_run_is_not_mixed_with_another_one() {
    let dir = tempfile::tempdir().unwrap();
    write_data(dir.path());
    let run = dir.path().join("run");
    train(dir.path(), &run, 1, 2).unwrap();
    let manifest = Manifest::read(&dir.path().join("manifest.jsonl"), Split::Train).unwrap();
    let fit = |recipe: Recipe, manifest: Manifest, on_existing| {
        let _one_run = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
        let learner = Learner::new(recipe, &run, &Device::flex()).unwrap().with_on_existing(on_existing);
        learner.fit(manifest, None, &mut |_| ControlFlow::Break(())).map(|_| ())
    };
    let error = fit(recipe(1), manifest.clone(), OnExisting::Refuse).unwrap_err();
    assert!(matches!(error, TrainError::RunExists { .. }), "{error}");
    let mut other = recipe(1);
    other.learning_rate = 0.5;
    let error = fit(other, manifest.clone(), OnExisting::Resume).unwrap_err();
    assert!(matches!(error, TrainError::OtherRecipe { .. }), "{error}");
    let mut fewer = manifest;
    fewer.rows.pop();
    let error = fit(recipe(1), fewer, OnExisting::Resume).unwrap_err();
    assert!(matches!(error, TrainError::OtherData { .. }), "{error}");
}

#[test]
fn training_stops_when_validation_no_longer_gets_better() {
    let _one_run = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = tempfile::tempdir().unwrap();
    write_data(dir.path());
    let mut recipe = recipe(1);
    recipe.epochs = 50;
    recipe.learning_rate = 1e-12;
    recipe.optimizer.weight_decay = 0.0;
    recipe.validation.patience = Some(2);
    let manifest = dir.path().join("manifest.jsonl");
    let (train, val) =
        (Manifest::read(&manifest, Split::Train).unwrap(), Manifest::read(&manifest, Split::Val).unwrap());
    let learner = Learner::new(recipe, dir.path().join("run"), &Device::flex()).unwrap();
    let outcome = learner.fit(train, Some(val), &mut |_| ControlFlow::Continue(())).unwrap();
    assert!(!outcome.interrupted && outcome.steps < 60, "{} steps", outcome.steps);
}
