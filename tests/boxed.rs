//! The model in the box: that it is there, small, itself, and as good as its card says.
#![cfg(feature = "box")]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use muscall::indexing::{Indexer, Item, Scope, index_config};
use muscall::library::{Library, Request, Term};
use muscall::model::Verdict;
use muscall::retrieval::IndexWriter;
use muscall::train::{KnownQueries, calibrate};
use muscall::{Device, Manifest, Muscall, MuscallConfig, Split, TrainError, evaluate};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn boxed() -> Muscall {
    Muscall::boxed(&Device::flex()).unwrap()
}

/// The clips of the demonstration, none of which it has heard, whatever their split.
fn demo() -> Manifest {
    let path = root().join("demo/manifest.jsonl");
    let mut all = Manifest::read(&path, Split::Train).unwrap();
    all.rows.extend(Manifest::read(&path, Split::Val).unwrap().rows);
    all
}

#[test]
fn what_is_compiled_in_is_the_bundle_and_small() {
    let bundle = root().join("models/box");
    let names = ["config.json", "weights.safetensors", "words.safetensors", "scores.json"];
    let bytes: u64 = names.iter().map(|name| fs::metadata(bundle.join(name)).unwrap().len()).sum();
    assert!(bytes <= 14_000_000, "{bytes}");
    let (inside, read) = (boxed(), Muscall::load(&bundle, &Device::flex()).unwrap());
    assert_eq!(inside.fingerprint().unwrap(), read.fingerprint().unwrap());
    assert_eq!(inside.config(), read.config());
    assert!(inside.scale().is_some() && inside.scale() == read.scale());
    let words = ["a calm piano", "fast electronic music"];
    assert_eq!(inside.embed_text(words).unwrap(), read.embed_text(words).unwrap());
    let file = [root().join(&demo().rows[0].audio)];
    assert_eq!(inside.embed_whole(&file).unwrap(), read.embed_whole(&file).unwrap());
}

#[test]
fn it_finds_music_that_it_has_never_heard() {
    let manifest = demo();
    let model = boxed();
    let result = evaluate(&model, &manifest).unwrap();
    assert_eq!(result.tracks, 58);
    let found = result.metrics.text_to_audio;
    // The card has 0.276 and 0.793 of 58; another machine adds in another order, and may swap a neighbour or two.
    assert!(found.r_at_1 >= 0.22 && found.r_at_10 >= 0.75, "{found:?}");
}

#[test]
fn an_answer_says_whether_anything_fits() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    let verdict = |words: &str| library.answer(&Request::new([Term::text(words)])).unwrap().verdict.unwrap();
    for words in ["a vacuum cleaner", "two people arguing", "a dog barking", "the weather tomorrow"] {
        assert_eq!(verdict(words), Verdict::Nothing, "{words}");
    }
    for words in ["orchestral strings", "folk tune", "drums"] {
        assert_ne!(verdict(words), Verdict::Nothing, "{words}");
    }
    // Of sums of words, and of nothing, it says nothing.
    let sum = Request::new([Term::text("strings"), Term::text("drums").with_weight(-0.5)]);
    assert_eq!(library.answer(&sum).unwrap().verdict, None);
    let mut none = Request::new([Term::text("strings")]);
    none.filter.path = Some("nowhere".to_owned());
    let response = library.answer(&none).unwrap();
    assert_eq!((response.answers.len(), response.verdict), (0, None));
}

fn indexed(dir: &Path) -> Library {
    let path = dir.join("demo.index");
    let model = boxed();
    let mut writer = IndexWriter::create(&path, &index_config(&model).unwrap()).unwrap();
    let items = Item::folder(&root().join("demo/audio")).unwrap().items;
    Indexer::default().run(&model, &mut writer, items, &Scope::Items, |_| ControlFlow::Continue(())).unwrap();
    Library::new(model, &path).unwrap()
}

