//! The examples that train, and those that look at what is trained on, as people run them.
#![allow(missing_docs, clippy::unwrap_used)]

mod example;

use std::fs;
use std::path::Path;

use example::{errors, example, root, text};
use serde_json::Value;

#[test]
fn ablate_gives_a_table_and_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let mut recipes = Vec::new();
    let small = "epochs = 1\nbatch_size = 4\nlearning_rate = 1e-3\nmax_steps = 2\n[model]\npreset = \"tiny\"\n\
                 clip_s = 1\n[model.audio]\nwidth = 2\nhidden = 16\n[model.text]\nwidth = 16\nheads = 2\n";
    let changes =
        [("base", ""), ("average", "model.audio.pooling = \"average\"\n"), ("sum", "loss.directions = \"sum\"\n")];
    fs::write(dir.path().join("small.toml"), small).unwrap();
    for (name, change) in changes {
        let path = dir.path().join(format!("{name}.toml"));
        fs::write(&path, format!("extends = \"small.toml\"\n{change}")).unwrap();
        recipes.push(path);
    }
    let out = dir.path().join("out");
    let ablate_on = |data: &Path, seeds: &str, settings: &[&str]| {
        let mut command = example("ablate");
        command.arg("--recipes").args(&recipes).args(["--seeds", seeds, "--data"]).arg(data).arg("--out");
        command.arg(&out).args(settings).output().unwrap()
    };
    let ablate = |seeds: &str, settings: &[&str]| ablate_on("demo/manifest.jsonl".as_ref(), seeds, settings);
    let first = ablate("0", &[]);
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let done = fs::metadata(out.join("sum/seed-0/result.json")).unwrap().modified().unwrap();
    let second = ablate("0,1", &[]);
    assert!(second.status.success(), "{}", String::from_utf8_lossy(&second.stderr));
    assert_eq!(fs::metadata(out.join("sum/seed-0/result.json")).unwrap().modified().unwrap(), done);
    let table = fs::read_to_string(out.join("table.md")).unwrap();
    assert_eq!(table.lines().count(), 5, "{table}");
    assert!(table.starts_with("| recipe, on the validation rows |"), "{table}");
    let csv = fs::read_to_string(out.join("table.csv")).unwrap();
    for (line, (name, _)) in csv.lines().skip(1).zip(changes) {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!((cells[0], cells[1], cells[2], cells.len()), (name, "2", "validation", 23), "{csv}");
        assert!(cells[3..].iter().all(|cell| cell.parse::<f64>().is_ok()), "{csv}");
    }
    // Other settings are other runs.
    let other = ablate("0", &["--set", "learning_rate=1e-4"]);
    assert_eq!(other.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&other.stderr).contains("another recipe"));
    // So is other data, and a test split that cannot be read is not the same as none.
    let split = |name: &str| {
        let rows = fs::read_to_string(root().join("demo/manifest.jsonl")).unwrap();
        let rows = rows.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut rows: Vec<Value> = rows.filter(|row| row["split"] == name).collect();
        // The name of the file is their split now.
        rows.iter_mut().for_each(|row| row["split"] = Value::Null);
        rows
    };
    let (data, train, val) = (dir.path().join("data"), split("train"), split("val"));
    fs::create_dir(&data).unwrap();
    let write = |name: &str, rows: &[Value]| {
        fs::write(data.join(format!("dataset_{name}.json")), serde_json::to_string(rows).unwrap()).unwrap();
    };
    write("train", &train[1..]);
    write("val", &val);
    let other = ablate_on(&data, "0", &[]);
    assert_eq!((other.status.code(), text(&other).as_str()), (Some(2), ""));
    assert!(errors(&other).contains("other data"), "{}", errors(&other));
    write("train", &train);
    let same = ablate_on(&data, "0", &[]);
    assert!(same.status.success() && text(&same).contains("validation rows"), "{}", errors(&same));
    write("test", &val[1..]);
    assert!(errors(&ablate_on(&data, "0", &[])).contains("other data"));
    fs::write(data.join("dataset_test.json"), "[{").unwrap();
    let broken = ablate_on(&data, "0", &[]);
    assert_eq!(broken.status.code(), Some(2));
    assert!(errors(&broken).contains("dataset_test.json"), "{}", errors(&broken));
}

