//! A trained model learns new words, and a small one learns from it.
#![allow(missing_docs, clippy::unwrap_used)]

mod user;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use user::User;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn heads_learn_and_what_was_known_is_looked_after() {
    let user = User::new();
    let (bundle, out) = (root().join("models/box"), user.home.path().join("heads"));
    // Vectors are kept beside the manifest, which is not the place of a test.
    let data = user.home.path().join("demo.jsonl");
    let demo = fs::read_to_string(root().join("demo/manifest.jsonl")).unwrap();
    fs::write(&data, demo.replace("\"audio/", &format!("\"{}/", text(&root().join("demo/audio"))))).unwrap();
    let command = |init: &[&str]| {
        let mut all = vec!["train", "--recipe", "clap_heads", "--data", text(&data), "--out", text(&out)];
        all.extend(["--epochs", "1", "--batch-size", "8", "--set", "data.windows=1"]);
        all.extend(init);
        all.iter().map(|argument| (*argument).to_owned()).collect::<Vec<String>>()
    };
    let run = |init: &[&str]| {
        let command = command(init);
        user.output(&command.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let alone = run(&[]);
    let told = String::from_utf8(alone.stderr).unwrap();
    assert!(alone.status.code() == Some(2) && told.contains("no [model]") && told.contains("--init"), "{told}");
    let taught = run(&["--init", text(&bundle), "--keep", text(&data)]);
    let told = String::from_utf8(taught.stdout).unwrap();
    assert!(taught.status.success(), "{told}{}", String::from_utf8_lossy(&taught.stderr));
    let lines: Vec<&str> = told.lines().filter(|line| line.contains("before,") && line.ends_with("after")).collect();
    assert!(lines.len() == 2 && lines[0].contains("new pairs") && lines[1].contains("to be kept"), "{told}");
    let kept = fs::read_dir(user.home.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "vectors"));
    assert_eq!(kept.count(), 2);
}

#[test]
fn a_student_of_music_and_one_of_words() {
    let user = User::new();
    let teacher = root().join("models/box");
    for name in [
        "000_0ad_Celtica",
        "007_0ad_Taiko_1",
        "012_fretsonfire_armygeddon",
        "018_naev_void_sensor",
        "022_supertuxkart_West",
    ] {
        let file = format!("{name}.ogg");
        fs::copy(root().join("demo/audio").join(&file), user.music().join(&file)).unwrap();
    }
    fs::write(user.music().join("broken.ogg"), "no audio").unwrap();
    let (music, out) = (user.music(), user.home.path().join("student"));
    let command =
        ["distil", text(&music), "--teacher", text(&teacher), "--out", text(&out), "--width", "4", "--windows", "1"];
    let command: Vec<&str> = command
        .into_iter()
        .chain(["--epochs", "1", "--batch-size", "2", "--val-fraction", "0.4", "--baselines"])
        .collect();
    let told = user.says(&command);
    assert!(told.contains("of the teacher's variance") && told.contains("a linear map"), "{told}");
    let report: Value = serde_json::from_slice(&fs::read(out.join("nearness.json")).unwrap()).unwrap();
    assert!(report["nearness"]["explained"].is_f64() && report["ridge_explained"].is_f64(), "{report}");
    assert!(user.complains(&command).contains("already holds a run"));
    // Its words are the teacher's, and it is used like any other model.
    user.says(&["index", "--model", text(&out), text(&music)]);

    let list = user.home.path().join("captions.txt");
    let captions: Vec<String> =
        ["calm", "loud"].iter().flat_map(|mood| (0..16).map(move |i| format!("{mood} piano number {i}"))).collect();
    fs::write(&list, captions.join("\n")).unwrap();
    let words = user.home.path().join("words");
    let told = user.says(&[
        "distil",
        text(&list),
        "--recipe",
        "distil_words",
        "--teacher",
        text(&out),
        "--out",
        text(&words),
        "--epochs",
        "2",
        "--batch-size",
        "8",
    ]);
    assert!(told.contains("captions that were held out"), "{told}");
    let vectors = user.home.path().join("both.safetensors");
    user.says(&["embed", "--bundle", text(&words), "--out", text(&vectors), "--texts", text(&list)]);
}
