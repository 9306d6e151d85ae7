//! A student learns where its teacher puts music.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod small_run;
#[path = "../../muscall-data/tests/wav/mod.rs"]
mod wav;

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use burn::tensor::Device;
use muscall_audio::AugmentConfig;
use muscall_model::Muscall;
use muscall_model::audio::ResNetConfig;
use muscall_model::weights::clap::import_clap;
use muscall_train::distil::{Side, nearness, ridge, untrained};
use muscall_train::loss::{DistilLoss, TeacherSide};
use muscall_train::recipe::Learns;
use muscall_train::{Event, Learner, Manifest, Recipe, Split, TrainError};

const CLAP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/clap/hf");

fn teacher() -> Muscall {
    import_clap(Path::new(CLAP), None, &Device::flex()).unwrap()
}

/// A small residual network at 16 kHz that is to hear as the teacher does.
fn recipe() -> Recipe {
    let mut recipe = Recipe { learns: Learns::Audio, ..small_run::recipe() };
    recipe.model.audio = ResNetConfig::new(4).with_hidden(16).into();
    recipe.loss = DistilLoss::default().into();
    recipe.data.augment = AugmentConfig::none();
    recipe.data.windows = Some(2);
    recipe.with_teacher(teacher().config()).unwrap()
}

fn learner(recipe: &Recipe, dir: &Path, run: &str) -> Learner {
    small_run::learner(recipe, &dir.join(run)).with_teacher(teacher()).with_vectors(dir.join("vectors"))
}

#[test]
fn a_student_comes_nearer_and_goes_on_where_it_was_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    small_run::write_data(dir);
    let recipe = Recipe { epochs: 30, learning_rate: 3e-3, ..recipe() };
    let whole = small_run::finish(&learner(&recipe, dir, "whole"), dir, 1);
    // It is a bundle like any other: its words are the teacher's.
    let student = Muscall::load(dir.join("whole"), &Device::flex()).unwrap();
    let words = ["calm piano", "loud drums"];
    assert_eq!(student.embed_text(words).unwrap(), teacher().embed_text(words).unwrap());
    assert_eq!(student.config().log_mel.sample_rate, 16_000);
    assert_eq!(student.config().clip_s, teacher().config().clip_s);

    let manifest = Manifest::read(&dir.join("manifest.jsonl"), Split::Train).unwrap();
    let (teacher, vectors) = (teacher(), dir.join("vectors"));
    let side = Side { teacher: &teacher, manifest: &manifest, windows: 2, vectors: &vectors };
    let heard = &mut |_: usize, _: usize| {};
    let [random, learned] = [&untrained(&recipe, &teacher, &Device::flex()).unwrap(), &whole.model]
        .map(|student| nearness(student, side, heard).unwrap());
    println!("{random:?} {learned:?}");
    // A random teacher makes nearly the same of all tones.
    assert!(1.0 - learned.explained < 0.1 * (1.0 - random.explained), "{random:?} {learned:?}");
    assert_eq!((learned.tracks, learned.windows), (7, 7), "tones are shorter than a window");
    // The teacher is its own perfect student.
    let perfect = nearness(&teacher, side, heard).unwrap();
    assert!((perfect.explained - 1.0).abs() < 1e-6 && perfect.agreement_at_10 == 1.0, "{perfect:?}");
    let linear = ridge(student.frontend(), &student, [side, side], heard).unwrap();
    assert!(linear > 0.0 && linear <= 1.0, "{linear}");

    for stop in [2, 31] {
        let run = format!("stopped-{stop}");
        let stopped = small_run::fit(&learner(&recipe, dir, &run), dir, 1, &mut |event| match event {
            Event::Step(step) if step.step == stop => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        assert!(stopped.unwrap().interrupted);
        small_run::finish(&learner(&recipe, dir, &run), dir, 1);
        small_run::assert_same(&dir.join(&run), &dir.join("whole"));
    }
}

#[test]
fn a_teacher_that_is_stopped_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    small_run::write_data(dir);
    // Two files that cannot be heard are left out by name.
    fs::write(dir.join("music/train/one/2.wav"), "no audio").unwrap();
    fs::remove_file(dir.join("music/train/one/3.wav")).unwrap();
    let recipe = Recipe { epochs: 3, ..recipe() };
    let stopped = small_run::fit(&learner(&recipe, dir, "run"), dir, 1, &mut |event| match event {
        Event::Preparing { .. } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    assert!(matches!(stopped, Err(TrainError::Stopped { what: "tracks", .. })));
    assert!(!dir.join("run/checkpoints").exists());
    let mut left_out = Vec::new();
    let outcome = small_run::fit(&learner(&recipe, dir, "run"), dir, 1, &mut |event| {
        if let Event::Skipped(error) = event {
            left_out.push(error.to_string());
        }
        ControlFlow::Continue(())
    });
    outcome.unwrap();
    assert!(
        left_out.iter().any(|line| line.contains("2.wav")) && left_out.iter().any(|line| line.contains("3.wav")),
        "{left_out:?}"
    );
}

/// Another text side learns the teacher's space from captions alone, and nothing is heard.
#[test]
fn words_are_aligned_without_music() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    small_run::write_data(dir);
    fs::remove_dir_all(dir.join("music")).unwrap();
    let teacher = teacher();
    let mut recipe = Recipe { learns: Learns::Text, epochs: 40, learning_rate: 3e-3, ..small_run::recipe() };
    recipe.loss = DistilLoss { teacher: TeacherSide::Audio, ..DistilLoss::default() }.into();
    recipe.data.augment = AugmentConfig::none();
    let recipe = recipe.with_teacher(teacher.config()).unwrap();
    let mut losses = Vec::new();
    let outcome = small_run::fit(&learner(&recipe, dir, "words"), dir, 1, &mut |event| {
        if let Event::Step(step) = event {
            losses.push(step.loss);
        }
        ControlFlow::Continue(())
    });
    let student = outcome.unwrap().model;
    assert!(losses[losses.len() - 1] < 0.5 * losses[0], "{losses:?}");
    let (ours, theirs) = (student.state().unwrap(), teacher.state().unwrap());
    assert!(theirs.iter().filter(|(name, _)| name.starts_with("audio")).all(|(name, data)| ours[name] == *data));
}

#[test]
fn what_is_missing_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    small_run::write_data(dir);
    let alone = small_run::learner(&recipe(), &dir.join("run"));
    let error = small_run::fit(&alone, dir, 1, &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(error, TrainError::NoTeacher), "{error}");
    // That no track can be validated on is told before the first step.
    for file in ["three/7.wav", "four/8.wav", "four/9.wav"] {
        fs::write(dir.join("music/val").join(file), "no audio").unwrap();
    }
    let unheard = small_run::fit(&learner(&recipe(), dir, "unheard"), dir, 1, &mut |_| ControlFlow::Continue(()));
    let error = unheard.unwrap_err();
    assert!(matches!(&error, TrainError::NothingToEvaluate { rows: 3, .. }), "{error}");
    assert!(error.to_string().contains("7.wav") && !dir.join("unheard/checkpoints").exists(), "{error}");
    let error = small_run::recipe().with_teacher(teacher().config()).unwrap_err().to_string();
    assert!(error.contains("learns"), "{error}");
}
