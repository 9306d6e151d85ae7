//! Runs in which most of a trained model stays as it is.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod small_run;
#[path = "../../muscall-data/tests/wav/mod.rs"]
mod wav;

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use muscall_audio::AugmentConfig;
use muscall_model::Muscall;
use muscall_model::text::TransformerConfig;
use muscall_model::weights::StateDict;
use muscall_train::loss::{ContrastiveLoss, PairBatch, PairLoss};
use muscall_train::recipe::Learns;
use muscall_train::{Event, InitialWeights, Learner, Manifest, Recipe, Split, TrainError};

const CLAP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/clap/hf");

/// A recipe for a model that has been trained a little, and its bundle in `dir/base`.
fn base(dir: &Path, learns: Learns) -> Recipe {
    small_run::write_data(dir);
    let mut recipe = Recipe { epochs: 2, ..small_run::recipe() };
    recipe.model.text = TransformerConfig::new(3).with_width(16, 2).with_dropout(0.3).into();
    small_run::finish(&small_run::learner(&recipe, &dir.join("base")), dir, 1);
    recipe.data.augment = AugmentConfig::none();
    recipe.data.windows = Some(3);
    Recipe { learns, epochs: 6, ..recipe }
}

fn learner(recipe: &Recipe, dir: &Path, run: &str) -> Learner {
    let initial = InitialWeights { optimizer: None, ..InitialWeights::read(&dir.join("base")).unwrap() };
    small_run::learner(recipe, &dir.join(run)).with_initial(initial)
}

fn weights(bundle: &Path) -> StateDict {
    Muscall::load(bundle, &Device::flex()).unwrap().state().unwrap().into_owned()
}

/// Which tensors of two bundles differ, by the first part of their names.
fn changed(one: &Path, other: &Path) -> BTreeMap<String, bool> {
    let (one, other) = (weights(one), weights(other));
    assert_eq!(one.len(), other.len());
    let mut changed = BTreeMap::new();
    for (name, data) in &one {
        let part = name.split('.').next().unwrap().to_owned();
        *changed.entry(part).or_default() |= other[name] != *data;
    }
    changed
}

#[test]
fn heads_learn_and_towers_stay_to_the_bit() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let recipe = base(dir, Learns::Heads);
    let mut heard = 0;
    let fit = |run: &str, heard: &mut usize| {
        small_run::fit(&learner(&recipe, dir, run), dir, 1, &mut |event| {
            *heard += usize::from(matches!(event, Event::Preparing { what: "tracks", .. }));
            ControlFlow::Continue(())
        })
        .unwrap()
    };
    fit("heads", &mut heard);
    assert!(heard > 0);
    let changed = changed(&dir.join("base"), &dir.join("heads"));
    let learned: Vec<&str> = changed.iter().filter(|(_, changed)| **changed).map(|(part, _)| part.as_str()).collect();
    assert_eq!(learned, ["audio_projection", "logit_scale", "text_projection"]);
    // A checkpoint is as small as what learns.
    let checkpoint = small_run::checkpoint(&dir.join("heads")).join("model.safetensors");
    let [checkpoint, bundle] =
        [checkpoint, dir.join("heads/weights.safetensors")].map(|path| fs::metadata(path).unwrap().len());
    assert!(checkpoint * 10 < bundle, "{checkpoint} of {bundle}");
    // What the towers have made of everything is there for the next run, also for one of several ranks.
    let steps = |run: &str| -> Vec<f64> {
        let log = small_run::steps(&dir.join(run));
        log[1..].iter().map(|line| line.split(',').nth(2).unwrap().parse().unwrap()).collect()
    };
    heard = 0;
    let ranks = learner(&recipe, dir, "ranks");
    small_run::fit(&ranks, dir, 3, &mut |event| {
        heard += usize::from(matches!(event, Event::Preparing { what: "tracks", .. }));
        ControlFlow::Continue(())
    })
    .unwrap();
    let apart = steps("ranks").into_iter().zip(steps("heads")).map(|(one, other)| (one / other - 1.0).abs());
    let apart = apart.fold(0.0, f64::max);
    assert!(heard == 0 && apart < 1e-4, "{apart:e}");
    fit("again", &mut heard);
    assert_eq!(heard, 0);
    small_run::assert_same(&dir.join("again"), &dir.join("heads"));
}

