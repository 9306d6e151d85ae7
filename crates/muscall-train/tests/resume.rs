//! A run that is killed, stopped or loaded by other threads ends with the same weights, bit for bit.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod small_run;
#[path = "../../muscall-data/tests/wav/mod.rs"]
mod wav;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use muscall_audio::AugmentConfig;
use muscall_model::MuscallConfig;
use muscall_model::audio::ResNetConfig;
use muscall_model::text::TransformerConfig;
use muscall_train::loss::{ContrastiveLoss, Loss, Weighting};
use muscall_train::{Event, InitialWeights, Learner, Manifest, OnExisting, Outcome, Recipe, Split, TrainError};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use small_run::steps;
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
    let learner = learner.with_on_existing(OnExisting::Resume).with_late_reports(late).with_patience(Duration::ZERO);
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
fn what_changes_no_number_may_change() {
    let dir = tempfile::tempdir().unwrap();
    write_data(dir.path());
    let run = |name: &str| dir.path().join(name);
    train(dir.path(), &run("whole"), 2, u64::MAX).unwrap();
    train(dir.path(), &run("changed"), 2, 3).unwrap();
    let mut recipe = Recipe { checkpoint_steps: None, doctor: false, ..recipe(1) };
    recipe.data.cache = Some(dir.path().join("cache"));
    recipe.data.prefetch_batches = 1;
    train_and_report(dir.path(), &run("changed"), &recipe, false, &mut |_| false).unwrap();
    assert_same(&run("changed"), &run("whole"));
    // A run whose checkpoints are gone cannot be gone on with, and its model is not written over.
    fs::remove_dir_all(run("whole").join("checkpoints")).unwrap();
    let model = fs::read(run("whole").join("weights.safetensors")).unwrap();
    let error = train(dir.path(), &run("whole"), 2, u64::MAX).unwrap_err();
    assert!(matches!(error, TrainError::NoCheckpoint { .. }), "{error}");
    assert_eq!(fs::read(run("whole").join("weights.safetensors")).unwrap(), model);
}

#[test]
fn a_validation_that_fails_costs_no_step() {
    let dir = tempfile::tempdir().unwrap();
    write_data(dir.path());
    let run = |name: &str| dir.path().join(name);
    train(dir.path(), &run("whole"), 2, u64::MAX).unwrap();
    let recipe = Recipe { checkpoint_steps: None, ..recipe(2) };
    let remove_validation = |step: u64| {
        if step == 4 {
            (7..10).for_each(|clip| fs::remove_file(dir.path().join(format!("{clip}.wav"))).unwrap());
        }
        false
    };
    let failed = train_and_report(dir.path(), &run("failed"), &recipe, false, &mut { remove_validation });
    assert!(matches!(failed, Err(TrainError::NothingToEvaluate { .. })), "{failed:?}");
    write_data(dir.path());
    let mut told = Vec::new();
    train_and_report(dir.path(), &run("failed"), &recipe, false, &mut |step| {
        told.push(step);
        false
    })
    .unwrap();
    assert_eq!(told, (5..=12).collect::<Vec<_>>());
    assert_same(&run("failed"), &run("whole"));
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

/// All files below a folder.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for path in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

#[test]
fn a_run_that_cannot_start_leaves_the_directory_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    write_data(dir.path());
    let run = dir.path().join("run");
    let manifest = Manifest::read(&dir.path().join("manifest.jsonl"), Split::Train).unwrap();
    let fit = |recipe: Recipe, initial: Option<InitialWeights>, on_existing| {
        let _one_run = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut learner = Learner::new(recipe, &run, &Device::flex()).unwrap().with_on_existing(on_existing);
        if let Some(initial) = initial {
            learner = learner.with_initial(initial);
        }
        learner.fit(manifest.clone(), None, &mut |_| ControlFlow::Continue(()))
    };
    let weighting = Some(Weighting { model: "no/such/encoder".to_owned(), ..Weighting::default() });
    let without_encoder =
        Recipe { loss: Loss::from(ContrastiveLoss { weighting, ..ContrastiveLoss::default() }), ..recipe(1) };
    let mut without_cache = recipe(1);
    without_cache.data.cache = Some(dir.path().join("manifest.jsonl"));
    let empty = InitialWeights { model: Default::default(), optimizer: None, origin: "nothing".to_owned() };
    let wrong_starts = || {
        [(&without_encoder, None), (&without_cache, None), (&recipe(1), Some(empty.clone()))]
            .map(|(recipe, initial)| (recipe.clone(), initial))
    };

    for (recipe, initial) in wrong_starts() {
        let error = fit(recipe, initial, OnExisting::Refuse).unwrap_err();
        assert!(!run.exists(), "{error}");
    }
    // Nothing stands in the way of the next one.
    let first = fit(recipe(1), None, OnExisting::Refuse).unwrap();
    let before = files(&run);
    for (recipe, initial) in wrong_starts() {
        let error = fit(recipe, initial, OnExisting::Replace).unwrap_err();
        assert!(!matches!(error, TrainError::RunExists { .. }), "{error}");
        assert!(files(&run) == before, "{error}");
    }
    // A run that can start does replace it.
    let other = Recipe { seed: 5, ..recipe(1) };
    let second = fit(other.clone(), None, OnExisting::Replace).unwrap();
    assert_ne!(first.model.fingerprint().unwrap(), second.model.fingerprint().unwrap());
    assert_eq!(Recipe::read(&run.join("recipe.toml")).unwrap(), other);
    assert_eq!(steps(&run).len(), 1 + second.steps as usize);
}

#[test]
fn only_what_a_run_has_written_is_in_the_way() {
    let dir = tempfile::tempdir().unwrap();
    write_data(dir.path());
    let run = dir.path().join("run");
    let manifest = Manifest::read(&dir.path().join("manifest.jsonl"), Split::Train).unwrap();
    let start = || {
        let _one_run = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
        let learner = Learner::new(recipe(1), &run, &Device::flex()).unwrap();
        learner.fit(manifest.clone(), None, &mut |_| ControlFlow::Continue(())).map(|_| ())
    };
    // What a run leaves that ends before its first step.
    fs::create_dir_all(run.join("checkpoints/unfinished")).unwrap();
    fs::write(run.join("log.jsonl"), "").unwrap();
    fs::write(run.join("steps.csv"), "step,epoch\n").unwrap();
    start().unwrap();
    let refused = || {
        let error = start().unwrap_err();
        assert!(matches!(error, TrainError::RunExists { .. }), "{error}");
        error.to_string()
    };
    let message = refused();
    assert!(message.contains("--resume") && message.contains("--replace"), "{message}");
    // The checkpoints are large, and gone; the model is what was wanted of the run.
    fs::remove_dir_all(run.join("checkpoints")).unwrap();
    fs::remove_file(run.join("log.jsonl")).unwrap();
    refused();
    fs::remove_file(run.join("weights.safetensors")).unwrap();
    fs::write(run.join("log.jsonl"), "{}\n").unwrap();
    refused();
    // One that cannot be read is one all the same.
    fs::remove_file(run.join("log.jsonl")).unwrap();
    fs::create_dir_all(run.join("checkpoints/step-000000001-epoch-000000")).unwrap();
    refused();
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
