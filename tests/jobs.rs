//! The training programs as a cluster treats them: told to stop or killed before a step, and music away between two runs.
#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use muscall::{Device, Muscall, MuscallConfig, Recipe};

/// Six steps with dropout, on the demo.
const RECIPE: &str = "epochs = 2\nbatch_size = 4\nmax_steps = 6\nlearning_rate = 1e-3\nvalidation.gallery = 4\n[model]\n\
                      preset = \"tiny\"\nclip_s = 1\n[model.audio]\nwidth = 2\nhidden = 16\n[model.text]\nwidth = 16\n\
                      heads = 2\ndropout = 0.2\n";

/// The programs are built beside the tests.
fn example(name: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let mut command = Command::new(test.ancestors().nth(2).unwrap().join("examples").join(name));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

struct Place(tempfile::TempDir);

impl Place {
    /// A recipe, and a bundle to start from.
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.at("recipe.toml"), RECIPE).unwrap();
        let config: MuscallConfig = Recipe::read(&place.at("recipe.toml")).unwrap().model;
        let model = config.init(&Device::default()).unwrap();
        let tokenizer = muscall::model::ClipTokenizer::new().unwrap();
        Muscall::new(config, &model, tokenizer, &Device::default()).unwrap().save(place.at("bundle")).unwrap();
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn train(&self, out: &str, arguments: &[&Path]) -> Command {
        let mut command = example("train");
        command.arg("--recipe").arg(self.at("recipe.toml"));
        command.args(["--data", "demo/manifest.jsonl", "--no-check-device", "--resume", "--out"]).arg(self.at(out));
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// All that is not about time: weights, moments, and what the validations found.
    fn result(&self, out: &str) -> Vec<Vec<u8>> {
        let checkpoints = fs::read_dir(self.at(out).join("checkpoints")).unwrap();
        let [checkpoint] = checkpoints.map(|entry| entry.unwrap().path()).collect::<Vec<_>>().try_into().unwrap();
        assert!(checkpoint.to_str().unwrap().contains("step-000000006"), "{}", checkpoint.display());
        let of_checkpoint = ["model.safetensors", "optimizer.safetensors"].map(|name| checkpoint.join(name));
        let of_run = ["weights.safetensors", "validation.csv"].map(|name| self.at(out).join(name));
        of_checkpoint.iter().chain(&of_run).map(|path| fs::read(path).unwrap()).collect()
    }
}

fn told(output: &Output) -> String {
    let [out, errors] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(output.status.success(), "{out}{errors}");
    out
}

#[test]
fn a_job_that_is_told_to_stop_before_its_first_step_goes_on() {
    let place = Place::new();
    let bundle = place.at("bundle");
    told(&place.train("whole", &["--init".as_ref(), &bundle]).output().unwrap());

    // The weights to start from come through a pipe. When the program reads from it, it listens to signals already,
    // and it cannot begin before it has read them.
    let held = place.at("held");
    fs::create_dir(&held).unwrap();
    let weights = held.join("weights.safetensors");
    assert!(Command::new("mkfifo").arg(&weights).status().unwrap().success());
    let child = place.train("run", &["--init".as_ref(), &held]).spawn().unwrap();
    let mut pipe = fs::File::options().write(true).open(&weights).unwrap();
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    std::io::copy(&mut fs::File::open(bundle.join("weights.safetensors")).unwrap(), &mut pipe).unwrap();
    drop(pipe);
    let stopped = told(&child.wait_with_output().unwrap());
    assert!(stopped.contains("Stopped after 0 steps; continue with --resume"), "{stopped}");

    // It does, and from the same weights.
    told(&place.train("run", &[]).output().unwrap());
    assert!(place.result("run") == place.result("whole"));
}

#[test]
fn a_job_that_is_killed_at_any_time_goes_on() {
    let place = Place::new();
    told(&place.train("whole", &[]).output().unwrap());
    // Wherever that is: most of them before the first step.
    for life in 1..=12 {
        let mut child = place.train("run", &[]).spawn().unwrap();
        sleep(Duration::from_millis(40 * life));
        let _ = child.kill();
        child.wait().unwrap();
    }
    told(&place.train("run", &[]).output().unwrap());
    assert!(place.result("run") == place.result("whole"));
}

#[test]
fn a_table_has_no_runs_that_were_tested_on_other_tracks() {
    let place = Place::new();
    let demo = fs::read_to_string("demo/manifest.jsonl").unwrap();
    let mut manifest = String::new();
    for (number, line) in demo.lines().take(12).enumerate() {
        let mut row: serde_json::Value = serde_json::from_str(line).unwrap();
        let name = row["audio"].as_str().unwrap().to_owned();
        let file = format!("{}/{number}.ogg", if number == 11 { "disk" } else { "music" });
        fs::create_dir_all(place.at(&file).parent().unwrap()).unwrap();
        fs::copy(Path::new("demo").join(name), place.at(&file)).unwrap();
        row["audio"] = file.into();
        row["split"] = ["train", "val", "test"][number / 4].into();
        manifest += &format!("{row}\n");
    }
    fs::write(place.at("manifest.jsonl"), manifest).unwrap();
    let ablate = |seeds: &str| {
        let mut command = example("ablate");
        command.arg("--recipes").arg(place.at("recipe.toml")).arg("--data").arg(place.at("manifest.jsonl"));
        command.args(["--seeds", seeds, "--set", "max_steps=1", "--out"]).arg(place.at("out")).output().unwrap()
    };
    told(&ablate("0"));
    fs::rename(place.at("disk"), place.at("away")).unwrap();
    let partly = ablate("0,1");
    let errors = String::from_utf8_lossy(&partly.stderr);
    assert!(partly.status.code() == Some(2) && errors.contains("tested on 3 tracks, others on 4"), "{errors}");
    assert!(errors.contains("disk/11.ogg") && errors.contains("seed-1/result.json"), "{errors}");
    fs::rename(place.at("away"), place.at("disk")).unwrap();
    fs::remove_file(place.at("out/recipe/seed-1/result.json")).unwrap();
    told(&ablate("0,1"));
}
