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

fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
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
    let output = embed.output().unwrap();
    assert!(output.status.success() && errors(&output).contains("1 of 1 files embedded"), "{}", errors(&output));
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
        assert!(output.status.success(), "{}", errors(&output));
        (text(&output), errors(&output))
    };
    let (first, log) = search();
    assert_eq!(first.lines().count(), 3);
    // Without a terminal there are lines instead of a bar.
    for line in ["4 files to read, 0 unchanged, 0 gone\n", "broken.mp3", "4 of 4 files · "] {
        assert!(log.contains(line), "{line}: {log}");
    }
    assert_eq!(search().0, first);
    fs::remove_file(music.join("000_0ad_Celtica.ogg")).unwrap();
    assert_eq!(search().0.lines().count(), 2);
    let wrong = example("search").args(["--bundle", "nowhere", "--music", "demo", "x"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("nowhere"));
}

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
fn an_error_is_told_with_those_causes_that_it_leaves_out() {
    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Told {
        text: &'static str,
        source: Option<Box<Told>>,
    }
    let told = |texts: &[&'static str]| {
        let chain = texts.iter().rev().fold(None, |source, text| Some(Box::new(Told { text, source })));
        muscall_cli::console::with_causes(&*chain.unwrap())
    };
    assert_eq!(told(&["a.mp3: not found"]), "a.mp3: not found");
    assert_eq!(told(&["a.mp3: not found; look again", "not found"]), "a.mp3: not found; look again");
    assert_eq!(told(&["no server", "connection", "refused"]), "no server\n  cause: connection\n  cause: refused");
    assert_eq!(told(&["no table: refused", "server error", "refused"]), "no table: refused");
}

#[test]
fn a_cluster_merges_what_it_has_indexed() {
    let missing = tempfile::tempdir().unwrap().path().join("index");
    let slurm = Command::new(root().join("scripts/test_slurm.sh"))
        .args(["demo", "demo"])
        .arg(&missing)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(slurm.status.code() == Some(1) && errors(&slurm).contains("cargo build"), "{}", errors(&slurm));
    let jobs = fs::read_to_string(root().join("deploy/kubernetes.yaml")).unwrap();
    let jobs: Vec<&str> = jobs.split("\n---\n").collect();
    assert_eq!(jobs.len(), 2);
    for (job, argument) in jobs.iter().zip(["\"--shard\", \"16\"", "\"--merge\", \"16\""]) {
        assert!(
            job.contains(argument) && job.contains("claimName: music") && job.contains("mountPath: /data"),
            "{job}"
        );
    }
    assert!(jobs[1].contains("suspend: true"));
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

#[test]
fn evaluate_gives_intervals_and_queries_whatever_the_threads() {
    let dir = tempfile::tempdir().unwrap();
    let (model, queries) = (dir.path().join("model"), dir.path().join("queries.jsonl"));
    bundle(&model);
    let evaluate = |threads: &str, more: &[&str]| {
        let mut command = example("evaluate");
        command.env("RAYON_NUM_THREADS", threads).args(["--data", "demo/manifest.jsonl", "--gallery", "6"]);
        let output = command.arg("--bundle").arg(&model).arg("--queries").arg(&queries).args(more).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        text(&output)
    };
    let whole: Value = serde_json::from_str(&evaluate("2", &["--json"])).unwrap();
    let found = &whole["text_to_audio"];
    let (value, interval) = (found["r_at_10"].as_f64().unwrap(), &found["intervals"]["r_at_10"]);
    assert!(interval["low"].as_f64().unwrap() <= value && value <= interval["high"].as_f64().unwrap());
    assert_eq!((&found["gallery"], &whole["galleries"]["tracks"]), (&12.into(), &6.into()));
    let lines = fs::read_to_string(&queries).unwrap();
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 12);
    for row in &rows {
        let place = row["found"].as_array().unwrap().iter().position(|hit| hit["track"] == row["track"]);
        let rank = row["rank"].as_u64().unwrap() as usize;
        assert!(place.is_none_or(|place| place < rank), "{row}");
    }
    let table = evaluate("2", &[]);
    assert!(table.contains("text → music") && table.contains("10 galleries of 6"), "{table}");
    // From run to run, and on one thread, to the last digit.
    assert_eq!(table, evaluate("2", &[]));
    assert_eq!(table, evaluate("1", &[]));
    assert_eq!(whole, serde_json::from_str::<Value>(&evaluate("1", &["--json"])).unwrap());
    assert_eq!(lines, fs::read_to_string(&queries).unwrap());
}