#[test]
fn a_run_of_heads_that_is_stopped_goes_on_bit_by_bit() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let recipe = base(dir, Learns::Heads);
    small_run::finish(&learner(&recipe, dir, "whole"), dir, 1);
    for stop in [1, 5, 8] {
        let run = format!("stopped-{stop}");
        let outcome = small_run::fit(&learner(&recipe, dir, &run), dir, 1, &mut |event| match event {
            Event::Step(step) if step.step == stop => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        assert!(outcome.unwrap().interrupted);
        small_run::finish(&learner(&recipe, dir, &run), dir, 1);
        small_run::assert_same(&dir.join(&run), &dir.join("whole"));
    }
    // Without the weights that stay there is nothing to go on with, and others are not these.
    let without = small_run::learner(&recipe, &dir.join("stopped-1"));
    let error = small_run::fit(&without, dir, 1, &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(error, TrainError::NoInitial { .. }), "{error}");
    let mut other = InitialWeights { optimizer: None, ..InitialWeights::read(&dir.join("base")).unwrap() };
    let (name, tensor) = other.model.iter().find(|(name, _)| name.starts_with("audio.")).unwrap();
    let (name, changed) = (name.clone(), tensor.clone().convert::<f64>().convert::<f32>());
    let values: Vec<f32> = changed.iter::<f32>().map(|x| x + 0.5).collect();
    other.model.insert(name, TensorData::new(values, changed.shape().clone()));
    let other = small_run::learner(&Recipe { epochs: 6, ..recipe.clone() }, &dir.join("stopped-1")).with_initial(other);
    let error = small_run::fit(&other, dir, 1, &mut |_| ControlFlow::Continue(())).unwrap_err().to_string();
    assert!(error.contains("started from other weights"), "{error}");
}

/// What is computed once gives the loss that the model itself has.
#[test]
fn the_first_loss_of_heads_is_that_of_the_model() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut recipe = base(dir, Learns::Heads);
    // One batch of all rows with all of their captions, and the middle of each track.
    recipe.batch_size = 7;
    recipe.data.captions_per_track = 2;
    recipe.data.random_crop = false;
    let mut first = None;
    let stopped = small_run::fit(&learner(&recipe, dir, "heads"), dir, 1, &mut |event| match event {
        Event::Step(step) => {
            first = Some(step.loss);
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    });
    assert!(stopped.unwrap().interrupted);
    let model = Muscall::load(dir.join("base"), &Device::flex()).unwrap();
    let rows = Manifest::read(&dir.join("manifest.jsonl"), Split::Train).unwrap().rows;
    let files: Vec<_> = rows.iter().map(|row| row.audio.clone()).collect();
    let captions: Vec<&String> = rows.iter().flat_map(|row| &row.captions).collect();
    let tensor = |values: &[f32], rows: usize| {
        let data = TensorData::new(values.to_vec(), [rows, values.len() / rows]);
        Tensor::<2>::from_data(data, &Device::flex())
    };
    let batch = PairBatch {
        audio: tensor(model.embed_audio(&files).unwrap().values(), 7),
        text: tensor(model.embed_text(&captions).unwrap().values(), 14),
        owners: (0..14).map(|caption| caption / 2).collect(),
        scale: model.model().unwrap().scale(),
        parameters: Vec::new(),
        similarity: None,
    };
    let expected = f64::from(ContrastiveLoss::default().forward(&batch, 0).into_scalar::<f32>());
    let first = first.unwrap();
    println!("{first} {expected}");
    assert!((first / expected - 1.0).abs() < 1e-5, "{first} {expected}");
}

#[test]
fn one_side_learns_and_the_other_stays() {
    for (learns, expected) in
        [(Learns::Audio, ["audio", "audio_projection"]), (Learns::Text, ["text", "text_projection"])]
    {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let mut recipe = base(dir, learns);
        recipe.data.windows = None;
        small_run::finish(&learner(&recipe, dir, "side"), dir, 1);
        let changed = changed(&dir.join("base"), &dir.join("side"));
        let learned: Vec<&str> =
            changed.iter().filter(|(_, changed)| **changed).map(|(part, _)| part.as_str()).collect();
        assert_eq!(learned, expected);
    }
}

/// The golden CLAP: the last stage and the last two layers learn, and nothing below.
#[test]
fn the_top_of_a_clap_learns() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    small_run::write_data(dir);
    let model = muscall_model::weights::clap::import_clap(Path::new(CLAP), None, &Device::flex()).unwrap();
    model.save(dir.join("base")).unwrap();
    let path = dir.join("clap_top.toml");
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/../../recipes/clap_top.toml"), &path).unwrap();
    assert!(matches!(Recipe::read(&path), Err(TrainError::NoModel { .. })));
    let preset = format!("model.preset={}", dir.join("base").display());
    let recipe = Recipe::read_with(&path, &[&preset, "batch_size=3", "micro_batch=3", "epochs=1"]).unwrap();
    small_run::finish(&learner(&recipe, dir, "top"), dir, 1);
    let (before, after) = (weights(&dir.join("base")), weights(&dir.join("top")));
    let learned = |name: &str| {
        name.starts_with("audio.stages.3.")
            || name.starts_with("audio.norm.")
            // It has two layers in all, and both are the last ones.
            || name.starts_with("text.encoder.layers.")
            || name.starts_with("text.encoder.pooler.")
            || name.contains("projection")
            || name == "logit_scale"
    };
    let mut moved = 0;
    for (name, data) in &before {
        let has_moved = after[name] != *data;
        assert!(learned(name) || !has_moved, "{name}");
        moved += usize::from(has_moved);
    }
    // All but the biases of keys, which have no gradient.
    assert!(moved * 10 > before.keys().filter(|name| learned(name)).count() * 8, "{moved}");
    // All of it, by the recipe for that.
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/../../recipes/clap.toml"), &path).unwrap();
    let recipe = Recipe::read_with(&path, &[&preset, "batch_size=3", "epochs=1"]).unwrap();
    small_run::finish(&learner(&recipe, dir, "all"), dir, 1);
    assert!(changed(&dir.join("base"), &dir.join("all")).values().all(|changed| *changed));
}

