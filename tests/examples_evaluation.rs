//! The examples that say how good a model is, as people run them.
#![allow(missing_docs, clippy::unwrap_used)]

mod example;

use std::fs;
use std::path::Path;

use example::{bundle, errors, example, root, text};
use serde_json::Value;

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