#[test]
fn report_and_benchmark_run() {
    let dir = tempfile::tempdir().unwrap();
    let (model, out) = (dir.path().join("model"), dir.path().join("report"));
    bundle(&model);
    let report = example("report").arg(&model).arg("demo/manifest.jsonl").arg("--out").arg(&out).output().unwrap();
    assert!(report.status.success(), "{}", String::from_utf8_lossy(&report.stderr));
    let metrics: Value = serde_json::from_slice(&fs::read(out.join("metrics.json")).unwrap()).unwrap();
    assert_eq!(metrics["retrieval"]["text_to_audio"]["gallery"], 12);
    assert_eq!(metrics["joint_space"]["matching"].as_array().unwrap().len(), 100);
    assert_eq!(fs::read_to_string(out.join("queries.jsonl")).unwrap().lines().count(), 12);
    let html = fs::read_to_string(out.join("index.html")).unwrap();
    assert!(html.contains("The worst failures") && !html.contains("http"), "{html}");

    for name in ["recall", "density", "tsne-modality", "tsne-label", "pca", "confusion", "classes", "moments"] {
        for end in ["light.svg", "light.png", "dark.svg", "dark.png"] {
            assert!(out.join(format!("{name}-{end}")).exists(), "{name}-{end}");
        }
    }
    assert_eq!(html.matches("<svg").count(), 2 * 8);

    let song_describer = dir.path().join("song_describer");
    fs::create_dir_all(song_describer.join("audio/00")).unwrap();
    let mut table = "track_id,caption,path\n".to_owned();
    for (track, name) in ["000_0ad_Celtica.ogg", "007_0ad_Taiko_1.ogg"].iter().enumerate() {
        table +=
            &format!("{track},a song,00/{track}.mp3\n{track},another song,00/{track}.mp3\n9{track},gone,00/9.mp3\n");
        let place = song_describer.join(format!("audio/00/{track}.2min.mp3"));
        fs::copy(root().join("demo/audio").join(name), place).unwrap();
    }
    fs::write(song_describer.join("song_describer.csv"), table).unwrap();
    let benchmark = |name: &str| {
        let mut command = example("benchmark");
        command.arg("--bundle").arg(&model).args(["--name", name, "--data"]).arg(&song_describer).output().unwrap()
    };
    let found = benchmark("song_describer");
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    assert!(text(&found).contains("2 tracks, 4 captions"), "{}", text(&found));
    assert!(errors(&found).contains("2 of 2 files read\n"), "{}", errors(&found));
    let wrong = benchmark("gtzam");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("gtzan"));
}

