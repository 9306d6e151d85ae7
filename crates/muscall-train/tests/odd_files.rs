//! Training goes on over files that cannot be read, and names each of them.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use burn::tensor::Device;
use muscall_model::MuscallConfig;
use muscall_model::audio::ResNetConfig;
use muscall_model::text::TransformerConfig;
use muscall_train::batcher::OnBadFile;
use muscall_train::{DataError, Event, Learner, Manifest, Recipe, Split, TrainError};

fn recipe(on_bad_file: OnBadFile) -> Recipe {
    let mut recipe = Recipe::new(MuscallConfig::tiny());
    recipe.epochs = 1;
    recipe.batch_size = 13;
    recipe.model.clip_s = 1.0;
    recipe.model.audio = ResNetConfig::new(2).with_hidden(8).into();
    recipe.model.text = TransformerConfig::new(1).with_width(8, 2).into();
    recipe.data.on_bad_file = on_bad_file;
    recipe
}

/// Eight sound files of the demo and sixteen odd ones; gives the names of those that must be refused.
fn write_data(dir: &Path) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let fixtures = root.join("crates/muscall-audio/tests/fixtures");
    let fixture = |name: &str| fs::read(fixtures.join(name)).unwrap();
    let mut names = Vec::new();
    for (i, path) in muscall_audio::audio_files(&root.join("demo/audio")).into_iter().take(8).enumerate() {
        names.push(format!("good{i}.ogg"));
        fs::copy(path, dir.join(&names[i])).unwrap();
    }
    let mut write = |name: &str, bytes: &[u8]| {
        fs::write(dir.join(name), bytes).unwrap();
        names.push(name.to_owned());
    };
    let wav = fixture("sound.wav");
    let patched = |at: usize, bytes: &[u8]| {
        let mut wav = wav.clone();
        wav[at..at + bytes.len()].copy_from_slice(bytes);
        wav
    };
    let flipped = |name: &str| {
        let mut bytes = fixture(name);
        (100..bytes.len()).step_by(97).for_each(|i| bytes[i] ^= 0x40);
        bytes
    };
    // Readable, repaired where need be.
    write("wrong_extension.mp3", &fixture("sound.flac"));
    write("no_extension", &fixture("sound.ogg"));
    write("truncated.wav", &wav[..wav.len() / 2]);
    write("truncated.mp3", &fixture("sound.mp3")[..6000]);
    write("streamed.wav", &patched(40, &[0; 4]));
    // Either way, as the damage falls; never a panic, never noise.
    for name in ["sound.mp3", "sound.ogg", "sound.flac", "sound.m4a"] {
        write(&format!("flipped_{name}"), &flipped(name));
    }
    let refused = [
        ("empty.wav", Vec::new()),
        ("text.mp3", b"this is not music".repeat(100)),
        ("header.flac", fixture("sound.flac")[..42].to_vec()),
        ("header.wav", wav[..44].to_vec()),
        ("rate_0.wav", patched(24, &[0; 4])),
        ("rate_4e9.wav", patched(24, &[0xff; 4])),
        (
            "pickle.npy",
            b"\x93NUMPY\x01\x00\x40\x00{'descr': '|O', 'fortran_order': False, 'shape': (3,), }         \n".to_vec(),
        ),
    ];
    let mut bad: BTreeSet<String> = refused.iter().map(|(name, _)| (*name).to_owned()).collect();
    for (name, bytes) in refused {
        write(name, &bytes);
    }
    fs::create_dir(dir.join("folder.mp3")).unwrap();
    for name in ["folder.mp3", "missing.mp3"] {
        names.push(name.to_owned());
        bad.insert(name.to_owned());
    }
    let rows: String = names
        .iter()
        .map(|name| format!("{{\"audio\": \"{name}\", \"caption\": \"a sound called {name}\"}}\n"))
        .collect();
    fs::write(dir.join("manifest.jsonl"), rows).unwrap();
    bad
}

fn train(dir: &Path, on_bad_file: OnBadFile) -> (Result<u64, TrainError>, BTreeSet<String>) {
    let manifest = Manifest::read(&dir.join("manifest.jsonl"), Split::Train).unwrap();
    let mut skipped = BTreeSet::new();
    let learner = Learner::new(recipe(on_bad_file), dir.join(format!("{on_bad_file:?}")), &Device::flex()).unwrap();
    let outcome = learner.fit(manifest, None, &mut |event| {
        if let Event::Skipped(error) = event {
            skipped.insert(error.to_string());
        }
        ControlFlow::Continue(())
    });
    (outcome.map(|outcome| outcome.steps), skipped)
}

#[test]
fn bad_files_are_skipped_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let bad = write_data(dir.path());
    let (steps, skipped) = train(dir.path(), OnBadFile::Skip);
    assert_eq!(steps.unwrap(), 2);
    for name in &bad {
        let path = dir.path().join(name).display().to_string();
        assert!(skipped.iter().any(|message| message.starts_with(&path)), "{name} is not in {skipped:#?}");
    }
    for message in &skipped {
        let known = bad.iter().any(|name| message.contains(name.as_str()));
        assert!(known || message.contains("flipped_"), "{message}");
    }
}

#[test]
fn or_the_first_one_ends_the_run() {
    let dir = tempfile::tempdir().unwrap();
    write_data(dir.path());
    let (steps, _) = train(dir.path(), OnBadFile::Stop);
    assert!(matches!(steps, Err(TrainError::Data(DataError::Audio(_)))), "{steps:?}");
}

#[test]
fn a_folder_that_is_gone_is_no_training() {
    let dir = tempfile::tempdir().unwrap();
    write_data(dir.path());
    for file in fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().path()) {
        if file.is_file() && !file.ends_with("manifest.jsonl") {
            fs::remove_file(file).unwrap();
        }
    }
    let (steps, skipped) = train(dir.path(), OnBadFile::Skip);
    let error = steps.unwrap_err();
    assert!(matches!(error, TrainError::NothingToTrainOn { .. }), "{error}");
    let error = error.to_string();
    assert!(error.contains("manifest.jsonl") && skipped.iter().any(|reason| error.contains(reason)), "{error}");
}
