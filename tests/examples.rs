//! The examples as people run them: arguments in, results on standard output.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use muscall::{Device, Muscall, MuscallConfig};
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Examples are built beside the tests.
fn example(name: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let path: PathBuf = test.ancestors().nth(2).unwrap().join("examples").join(name);
    let mut command = Command::new(path);
    command.current_dir(root());
    command
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A small model with random weights.
fn bundle(dir: &Path) {
    let mut config = MuscallConfig::tiny();
    config.clip_s = 2.0;
    let model = config.init(&Device::default()).unwrap();
    let tokenizer = muscall::model::ClipTokenizer::new().unwrap();
    Muscall::new(config, &model, tokenizer, &Device::default()).unwrap().save(dir).unwrap();
}

#[test]
fn inspect_says_what_files_are() {
    let dir = tempfile::tempdir().unwrap();
    let (waves, mels) = (dir.path().join("waves"), dir.path().join("mels"));
    let text_file = dir.path().join("text.mp3");
    fs::write(&text_file, "not music").unwrap();
    let clip = "demo/audio/000_0ad_Celtica.ogg";
    let mut inspect = example("inspect");
    inspect.args(["--json", "--start", "1", "--length", "2", "--wave"]).arg(&waves).arg("--log-mel").arg(&mels);
    let output = inspect.args([Path::new(clip), &text_file, Path::new("demo")]).output().unwrap();
    assert!(output.status.success());
    let lines: Vec<Value> = text(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!((&lines[0]["status"], &lines[0]["path"]), (&"ok".into(), &clip.into()));
    assert_eq!(lines[0]["seconds"], 2.0);
    assert_eq!((&lines[1]["status"], &lines[2]["status"]), (&"refused".into(), &"refused".into()));
    assert!(lines[1]["reason"].as_str().unwrap().contains("text.mp3"));
    // What was written can be read again.
    let wave = fs::read_dir(&waves).unwrap().next().unwrap().unwrap().path();
    let again = text(&example("inspect").arg("--json").arg(&wave).output().unwrap());
    let again: Value = serde_json::from_str(&again).unwrap();
    for key in ["status", "sample_rate", "frames", "peak", "rms_db"] {
        assert_eq!(again[key], lines[0][key], "{key}");
    }
    assert!(fs::read_dir(&mels).unwrap().next().is_some());
    assert_eq!(example("inspect").output().unwrap().status.code(), Some(2));
}

#[test]
fn embed_writes_what_the_library_gives() {
    let dir = tempfile::tempdir().unwrap();
    let (model, out, texts) = (dir.path().join("model"), dir.path().join("out.safetensors"), dir.path().join("texts"));
    bundle(&model);
    fs::write(&texts, "calm piano\nbrass band\n").unwrap();
    let clip = "demo/audio/000_0ad_Celtica.ogg";
    let mut embed = example("embed");
    embed.arg("--bundle").arg(&model).arg("--out").arg(&out).arg("--texts").arg(&texts).arg(clip);
    assert!(embed.status().unwrap().success());
    let bytes = fs::read(&out).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let values = |name: &str| -> Vec<f32> {
        let view = file.tensor(name).unwrap();
        view.data().chunks_exact(4).map(|word| f32::from_le_bytes(word.try_into().unwrap())).collect()
    };
    let model = Muscall::load(&model, &Device::default()).unwrap();
    assert_eq!(values("audio"), model.embed_audio([root().join(clip)]).unwrap().values());
    assert_eq!(values("text"), model.embed_text(["calm piano", "brass band"]).unwrap().values());
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!(header.metadata().as_ref().unwrap()["texts"], "[\"calm piano\",\"brass band\"]");
}

#[test]
fn a_second_search_gives_the_same_from_its_index() {
    let dir = tempfile::tempdir().unwrap();
    let (model, music) = (dir.path().join("model"), dir.path().join("music"));
    bundle(&model);
    fs::create_dir(&music).unwrap();
    for name in ["000_0ad_Celtica.ogg", "007_0ad_Taiko_1.ogg", "018_naev_void_sensor.ogg"] {
        fs::copy(root().join("demo/audio").join(name), music.join(name)).unwrap();
    }
    fs::write(music.join("broken.mp3"), "no").unwrap();
    let search = || {
        let output =
            example("search").arg("--bundle").arg(&model).arg("--music").arg(&music).arg("drums").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        text(&output)
    };
    let first = search();
    assert_eq!(first.lines().count(), 3);
    assert_eq!(search(), first);
    fs::remove_file(music.join("000_0ad_Celtica.ogg")).unwrap();
    assert_eq!(search().lines().count(), 2);
    let wrong = example("search").args(["--bundle", "nowhere", "--music", "demo", "x"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("nowhere"));
}