#[test]
fn compare_and_plot_run() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (dir.path().join("one"), dir.path().join("other"));
    bundle(&one);
    bundle(&other);
    let compare = |a: &Path, b: &Path| {
        let output = example("compare").arg(a).arg(b).args(["demo/manifest.jsonl", "--json"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_str::<Value>(&text(&output)).unwrap()
    };
    let itself = compare(&one, &one);
    // A model is as good as itself.
    let own = &itself["text_to_audio"];
    assert_eq!((&own["same"], &own["r_at_1"]["mean"], &own["sign_test_p"]), (&12.into(), &0.0.into(), &1.0.into()));
    let (there, back) = (compare(&one, &other), compare(&other, &one));
    assert_eq!(there["text_to_audio"]["better"], back["text_to_audio"]["worse"]);
    // What is told is how much the first is ahead.
    let map = |bundle: &Path| {
        let output = example("evaluate")
            .args(["--bundle".as_ref(), bundle.as_os_str()])
            .args(["--data", "demo/manifest.jsonl", "--json"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_str::<Value>(&text(&output)).unwrap()["text_to_audio"]["map_at_10"].as_f64().unwrap()
    };
    let ahead = there["text_to_audio"]["map_at_10"]["mean"].as_f64().unwrap();
    let expected = map(&one) - map(&other);
    assert!(expected != 0.0 && (ahead - expected).abs() < 1e-6, "{ahead} for {expected}");

    fs::write(dir.path().join("steps.csv"), "step,epoch,loss\n1,0,3.5\n2,0,2.5\n3,0,2.").unwrap();
    let plot = example("plot").arg(dir.path()).output().unwrap();
    assert!(text(&plot).starts_with("step 2, loss 2.500"), "{}", text(&plot));
    assert!(dir.path().join("training-dark.svg").exists());
    let nothing = example("plot").arg(&one).output().unwrap();
    assert_eq!(nothing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("steps.csv"));
    let typo = dir.path().join("typo");
    let nothing = example("plot").arg(&typo).output().unwrap();
    assert!(errors(&nothing).contains("the folder of a training run?"), "{}", errors(&nothing));
    assert!(nothing.status.code() == Some(2) && !typo.exists());
}

/// A SoundFont with one instrument: a sine of a hundred samples a period.
fn soundfont() -> Vec<u8> {
    let chunk = |id: &[u8; 4], body: &[u8]| [id, &(body.len() as u32).to_le_bytes()[..], body].concat();
    let list = |kind: &[u8; 4], chunks: &[Vec<u8>]| chunk(b"LIST", &[&kind[..], &chunks.concat()].concat());
    let words = |values: &[u16]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let name = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(20, 0);
        bytes
    };
    let wave: Vec<u8> = (0..1046)
        .flat_map(|i| {
            let sample = if i < 1000 { 20_000.0 * (std::f64::consts::TAU * f64::from(i) / 100.0).sin() } else { 0.0 };
            (sample as i16).to_le_bytes()
        })
        .collect();
    let info =
        list(b"INFO", &[chunk(b"ifil", &words(&[2, 1])), chunk(b"isng", b"EMU8000\0"), chunk(b"INAM", b"sine\0\0")]);
    let preset = |text: &str, bag: u16| [name(text), words(&[0, 0, bag]), vec![0; 12]].concat();
    let instrument = |text: &str, bag: u16| [name(text), words(&[bag])].concat();
    let header = |text: &str, range: [u32; 4], rate: u32| {
        let numbers: Vec<u8> = range.iter().chain(&[rate]).flat_map(|x| x.to_le_bytes()).collect();
        [name(text), numbers, vec![60, 0], words(&[0, 1])].concat()
    };
    let pdta = list(
        b"pdta",
        &[
            chunk(b"phdr", &[preset("sine", 0), preset("EOP", 1)].concat()),
            chunk(b"pbag", &words(&[0, 0, 1, 0])),
            chunk(b"pmod", &[0; 10]),
            // 41: the instrument; 54: loops; 53: the sample.
            chunk(b"pgen", &words(&[41, 0, 0, 0])),
            chunk(b"inst", &[instrument("sine", 0), instrument("EOI", 1)].concat()),
            chunk(b"ibag", &words(&[0, 0, 2, 0])),
            chunk(b"imod", &[0; 10]),
            chunk(b"igen", &words(&[54, 1, 53, 0, 0, 0])),
            chunk(b"shdr", &[header("sine", [0, 1000, 100, 900], 26_163), header("EOS", [0; 4], 0)].concat()),
        ],
    );
    let body = [&b"sfbk"[..], &info, &list(b"sdta", &[chunk(b"smpl", &wave)]), &pdta].concat();
    chunk(b"RIFF", &body)
}

#[test]
fn midi_is_rendered_once_and_bad_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("sine.sf2"), soundfont()).unwrap();
    // One track: A4 for 480 ticks of 1/480 quarter, which is half a second.
    let events = [0, 0x90, 69, 100, 0x83, 0x60, 0x80, 69, 0, 0, 0xff, 0x2f, 0];
    let mut midi = b"MThd\0\0\0\x06\0\0\0\x01\x01\xe0MTrk\0\0\0".to_vec();
    midi.push(events.len() as u8);
    midi.extend(events);
    fs::create_dir(at("lmd")).unwrap();
    fs::write(at("lmd/a.mid"), midi).unwrap();
    fs::write(at("lmd/b.mid"), "no MIDI").unwrap();
    fs::write(at("lmd/c.mid"), b"MThd\0\0\0\x06\0\x01\0\0\x01\xe0").unwrap();
    let list = |lines: &str| fs::write(at("captions.json"), lines).unwrap();
    let row = |name: &str| format!("{{\"location\": \"lmd/{name}.mid\", \"caption\": \"a tone\"}}\n");
    list(&["c", "a", "b"].map(row).concat());
    let render =
        || example("render_midi").arg(at("captions.json")).arg("--soundfont").arg(at("sine.sf2")).output().unwrap();
    let output = render();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text(&output).starts_with("1 of 3 pieces"), "{}", text(&output));
    let log = errors(&output);
    assert!(log.contains("b.mid") && log.contains("lmd/c.mid: the reader panicked while rendering"), "{log}");
    assert!(log.contains("3 of 3 files done\n") && !log.contains("thread '"), "{log}");
    let wav = at("rendered/lmd/a.wav");
    let heard = muscall::audio::decode(&wav, &muscall::audio::DecodeOptions::default()).unwrap().waveform;
    assert_eq!(heard.sample_rate(), 16_000);
    assert!((1.4..1.7).contains(&heard.duration_s()) && heard.peak() > 0.01, "{} {}", heard.duration_s(), heard.peak());
    // 440 Hz: half of its zero crossings a second.
    let middle = &heard.samples()[2_000..6_000];
    let crossings = middle.windows(2).filter(|pair| (pair[0] < 0.0) != (pair[1] < 0.0)).count();
    assert!((210..=230).contains(&crossings), "{crossings}");
    let written = fs::metadata(&wav).unwrap().modified().unwrap();
    render();
    assert_eq!(fs::metadata(&wav).unwrap().modified().unwrap(), written);
    for (lines, problem) in [
        ("{\"location\": \"../a.mid\"}", "captions.json: line 1: \"../a.mid\" leaves the folder"),
        ("\nlmd/a.mid", "captions.json: line 2: expected"),
        (&row("c"), "captions.json: none of its 1 pieces"),
    ] {
        list(lines);
        let output = render();
        assert!(output.status.code() == Some(2) && errors(&output).contains(problem), "{}", errors(&output));
    }
    fs::write(at("sine.sf2"), "RIF").unwrap();
    let output = render();
    assert_eq!(output.status.code(), Some(2));
    assert!(errors(&output).contains("sine.sf2: ") && errors(&output).contains("expected a SoundFont 2 file"));
}

