//! A tower of another program is trained, stopped and resumed, saved, loaded, checked and indexed.
#![allow(missing_docs, clippy::unwrap_used)]

use std::f64::consts::TAU;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use muscall::audio::{ClipConfig, CropPosition, load_clip};
use muscall::data::batcher::LoadedItem;
use muscall::indexing::{Indexer, Item, Scope, index_config};
use muscall::model::text::TransformerConfig;
use muscall::model::{ClipTokenizer, MuscallConfig, TextFrontend};
use muscall::retrieval::{Index, IndexWriter, Search};
use muscall::train::device_check::DeviceCheck;
use muscall::{Device, Event, Learner, Manifest, Muscall, OnExisting, Recipe, Split};
use muscall_outside::{MeanSpectrumConfig, PRETRAINED};

/// Dropout draws from the state of the process.
static ONE_RUN: Mutex<()> = Mutex::new(());

fn write_tones(dir: &Path) -> Manifest {
    fs::create_dir_all(dir.join("music")).unwrap();
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut manifest = String::new();
    for clip in 0..8 {
        let hz = 110.0 * f64::from(clip + 1);
        let path = format!("music/{clip}.wav");
        let mut writer = hound::WavWriter::create(dir.join(&path), spec).unwrap();
        (0..20_000)
            .for_each(|i| writer.write_sample(((TAU * hz * f64::from(i) / 16_000.0).sin() * 9e3) as i16).unwrap());
        writer.finalize().unwrap();
        manifest += &format!("{{\"audio\": \"{path}\", \"caption\": \"a tone of {hz} hertz\"}}\n");
    }
    fs::write(dir.join("manifest.jsonl"), manifest).unwrap();
    Manifest::read(&dir.join("manifest.jsonl"), Split::Train).unwrap()
}

/// As a person writes it.
fn recipe(dir: &Path) -> Recipe {
    let path = dir.join("recipe.toml");
    let text = "
        epochs = 4
        batch_size = 4
        learning_rate = 1e-2
        model.preset = 'tiny'
        model.clip_s = 1.0
        model.audio = { kind = 'mean_spectrum', width = 12, dropout = 0.2 }
        model.text = { kind = 'transformer', width = 16, depth = 1, heads = 2, dropout = 0.1, vocabulary = 49408, context = 77 }
        data.random_crop = false
        optimizer.pretrained_rate = 0.1
    ";
    fs::write(&path, text).unwrap();
    Recipe::read(&path).unwrap()
}

