//! What a recipe switches on does what it says, in whole runs.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../../../tests/golden/small_sentence_model.rs"]
mod small_sentence_model;
#[path = "../../muscall-data/tests/wav/mod.rs"]
mod wav;

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use burn::tensor::{Device, TensorData};
use muscall_model::audio::ResNetConfig;
use muscall_model::text::{SentenceTowerConfig, TransformerConfig};
use muscall_model::weights::{StateDict, read_safetensors};
use muscall_model::{Muscall, MuscallConfig, Temperature};
use muscall_train::loss::{ContrastiveLoss, Loss, Weighting};
use muscall_train::recipe::{EmaRecipe, SslRecipe};
use muscall_train::schedule::Schedule;
use muscall_train::step::CaptionSource;
use muscall_train::{
    Captions, Event, InitialWeights, Learner, Manifest, OnExisting, Outcome, Recipe, Split, TrainError,
};
use small_sentence_model::{small_config, write_small_sentence_model};
use tempfile::TempDir;
use wav::write_wav;

/// Dropout draws from the state of the process: one run at a time.
static ONE_RUN: Mutex<()> = Mutex::new(());

/// Twelve clips of a second: a tone each, with two captions.
fn data() -> (TempDir, Manifest, Manifest) {
    let dir = tempfile::tempdir().unwrap();
    let mut manifest = String::new();
    for clip in 0..12 {
        let hz = 110.0 * f64::from(clip + 2);
        let tone = (0..16_000).map(|i| (9_000.0 * (std::f64::consts::TAU * hz * f64::from(i) / 16_000.0).sin()) as i16);
        write_wav(&dir.path().join(format!("{clip}.wav")), tone);
        let split = if clip < 8 { "train" } else { "val" };
        manifest += &format!(
            "{{\"audio\": \"{clip}.wav\", \"captions\": [\"calm piano {clip}\", \"brass band {clip}\"], \"split\": \"{split}\"}}\n"
        );
    }
    let path = dir.path().join("manifest.jsonl");
    fs::write(&path, manifest).unwrap();
    let read = |split| Manifest::read(&path, split).unwrap();
    let (train, val) = (read(Split::Train), read(Split::Val));
    (dir, train, val)
}

fn recipe() -> Recipe {
    let audio = ResNetConfig::new(2).with_hidden(16);
    let text = TransformerConfig::new(2).with_width(16, 2).with_dropout(0.1);
    let mut recipe =
        Recipe::new(MuscallConfig { audio: audio.into(), text: text.into(), clip_s: 1.0, ..MuscallConfig::tiny() });
    recipe.epochs = 2;
    recipe.batch_size = 4;
    recipe.learning_rate = 1e-3;
    recipe.data.augment = Default::default();
    recipe
}

fn fit(recipe: Recipe, dir: &Path, train: &Manifest, val: Option<&Manifest>) -> Result<Outcome, TrainError> {
    fit_until(recipe, dir, train, val, u64::MAX)
}

fn fit_until(
    recipe: Recipe,
    dir: &Path,
    train: &Manifest,
    val: Option<&Manifest>,
    stop_after: u64,
) -> Result<Outcome, TrainError> {
    let _one_run = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
    let learner = Learner::new(recipe, dir, &Device::flex())?.with_on_existing(OnExisting::Resume);
    learner.fit(train.clone(), val.cloned(), &mut |event| match event {
        Event::Step(step) if step.step == stop_after => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    })
}

fn weights(model: &Muscall) -> StateDict {
    model.state().unwrap().into_owned()
}

