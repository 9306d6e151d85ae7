//! A run that is stopped or killed before its first step is one that goes on, and ends as if it had not been.
#![allow(missing_docs, clippy::unwrap_used)]

mod small_run;
#[path = "../../muscall-data/tests/wav/mod.rs"]
mod wav;

use std::env;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use burn::tensor::Device;
use muscall_train::recipe::EmaRecipe;
use muscall_train::{Event, InitialWeights, Learner, OnExisting, Recipe, TrainError};
use small_run::{assert_same, checkpoint, finish, fit, learner, recipe, write_data};
use tempfile::TempDir;

const DIR: &str = "MUSCALL_PREEMPTED_TEST_DIR";

fn data() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    write_data(dir.path());
    dir
}

/// Starts a run and stops it before its first step.
fn stop_at_once(learner: &Learner, data: &Path, ranks: usize) {
    let outcome = fit(learner, data, ranks, &mut |event| {
        assert!(!matches!(event, Event::Step(_)));
        if let Event::Started { .. } = event { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let outcome = outcome.unwrap();
    assert_eq!((outcome.steps, outcome.interrupted), (0, true));
}

#[test]
fn a_run_that_is_stopped_before_its_first_step_goes_on() {
    let dir = data();
    let at = |name: &str| dir.path().join(name);
    let recipe = Recipe { ema: Some(EmaRecipe { decay: 0.9 }), micro_batch: Some(1), ..recipe() };
    for ranks in [1, 2] {
        let [run, whole] = ["run", "whole"].map(|name| at(&format!("{name} {ranks}")));
        finish(&learner(&recipe, &whole), dir.path(), ranks);
        for _ in 0..2 {
            stop_at_once(&learner(&recipe, &run), dir.path(), ranks);
            // Weights that nobody has trained are no bundle.
            assert!(!run.join("weights.safetensors").exists() && !run.join("ema").exists());
        }
        finish(&learner(&recipe, &run), dir.path(), ranks);
        assert_same(&run, &whole);
    }
}

#[test]
fn what_a_run_starts_from_need_not_be_named_again() {
    let dir = data();
    let at = |name: &str| dir.path().join(name);
    let first = finish(&learner(&Recipe { epochs: 1, ..recipe() }, &at("first")), dir.path(), 1);
    let moments = muscall_model::weights::read_safetensors(&checkpoint(&at("first")).join("optimizer.safetensors"));
    let initial = InitialWeights {
        model: first.model.state().unwrap().into_owned(),
        optimizer: Some((moments.unwrap(), first.steps)),
        origin: "the first run".to_owned(),
    };
    finish(&learner(&recipe(), &at("whole")).with_initial(initial.clone()), dir.path(), 1);
    stop_at_once(&learner(&recipe(), &at("run")).with_initial(initial), dir.path(), 1);
    finish(&learner(&recipe(), &at("run")), dir.path(), 1);
    assert_same(&at("run"), &at("whole"));
}

/// Not a test of its own: a process that is gone, as if it had been killed, when its run has begun.
#[test]
fn child() {
    if let Ok(dir) = env::var(DIR) {
        let dir = Path::new(&dir);
        let _ = fit(&learner(&recipe(), &dir.join("killed")), dir, 1, &mut |event| match event {
            Event::Started { .. } => std::process::abort(),
            _ => ControlFlow::Continue(()),
        });
    }
}

#[test]
fn a_run_that_is_killed_before_its_first_step_goes_on() {
    let dir = data();
    let at = |name: &str| dir.path().join(name);
    finish(&learner(&recipe(), &at("whole")), dir.path(), 1);
    for _ in 0..2 {
        let mut child = Command::new(env::current_exe().unwrap());
        child.args(["--exact", "child"]).env(DIR, dir.path()).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(!child.status().unwrap().success());
        assert!(checkpoint(&at("killed")).ends_with("step-000000000-epoch-000000"));
    }
    finish(&learner(&recipe(), &at("killed")), dir.path(), 1);
    assert_same(&at("killed"), &at("whole"));
}

#[test]
fn a_run_that_is_killed_while_it_makes_its_directory_goes_on() {
    let dir = data();
    let at = |name: &str| dir.path().join(name);
    finish(&learner(&recipe(), &at("whole")), dir.path(), 1);
    let leftovers: [&[(&str, &str)]; 4] = [
        &[],
        &[("checkpoints/unfinished/model.safetensors", "half of it")],
        &[("checkpoints/unfinished/model.safetensors", ""), ("recipe.toml", "epochs =")],
        // Of an older version, whose first model came before its first checkpoint: it could not go on from there.
        &[("weights.safetensors", "of no step"), ("log.jsonl", ""), ("validation.csv", "step,epoch\n")],
    ];
    for (number, leftovers) in leftovers.iter().enumerate() {
        let run = at(&format!("run {number}"));
        fs::create_dir_all(run.join("checkpoints")).unwrap();
        for (name, text) in *leftovers {
            fs::create_dir_all(run.join(name).parent().unwrap()).unwrap();
            fs::write(run.join(name), text).unwrap();
        }
        finish(&learner(&recipe(), &run), dir.path(), 1);
        assert_same(&run, &at("whole"));
    }
}

/// Moves the only checkpoint of one run into another, under the name it has while that one is being replaced.
fn begin_in(run: &Path, other: &Path) {
    fs::rename(checkpoint(other), run.join("checkpoints/beginning")).unwrap();
}

#[test]
fn a_run_that_is_killed_while_it_replaces_another_goes_on() {
    let dir = data();
    let at = |name: &str| dir.path().join(name);
    let [old, new] = [Recipe { ema: Some(EmaRecipe { decay: 0.9 }), ..recipe() }, Recipe { seed: 5, ..recipe() }];
    finish(&learner(&new, &at("whole")), dir.path(), 1);
    finish(&learner(&old, &at("run")), dir.path(), 1);
    // The new checkpoint is there, and all of the old run still is.
    stop_at_once(&learner(&new, &at("begun")), dir.path(), 1);
    begin_in(&at("run"), &at("begun"));
    // Twice: it may be killed there again.
    stop_at_once(&learner(&new, &at("run")), dir.path(), 1);
    stop_at_once(&learner(&new, &at("run")), dir.path(), 1);
    finish(&learner(&new, &at("run")), dir.path(), 1);
    assert_same(&at("run"), &at("whole"));
    // Asked for, the same in one go.
    finish(&learner(&old, &at("again")), dir.path(), 1);
    finish(&learner(&new, &at("again")).with_on_existing(OnExisting::Replace), dir.path(), 1);
    assert_same(&at("again"), &at("whole"));
}

#[test]
fn a_run_without_a_step_is_in_nobodys_way() {
    let dir = data();
    let run: PathBuf = dir.path().join("run");
    let on_existing = [OnExisting::Refuse, OnExisting::Resume, OnExisting::Replace, OnExisting::Refuse];
    for (seed, on_existing) in (0..).zip(on_existing) {
        // A recipe that was wrong is mended before the next start.
        let recipe = Recipe { seed, ..recipe() };
        stop_at_once(&learner(&recipe, &run).with_on_existing(on_existing), dir.path(), 1);
        assert_eq!(Recipe::read(&run.join("recipe.toml")).unwrap(), recipe);
    }
    let last = Recipe { seed: 7, ..recipe() };
    finish(&learner(&last, &run).with_on_existing(OnExisting::Refuse), dir.path(), 1);
    finish(&learner(&last, &dir.path().join("whole")), dir.path(), 1);
    assert_same(&run, &dir.path().join("whole"));
    // With steps it is.
    let refused = Learner::new(recipe(), &run, &Device::flex()).unwrap();
    let refused = fit(&refused, dir.path(), 1, &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(refused, TrainError::RunExists { .. }), "{refused}");
    let other = fit(&learner(&recipe(), &run), dir.path(), 1, &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(other, TrainError::OtherRecipe { .. }), "{other}");
}