#[test]
fn the_command_that_training_suggests_says_what_it_evaluates_on() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let rows = |split: &str, first: usize| -> String {
        let demo = fs::read_to_string(root().join("demo/manifest.jsonl")).unwrap();
        let rows = demo.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).skip(first).take(4);
        let row = |mut row: Value| {
            row["audio"] = root().join("demo").join(row["audio"].as_str().unwrap()).to_str().unwrap().into();
            row["split"] = if split.is_empty() { Value::Null } else { split.into() };
            format!("{row}\n")
        };
        rows.map(row).collect()
    };
    fs::write(at("train.jsonl"), rows("train", 0)).unwrap();
    fs::write(at("val.jsonl"), rows("val", 4)).unwrap();
    fs::write(at("all.jsonl"), rows("", 0)).unwrap();
    let recipe = "epochs = 1\nbatch_size = 4\nlearning_rate = 1e-3\nmax_steps = 1\n[model]\npreset = \"tiny\"\n\
                  clip_s = 1\n[model.audio]\nwidth = 2\nhidden = 16\n[model.text]\nwidth = 16\nheads = 2\n";
    fs::write(at("recipe.toml"), recipe).unwrap();
    let train = |data: &str, validation: Option<&str>| {
        let mut command = example("train");
        command.arg("--recipe").arg(at("recipe.toml")).arg("--data").arg(at(data)).args(["--replace", "--out"]);
        command.arg(at("run")).arg("--no-check-device");
        if let Some(name) = validation {
            command.arg("--validation").arg(at(name));
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", errors(&output));
        // One step is no training: what its scores mean can't be said.
        assert_eq!(text(&output).contains("answers come without a verdict"), validation.is_some(), "{}", text(&output));
        text(&output).lines().last().unwrap().split_once(" evaluate ").unwrap().1.to_owned()
    };
    let evaluate = |arguments: &str| {
        let output = example("evaluate").args(arguments.split(' ')).output().unwrap();
        assert!(output.status.success() && text(&output).contains("4 tracks"), "{arguments}: {}", errors(&output));
        errors(&output)
    };
    let suggested = train("train.jsonl", None);
    assert!(suggested.ends_with("train.jsonl --split train"), "{suggested}");
    evaluate(&suggested);
    let suggested = train("train.jsonl", Some("val.jsonl"));
    assert!(suggested.ends_with("val.jsonl"), "{suggested}");
    let log = evaluate(&suggested);
    assert!(log.contains("4 of 4 files read\n") && !log.contains("no splits"), "{log}");
    let suggested = train("all.jsonl", None);
    assert!(suggested.ends_with("all.jsonl --split train"), "{suggested}");
    assert!(!evaluate(&suggested).contains("no splits"));
    // Whatever split is asked for, these are the rows that were trained on.
    let (run, all) = (at("run"), at("all.jsonl"));
    assert!(evaluate(&suggested.replace("train", "test")).contains("no splits"));
    let compare = example("compare").arg(&run).arg(&run).arg(&all).output().unwrap();
    assert!(errors(&compare).contains("no splits") && errors(&compare).contains("4 of 4 files read\n"));
    let report = example("report").arg(&run).arg(&all).output().unwrap();
    assert!(report.status.success(), "{}", errors(&report));
    assert!(errors(&report).contains("no splits") && errors(&report).contains("embedding 4 files\n"));
}

#[test]
fn import_pytorch_gives_a_bundle_that_trains_on_and_is_exported_again() {
    let dir = tempfile::tempdir().unwrap();
    let (out, exported) = (dir.path().join("imported"), dir.path().join("exported.safetensors"));
    let mut import = example("import_pytorch");
    import.args(["--checkpoint", "tests/golden/attention/checkpoint.pth.tar"]);
    let output = import.args(["--config", "tests/golden/attention/config.json", "--out"]).arg(&out).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text(&output).contains("after 3 steps"));
    let initial = muscall::InitialWeights::read(&out).unwrap();
    assert_eq!(initial.optimizer.unwrap().1, 3);
    let export = example("import_pytorch").arg("--export").arg(&out).arg("--to").arg(&exported).status().unwrap();
    assert!(export.success());
    let weights = muscall::model::weights::read_safetensors(&exported).unwrap();
    let theirs = root().join("tests/golden/attention/weights.safetensors");
    let theirs = muscall::model::weights::read_safetensors(&theirs).unwrap();
    assert!(weights.iter().all(|(name, data)| theirs[name] == *data) && weights.len() > 100);
    let wrong = example("import_pytorch")
        .args(["--checkpoint", "README.md", "--config", "tests/golden/attention/config.json", "--out", "x"])
        .output()
        .unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("README.md"));
}

#[test]
fn check_finds_what_is_wrong_with_a_manifest() {
    let output = example("check").args(["--data", "demo/manifest.jsonl", "--clip-s", "6"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Two of the demo's masters are very loud indeed, others rather quiet, and two captions are equal; nothing else is odd.
    let found = text(&output);
    assert!(
        found.contains("4 findings, none of which would harm") && found.matches("are clipped").count() == 2,
        "{found}"
    );
    assert!(found.contains("row 21 (020_singularity_Nebula.ogg)"), "{found}");
    assert!(found.contains("the levels of 46 clips span 18 dB"), "{found}");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mine.jsonl");
    let audio = root().join("demo/audio/000_0ad_Celtica.ogg");
    let row = |caption: &str, split: &str| {
        format!("{{\"audio\": {:?}, \"caption\": \"{caption}\", \"split\": \"{split}\", \"id\": \"{split}\"}}\n", audio)
    };
    fs::write(&path, row("folk", "train") + &row("Folk", "val")).unwrap();
    let output = example("check").arg("--data").arg(&path).args(["--clip-s", "60"]).output().unwrap();
    let found = text(&output);
    for part in [
        "too short",
        "validation captions are also training captions",
        "validation tracks are also training audio",
        "4 findings",
    ] {
        assert!(found.contains(part), "{found}");
    }
}