/// Trains up to a step and on; the weights and checkpoints of the end.
fn train(recipe: &Recipe, run: &Path, manifest: &Manifest, stop: Option<u64>) -> Muscall {
    let _one_run = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
    let fit = |on_existing, stop: Option<u64>| {
        let learner = Learner::new(recipe.clone(), run, &Device::default()).unwrap().with_on_existing(on_existing);
        let outcome = learner.fit(manifest.clone(), None, &mut |event| match event {
            Event::Step(step) if Some(step.step) == stop => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        outcome.unwrap().model
    };
    if stop.is_some() {
        fit(OnExisting::Refuse, stop);
    }
    fit(OnExisting::Resume, None)
}

#[test]
fn it_is_trained_saved_loaded_and_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let manifest = write_tones(dir.path());
    let recipe = recipe(dir.path());
    let model = train(&recipe, &dir.path().join("whole"), &manifest, None);
    let stopped = train(&recipe, &dir.path().join("stopped"), &manifest, Some(3));
    let bytes = |run: &str| fs::read(dir.path().join(run).join("weights.safetensors")).unwrap();
    assert_eq!(bytes("whole"), bytes("stopped"));

    let state = model.state().unwrap();
    let values = |name: &str| state[name].as_slice::<f32>().unwrap().to_vec();
    assert!(values("audio.offset").iter().all(|&x| x == -20.0), "what is frozen stays");
    let moved = |name: &str, from: f32| values(name).iter().map(|x| (x - from).abs()).fold(0.0, f32::max);
    let pretrained = moved("audio.spectrum.weight", PRETRAINED);
    // Four epochs of two steps at a tenth of the rate; AdamW moves about the rate per step.
    assert!(pretrained > 0.0 && pretrained < 8.0 * 1e-3 * 1.5, "{pretrained}");

    let loaded = Muscall::load(dir.path().join("stopped"), &Device::default()).unwrap();
    assert_eq!(
        loaded.config().audio.downcast_ref(),
        Some(&MeanSpectrumConfig { width: 12, dropout: 0.2, slope: None })
    );
    assert_eq!(loaded.fingerprint().unwrap(), model.fingerprint().unwrap());
    let files: Vec<PathBuf> = manifest.rows.iter().map(|row| row.audio.clone()).collect();
    assert_eq!(loaded.embed_audio(&files).unwrap(), stopped.embed_audio(&files).unwrap());
}

#[test]
fn it_is_indexed_and_searched() {
    let dir = tempfile::tempdir().unwrap();
    let manifest = write_tones(dir.path());
    let model = train(&recipe(dir.path()), &dir.path().join("run"), &manifest, None);
    let path = dir.path().join("music.index");
    let mut writer = IndexWriter::create(&path, &index_config(&model).unwrap()).unwrap();
    let items = manifest.rows.iter().map(|row| Item::file(&row.audio).unwrap()).collect();
    Indexer::default().run(&model, &mut writer, items, &Scope::Items, |_| ControlFlow::Continue(())).unwrap();
    drop(writer);
    let index = Index::open_for(&path, model.fingerprint().unwrap()).unwrap();
    assert_eq!(index.len(), 8);
    let query = model.embed_text(["a tone of 440 hertz"]).unwrap();
    assert_eq!(index.search(query.row(0), &Search::new(3)).unwrap().len(), 3);
}

#[test]
fn a_device_is_checked_with_it() {
    let _one_run = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = tempfile::tempdir().unwrap();
    let manifest = write_tones(dir.path());
    let recipe = recipe(dir.path());
    let log_mel = recipe.model.log_mel.init().unwrap();
    let clip = ClipConfig::new(16_000, recipe.model.clip_samples());
    let item = |index: usize| {
        let row = &manifest.rows[index];
        let samples = load_clip(row.source(), CropPosition::Central, &clip).unwrap().samples;
        let mel = log_mel.extract(&samples).unwrap().into_values();
        let valid_frames = mel.len() / 64;
        LoadedItem {
            index,
            window: 0,
            mel,
            valid_frames,
            views: None,
            captions: row.captions.clone(),
            faults: Vec::new(),
        }
    };
    let captions = TextFrontend::from(ClipTokenizer::new().unwrap());
    let (device, reference) = (Device::default(), Device::default());
    let check = DeviceCheck::new(&recipe, &captions, &device, &reference).with_steps(2);
    let report = check.run(&[(0..4).map(item).collect()]).unwrap();
    assert!(report.agrees() && report.differences.iter().all(|found| found.found == 0.0), "{report}");
    assert!(report.differences.iter().any(|found| found.name == "audio.spectrum"), "{report}");
}

#[test]
fn its_kind_is_written_and_a_misspelt_key_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let recipe = recipe(dir.path());
    let text = toml::to_string(&recipe).unwrap();
    assert!(text.contains("kind = \"mean_spectrum\""), "{text}");
    assert_eq!(toml::from_str::<Recipe>(&text).unwrap(), recipe);
    for (from, to, expected) in [
        ("width = 12", "widht = 12", "widht"),
        ("mean_spectrum", "mean_spectra", "mean_spectra"),
        ("dropout = 0.2", "dropout = 2.0", "audio.dropout"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        let path = dir.path().join("changed.toml");
        fs::write(&path, changed).unwrap();
        let error = Recipe::read(&path).and_then(|recipe| recipe.validate()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_field_that_is_added_moves_no_name_at_its_default() {
    let name = |slope: Option<f64>, dropout: f64| {
        let audio = MeanSpectrumConfig { width: 4, dropout, slope };
        let text = TransformerConfig::new(1).with_width(8, 2);
        let config = MuscallConfig { audio: audio.into(), text: text.into(), ..MuscallConfig::tiny() };
        let _one_run = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
        Device::default().seed(7);
        let model = config.init(&Device::default()).unwrap();
        Muscall::new(config, &model, ClipTokenizer::new().unwrap(), &Device::default()).unwrap().fingerprint().unwrap()
    };
    assert_eq!(name(None, 0.0), name(Some(0.0), 0.5));
    assert_ne!(name(None, 0.0), name(Some(0.5), 0.0));
}