#[test]
fn a_model_with_random_weights_is_told_that_it_has_no_scale() {
    let boxed = boxed();
    let (device, config) = (Device::flex(), boxed.config().clone());
    let network = MuscallConfig::init(&config, &device).unwrap();
    let random = Muscall::new(config, &network, boxed.text_frontend().clone(), &device).unwrap();
    let manifest = demo();
    let error = calibrate(&random, &evaluate(&random, &manifest).unwrap(), &KnownQueries::default()).unwrap_err();
    assert!(matches!(error, TrainError::NoScale { .. }), "{error}");
    let scale = calibrate(&boxed, &evaluate(&boxed, &manifest).unwrap(), &KnownQueries::default()).unwrap();
    assert!(scale.quality.absent_refused > 0.5, "{:?}", scale.quality);
}

/// Examples are built beside the tests.
fn example(name: &str, home: &Path) -> Command {
    let test = std::env::current_exe().unwrap();
    let mut command = Command::new(test.ancestors().nth(2).unwrap().join("examples").join(name));
    // Where an index is kept for the model in the box.
    command.current_dir(root()).env("XDG_DATA_HOME", home).env("HOME", home);
    command
}

fn succeeds(command: &mut Command) -> (String, String) {
    let output = command.output().unwrap();
    let [told, errors] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(output.status.success(), "{errors}");
    (told, errors)
}

#[test]
fn programs_need_no_bundle_and_say_when_nothing_fits() {
    let dir = tempfile::tempdir().unwrap();
    let search = |words: &str| succeeds(example("search", dir.path()).args(["--music", "demo/audio", words]));
    let (told, errors) = search("drums");
    assert_eq!(told.lines().count(), 5, "{told}");
    assert!(!errors.contains("nothing here fits") && errors.contains("58 files to read"), "{errors}");
    let (told, errors) = search("a vacuum cleaner");
    assert_eq!(told.lines().count(), 5, "{told}");
    assert!(errors.contains("nothing here fits these words well") && errors.contains("58 unchanged"), "{errors}");
    assert!(!root().join("models/box/index").exists(), "the index lies with the user");
}

#[test]
fn a_smaller_bundle_is_calibrated_and_judged() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let bundle = root().join("models/box");
    let program = |name: &str| example(name, dir.path());
    succeeds(program("export").arg("--bundle").arg(&bundle).args(["--as", "f16"]).arg(at("small")));
    assert!(!at("small/scores.json").exists(), "other weights have other scores");
    let data = root().join("demo/manifest.jsonl");
    let (told, _) = succeeds(
        program("calibrate").arg("--bundle").arg(at("small")).arg("--data").arg(&data).args(["--split", "train"]),
    );
    assert!(told.starts_with("of 279 queries to which nothing fits"), "{told}");
    assert!(Muscall::load(at("small"), &Device::flex()).unwrap().scale().is_some());

    succeeds(program("index").arg("--bundle").arg(at("small")).arg("--index").arg(at("demo.index")).arg("demo/audio"));
    let first = Manifest::read(&data, Split::Train).unwrap().rows[0].audio.file_name().unwrap().to_owned();
    let all: Vec<String> = fs::read_dir(root().join("demo/audio"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let table = format!("query,accepted\ndrums,{}\nstrings,no such file\n", all.join(";"));
    fs::write(at("queries.csv"), table).unwrap();
    fs::write(at("absent.txt"), "a vacuum cleaner\n\ntwo people arguing\n").unwrap();
    fs::write(at("genres.csv"), format!("file,class\n{},folk\n", first.to_str().unwrap())).unwrap();
    let judge = || {
        let mut command = program("judge");
        command.arg("--bundle").arg(at("small")).arg("--index").arg(at("demo.index"));
        command
    };
    let (told, _) = succeeds(
        judge()
            .arg("--queries")
            .arg(at("queries.csv"))
            .arg("--absent")
            .arg(at("absent.txt"))
            .arg("--genres")
            .arg(at("genres.csv")),
    );
    assert!(told.contains("of 2 queries, 1 have a right first answer, 1 one among five"), "{told}");
    assert!(told.contains("of 2 queries about what is not there, 2 are told that nothing fits"), "{told}");
    assert!(told.contains("balanced accuracy 1.00 among 1 classes: folk 1 of 1"), "{told}");
    let wrong = judge().arg("--genres").arg(at("queries.csv")).output().unwrap();
    let errors = String::from_utf8(wrong.stderr).unwrap();
    assert!(!wrong.status.success() && errors.contains("queries.csv: no `file`; expected the columns"), "{errors}");
}