#[test]
fn what_does_not_fit_is_refused_with_its_remedy() {
    let refused = |change: &dyn Fn(&mut Recipe)| {
        let mut recipe = Recipe { learns: Learns::Heads, ..small_run::recipe() };
        recipe.data.augment = AugmentConfig::none();
        recipe.data.windows = Some(2);
        recipe.validate().unwrap();
        change(&mut recipe);
        recipe.validate().unwrap_err().to_string()
    };
    let error = refused(&|recipe| recipe.data.windows = None);
    assert!(error.contains("data.windows"), "{error}");
    let error = refused(&|recipe| recipe.data.windows = Some(0));
    assert!(error.contains("data.windows"), "{error}");
    let error = refused(&|recipe| recipe.data.augment = AugmentConfig::muscall());
    assert!(error.contains("data.augment"), "{error}");
    let error = refused(&|recipe| recipe.loss = muscall_train::loss::DistilLoss::default().into());
    assert!(error.contains("learns"), "{error}");
    // A residual network's norms see what is below them.
    let error = refused(&|recipe| recipe.learns = Learns::Top);
    assert!(error.contains("model.audio"), "{error}");
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let recipe = base(dir, Learns::Heads);
    let error =
        small_run::fit(&small_run::learner(&recipe, &dir.join("none")), dir, 1, &mut |_| ControlFlow::Continue(()));
    let error = error.unwrap_err().to_string();
    assert!(error.contains("--init") && error.contains("heads"), "{error}");
    assert!(!dir.join("none/checkpoints").exists());
}