/// The last checkpoint's files.
fn checkpoint(run: &Path) -> Vec<(String, Vec<u8>)> {
    let place = fs::read_dir(run.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
    let mut files: Vec<_> = fs::read_dir(place)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

/// The moments of a run's last checkpoint.
fn optimizer_state(run: &Path, scratch: &Path) -> StateDict {
    let (_, bytes) = checkpoint(run).into_iter().find(|(name, _)| name.starts_with("optimizer")).unwrap();
    let path = scratch.join("moments.safetensors");
    fs::write(&path, bytes).unwrap();
    read_safetensors(&path).unwrap()
}

#[test]
fn everything_at_once_resumes_bit_for_bit() {
    let (dir, train, val) = data();
    write_small_sentence_model(&dir.path().join("sentence"));
    let model = dir.path().join("sentence").display().to_string();
    let mut recipe = recipe();
    recipe.ssl = Some(SslRecipe { projection_dim: 8, ..SslRecipe::default() });
    recipe.ema = Some(EmaRecipe { decay: 0.9 });
    recipe.micro_batch = Some(3);
    recipe.accumulate = 2;
    recipe.data.captions_per_track = 2;
    recipe.schedule = Schedule::Plateau { factor: 0.5, patience: 0 };
    recipe.loss = Loss::from(ContrastiveLoss {
        weighting: Some(Weighting { model, ..Weighting::default() }),
        ..ContrastiveLoss::default()
    });
    recipe.epochs = 4;
    let (whole, stopped) = (dir.path().join("whole"), dir.path().join("stopped"));
    let outcome = fit(recipe.clone(), &whole, &train, Some(&val)).unwrap();
    // Eight tracks in batches of four, two batches a step.
    assert_eq!(outcome.steps, 4);
    for stop_after in [1, 3, u64::MAX] {
        fit_until(recipe.clone(), &stopped, &train, Some(&val), stop_after).unwrap();
    }
    assert_eq!(checkpoint(&whole), checkpoint(&stopped));
    let names: Vec<_> = checkpoint(&whole).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["ema.safetensors", "model.safetensors", "optimizer.safetensors", "progress.json"]);
    // Sentence vectors are kept beside the manifest, once.
    let kept = fs::read_dir(dir.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("manifest.jsonl.captions-"));
    assert_eq!(kept.count(), 1);
    // The average is a model of its own.
    let ema = outcome.ema.unwrap();
    assert_ne!(ema.fingerprint().unwrap(), outcome.model.fingerprint().unwrap());
    assert_eq!(
        Muscall::load(whole.join("ema"), &Device::flex()).unwrap().fingerprint().unwrap(),
        ema.fingerprint().unwrap()
    );
    let scores = fs::read_to_string(whole.join("validation_ema.csv")).unwrap();
    assert_eq!(scores.lines().count(), 5);
}

#[test]
fn captions_for_a_check_are_the_same_and_leave_nothing_beside_the_manifest() {
    let (dir, train, _) = data();
    write_small_sentence_model(&dir.path().join("sentence"));
    let model = dir.path().join("sentence").display().to_string();
    let weighting = Some(Weighting { model, ..Weighting::default() });
    let loss = Loss::from(ContrastiveLoss { weighting, ..ContrastiveLoss::default() });
    let recipe = Recipe { loss, ..recipe() };
    let names = || {
        let names = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
        names.collect::<BTreeSet<_>>()
    };
    let before = names();
    let unkept = Captions::without_file(&recipe, &[&train], &Device::flex()).unwrap();
    let texts: Vec<&str> = train.rows.iter().map(|row| row.captions[0].as_str()).collect();
    let similarity = unkept.similarity(&texts).unwrap();
    assert_eq!(names(), before);
    let (kept, unsaved) = Captions::prepare(&recipe, &[&train], &Device::flex(), |_, _| {}).unwrap();
    assert!(unsaved.is_none() && names().len() == before.len() + 1);
    let apart = similarity.iter().zip(kept.similarity(&texts).unwrap()).map(|(a, b)| (a - b).abs());
    assert!(apart.fold(0.0, f32::max) < 1e-5);
}

#[test]
fn a_run_with_a_history_and_no_validation_resumes_bit_for_bit() {
    let (dir, train, _) = data();
    fit(recipe(), &dir.path().join("first"), &train, None).unwrap();
    let moments = optimizer_state(&dir.path().join("first"), dir.path());
    InitialWeights::save_optimizer(&dir.path().join("first"), &moments, 4).unwrap();
    let mut recipe = Recipe { epochs: 4, seed: 2, ..recipe() };
    recipe.schedule = Schedule::Plateau { factor: 0.5, patience: 0 };
    let run = |name: &str, stop_after: u64| {
        let _one_run = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
        let initial = InitialWeights::read(&dir.path().join("first")).unwrap();
        let learner = Learner::new(recipe.clone(), dir.path().join(name), &Device::flex()).unwrap();
        let learner = learner.with_initial(initial).with_on_existing(OnExisting::Resume);
        let listener = &mut |event: Event<'_>| match event {
            Event::Step(step) if step.step == stop_after => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        learner.fit(train.clone(), None, listener).unwrap();
    };
    run("whole", u64::MAX);
    for stop_after in [1, 3, 5, u64::MAX] {
        run("stopped", stop_after);
    }
    assert_eq!(checkpoint(&dir.path().join("whole")), checkpoint(&dir.path().join("stopped")));
}

#[test]
fn an_average_without_memory_is_the_model() {
    let (dir, train, _) = data();
    let recipe = Recipe { ema: Some(EmaRecipe { decay: 0.0 }), ..recipe() };
    let outcome = fit(recipe, &dir.path().join("run"), &train, None).unwrap();
    assert_eq!(weights(&outcome.ema.unwrap()), weights(&outcome.model));
}

#[test]
fn frozen_layers_stay_and_the_others_move() {
    let (dir, train, _) = data();
    let text = |frozen| TransformerConfig::new(2).with_width(16, 2).with_frozen_layers(frozen);
    let mut recipe = recipe();
    let first = Recipe { max_steps: Some(1), ..recipe.clone() };
    let start = fit(Recipe { learning_rate: 1e-30, ..first }, &dir.path().join("start"), &train, None).unwrap();
    recipe.model.text = text(1).into();
    let end = weights(&fit(recipe, &dir.path().join("run"), &train, None).unwrap().model);
    for (name, data) in weights(&start.model) {
        let is_frozen = ["text.token_embedding", "text.position_embedding", "text.layers.0."];
        let is_frozen = is_frozen.iter().any(|frozen| name.starts_with(frozen));
        if name.starts_with("text.") {
            // The first run's rate is not quite zero.
            let values = |data: &TensorData| data.as_slice::<f32>().unwrap().to_vec();
            let moved = values(&end[&name]).iter().zip(values(&data)).any(|(a, b)| (a - b).abs() > 1e-20);
            assert_eq!(moved, !is_frozen, "{name}");
        }
    }
}

#[test]
fn a_pretrained_text_branch_is_frozen_or_fine_tuned_at_its_own_rate() {
    let (dir, train, val) = data();
    let source = dir.path().join("sentence");
    write_small_sentence_model(&source);
    let tower = SentenceTowerConfig { encoder: small_config(), ..SentenceTowerConfig::default() }
        .with_model(source.display().to_string())
        .with_hidden(Some(12));
    let frozen = Recipe { model: MuscallConfig { text: tower.clone().into(), ..recipe().model }, ..recipe() };
    let outcome = fit(frozen, &dir.path().join("frozen"), &train, Some(&val)).unwrap();
    assert!(weights(&outcome.model).keys().all(|name| !name.starts_with("text.encoder.")));

    let tuned = MuscallConfig { text: tower.with_fine_tune(true).into(), ..recipe().model };
    for rate in [0.0, 0.5] {
        let mut recipe = Recipe { model: tuned.clone(), ..recipe() };
        recipe.optimizer.pretrained_rate = rate;
        let outcome = fit(recipe, &dir.path().join(format!("tuned-{rate}")), &train, None).unwrap();
        let published = read_safetensors(&source.join("model.safetensors")).unwrap();
        let before = &published["encoder.layer.1.attention.self.query.weight"];
        assert_eq!(weights(&outcome.model)["text.encoder.layers.1.query.weight"] == *before, rate == 0.0);
    }
}

#[test]
fn a_run_starts_from_the_weights_that_it_is_given() {
    let (dir, train, _) = data();
    let first = fit(recipe(), &dir.path().join("first"), &train, None).unwrap();
    let moments = optimizer_state(&dir.path().join("first"), dir.path());
    InitialWeights::save_optimizer(&dir.path().join("first"), &moments, first.steps).unwrap();
    let initial = InitialWeights::read(&dir.path().join("first")).unwrap();
    assert_eq!(initial.optimizer.as_ref().unwrap(), &(moments, 4));
    let start = |initial: InitialWeights, name: &str| {
        let _one_run = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
        let recipe = Recipe { learning_rate: 1e-30, max_steps: Some(1), ..recipe() };
        let learner = Learner::new(recipe, dir.path().join(name), &Device::flex()).unwrap().with_initial(initial);
        learner.fit(train.clone(), None, &mut |_| ControlFlow::Continue(()))
    };
    let second = start(initial.clone(), "second").unwrap();
    let (before, after) = (weights(&first.model), weights(&second.model));
    assert!(before.iter().all(|(name, data)| name.contains("running_") || after[name] == *data));
    let nowhere = InitialWeights::read(&dir.path().join("nowhere")).unwrap_err().to_string();
    assert!(nowhere.contains("a bundle is a folder"), "{nowhere}");
    // A fixed temperature is the recipe's, not that of the weights.
    let mut fixed = Recipe { max_steps: Some(1), ..recipe() };
    fixed.model.temperature = Temperature::Fixed(0.05);
    let third = {
        let _one_run = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
        let learner = Learner::new(fixed, dir.path().join("fixed"), &Device::flex()).unwrap();
        learner.with_initial(initial.clone()).fit(train.clone(), None, &mut |_| ControlFlow::Continue(())).unwrap()
    };
    assert!((third.model.model().unwrap().scale().into_scalar::<f32>() - 20.0).abs() < 1e-3);
    // Weights, or moments, of another model are refused.
    let mut other = initial.clone();
    other.model.remove("logit_scale");
    assert!(start(other, "third").unwrap_err().to_string().contains("missing logit_scale"));
    let mut other = initial;
    let moments = &mut other.optimizer.as_mut().unwrap().0;
    let small = moments["first.audio.resnet.bn1.weight"].clone();
    moments.insert("first.audio.resnet.conv2.weight".to_owned(), small);
    assert!(start(other, "fourth").unwrap_err().to_string().contains("first.audio.resnet.conv2.weight"));
}

#[test]
fn a_loss_that_is_not_finite_leaves_the_last_checkpoint_and_the_ids() {
    let (dir, train, _) = data();
    let run = dir.path().join("run");
    // Exploding on purpose: the first step ruins the weights, the next loss is not a number.
    let mut recipe = Recipe { learning_rate: 1e30, checkpoint_steps: Some(1), ..recipe() };
    recipe.schedule = Schedule::Constant;
    let error = fit(recipe, &run, &train, None).unwrap_err();
    assert!(matches!(error, TrainError::NotFinite { .. }), "{error}");
    assert!(checkpoint(&run).iter().any(|(name, _)| name == "model.safetensors"));
    let written: serde_json::Value = serde_json::from_slice(&fs::read(run.join("not_finite.json")).unwrap()).unwrap();
    assert_eq!(written["ids"].as_array().unwrap().len(), 4);
}

#[test]
fn a_plateau_lowers_the_rate() {
    let (dir, train, val) = data();
    let mut recipe = Recipe { epochs: 4, learning_rate: 1e-12, ..recipe() };
    recipe.schedule = Schedule::Plateau { factor: 0.1, patience: 0 };
    recipe.optimizer.weight_decay = 0.0;
    let mut rates = Vec::new();
    let _one_run = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
    let learner = Learner::new(recipe, dir.path().join("run"), &Device::flex()).unwrap();
    let listener = &mut |event: Event<'_>| {
        if let Event::Step(step) = event {
            rates.push(step.learning_rate);
        }
        ControlFlow::Continue(())
    };
    learner.fit(train, Some(val), listener).unwrap();
    assert!(rates[0] == 1e-12 && rates[7] < 0.2e-12, "{rates:?}");
}