#[test]
fn a_device_is_the_one_asked_for_or_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("model");
    bundle(&model);
    let embed = |arguments: &[&str], variable: Option<&str>| {
        let mut command = example("embed");
        command.arg("--bundle").arg(&model).arg("--out").arg(dir.path().join("out.safetensors"));
        command.args(arguments).arg("demo/audio/000_0ad_Celtica.ogg");
        match variable {
            Some(name) => command.env("BURN_DEVICE", name),
            None => command.env_remove("BURN_DEVICE"),
        };
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for (arguments, variable, wanted) in [
        (&["--device", "gpu"][..], None, "expected cpu, cuda"),
        (&[], Some("gpu"), "expected cpu, cuda"),
        #[cfg(not(feature = "cuda-plain"))]
        (&["--device", "cuda:1"], None, "--features cuda"),
        #[cfg(not(feature = "cuda-plain"))]
        (&[], Some("cuda"), "--features cuda"),
        #[cfg(not(feature = "wgpu-plain"))]
        (&["--device", "vulkan"], Some("cpu"), "--features wgpu"),
    ] {
        let (code, message) = embed(arguments, variable);
        assert!(code == Some(2) && message.contains(wanted), "{arguments:?} {variable:?}: {message}");
    }
    // The argument is stronger than the variable.
    for (arguments, variable) in [(&["--device", "cpu"][..], Some("cuda")), (&[], Some("flex"))] {
        let (code, message) = embed(arguments, variable);
        assert!(code == Some(0) && message.contains("computing on: CPU"), "{message}");
    }
}

#[test]
fn the_cpu_agrees_with_itself() {
    let output = example("check_device")
        .args(["--device", "cpu", "--tracks", "2", "--steps", "1", "--set", "model.clip_s=2"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text(&output).contains("it agrees with the CPU") && text(&output).contains("differs by 0.0e0"));
    let list = example("check_device").arg("--list").output().unwrap();
    assert!(text(&list).contains("cpu (CPU)"));
}
