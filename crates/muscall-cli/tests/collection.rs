//! A collection from outside: what is in it twice, what fits it, what can't be read, what comes later.
#![cfg(feature = "box")]
#![allow(missing_docs, clippy::unwrap_used)]

mod user;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use user::{User, record};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn copies_are_found_and_other_pieces_are_not() {
    let user = User::new();
    for (name, pitch_hz, pulse_hz) in [("a", 220.0, 0.2), ("b", 880.0, 6.0), ("c", 230.0, 0.5), ("d", 60.0, 1.0)] {
        record(&user.music().join(name).with_extension("wav"), pitch_hz, pulse_hz);
    }
    user.index();
    assert_eq!(user.output(&["duplicates"]).status.code(), Some(1), "nothing is there twice");
    fs::copy(user.music().join("a.wav"), user.music().join("the same.wav")).unwrap();
    let found = user.says(&["duplicates"]);
    assert!(found.contains("5 tracks: 1 recording occurs more than once"), "{found}");
    let found = json(&user.says(&["duplicates", "--json", "--as-is"]));
    assert_eq!(found["groups"].as_array().unwrap().len(), 1, "{found}");
    let names: Vec<_> =
        found["groups"][0].as_array().unwrap().iter().map(|copy| copy["title"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "the same"]);
}

#[test]
fn hearing_the_files_tells_a_copy_that_starts_later_from_what_only_sounds_alike() {
    let user = User::new();
    let [a, cut] = ["a.wav", "cut.wav"].map(|name| user.music().join(name));
    record(&a, 220.0, 1.3);
    record(&user.music().join("b.wav"), 233.0, 1.3);
    let mut reader = hound::WavReader::open(&a).unwrap();
    let mut writer = hound::WavWriter::create(&cut, reader.spec()).unwrap();
    for sample in reader.samples::<i16>().skip(user::RATE as usize / 2) {
        writer.write_sample(sample.unwrap() / 4).unwrap();
    }
    writer.finalize().unwrap();
    user.index();
    let names = |found: &str| -> Vec<Vec<String>> {
        let title = |copy: &Value| copy["title"].as_str().unwrap().to_owned();
        let groups = json(found)["groups"].as_array().unwrap().clone();
        groups.iter().map(|group| group.as_array().unwrap().iter().map(title).collect()).collect()
    };
    assert_eq!(names(&user.says(&["duplicates", "--json"])), [["a", "cut"]]);
    let by_vectors = names(&user.says(&["duplicates", "--as-is", "--json", "--vectors-only"]));
    assert_eq!(by_vectors, [["a", "b", "cut"]], "chords that never change are one to the model");
    // What can't be heard is told, and vectors decide about it; b is still heard.
    fs::remove_file(&cut).unwrap();
    let output = user.output(&["duplicates", "--as-is", "--json"]);
    assert_eq!(names(&String::from_utf8(output.stdout).unwrap()), [["a", "cut"]]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("1 file could not be read") && told.contains("cut.wav"), "{told}");
}

#[test]
fn labels_are_given_to_files_and_to_all_tracks() {
    let user = User::new();
    let (organ, bad) = (user.music().join("organ.wav"), user.music().join("bad.wav"));
    record(&organ, 220.0, 0.3);
    user.index();
    let files = ["classify", "--labels", "organ,drums", organ.to_str().unwrap()];
    let told = user.says(&[&files[..], &["--json"]].concat());
    let told = json(&told);
    assert_eq!(told["labels"].as_array().unwrap().len(), 2);
    assert!(told["labels"][0]["score"].as_f64() >= told["labels"][1]["score"].as_f64(), "{told}");
    let all = user.says(&["classify", "--labels", "organ,drums", "-n", "2"]);
    assert!(all.lines().count() == 1 && all.contains("drums") && all.contains("organ.wav"), "{all}");
    // One that can't be read costs nothing of the others.
    fs::write(&bad, "no sound").unwrap();
    let both = user.output(&[&files[..], &[bad.to_str().unwrap()]].concat());
    assert_eq!(both.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&both.stdout).contains("organ.wav"));
    assert!(String::from_utf8_lossy(&both.stderr).contains("bad.wav"));
    assert!(user.complains(&["classify", "--labels", "a,,b", organ.to_str().unwrap()]).contains("empty"));
    let vectors = user.home.path().join("v.safetensors");
    let embed = ["embed", "--out", vectors.to_str().unwrap(), bad.to_str().unwrap(), organ.to_str().unwrap()];
    assert!(user.complains(&embed).contains("1 of 2 files"));
    let written = fs::read(&vectors).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&written).unwrap();
    assert_eq!(tensors.tensor("audio").unwrap().shape()[0], 1);
}

#[test]
fn a_file_that_cannot_be_read_is_told_once_until_it_changes() {
    let user = User::new();
    let bad = user.music().join("bad.mp3");
    record(&user.music().join("good.wav"), 220.0, 0.3);
    fs::write(&bad, "this is no music").unwrap();
    let told =
        |arguments: &[&str]| String::from_utf8(user.output(arguments).stderr).unwrap().contains("could not be read");
    assert!(told(&["index", user.music().to_str().unwrap()]));
    assert!(!told(&["search", "organ"]), "it was told before");
    let list = user.home.path().join("data/muscall/libraries/default/unreadable.tsv");
    assert!(fs::read_to_string(&list).unwrap().contains("bad.mp3"), "the list still has it");
    fs::write(&bad, "this is something else, and no music").unwrap();
    assert!(told(&["search", "organ"]));
    assert!(!told(&["search", "organ"]));
    record(&bad, 330.0, 0.3);
    assert!(user.says(&["index"]).starts_with("2 tracks"));
    assert!(!list.exists());
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn watched_folders_are_followed() {
    let user = User::new();
    record(&user.music().join("a.wav"), 220.0, 0.3);
    let mut watch = user.command(&["index", "--watch", user.music().to_str().unwrap()]);
    let mut watch = Running(watch.stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(watch.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().starts_with("1 track,"));
    assert!(lines.next().unwrap().starts_with("watching"));
    // A search meanwhile is welcome, and sees the same.
    assert!(user.says(&["search", "organ"]).contains("a.wav"));
    // Whole at once, as it must not be heard half.
    let beside = user.home.path().join("b.wav");
    record(&beside, 440.0, 0.3);
    fs::rename(&beside, user.music().join("b.wav")).unwrap();
    let started = Instant::now();
    let line = lines.next().unwrap();
    assert!(line.starts_with("2 tracks,") && line.contains("1 analysed"), "{line}");
    assert!(started.elapsed() < Duration::from_secs(180));
    fs::remove_file(user.music().join("a.wav")).unwrap();
    let line = lines.next().unwrap();
    assert!(line.starts_with("1 track,") && line.contains("1 removed"), "{line}");
    #[cfg(unix)]
    {
        assert!(Command::new("kill").args(["-INT", &watch.0.id().to_string()]).status().unwrap().success());
        assert!(watch.0.wait().unwrap().success());
    }
}

#[test]
fn models_devices_and_pages_of_the_manual() {
    let user = User::new();
    record(&user.music().join("a.wav"), 220.0, 0.3);
    user.index();
    let models = json(&user.says(&["models", "--json"]));
    assert_eq!(models[0]["libraries"][0], "default", "{models}");
    muscall::Muscall::boxed(&muscall::Device::default()).unwrap().save(user.home.path().join("runs/mine")).unwrap();
    let models = json(&user.says(&["models", "--json", user.home.path().join("runs").to_str().unwrap()]));
    assert!(models[1]["name"].as_str().unwrap().ends_with("runs/mine"), "{models}");
    let devices = json(&user.says(&["devices", "--json"]));
    assert!(
        devices[0]["device"] == "cpu" && devices[0]["description"].as_str().unwrap().contains("threads"),
        "{devices}"
    );
    let folder = user.home.path().join("man");
    user.says(&["manual", folder.to_str().unwrap()]);
    for command in muscall_cli::command().get_subcommands().filter(|command| command.get_name() != "help") {
        let page = fs::read_to_string(folder.join(format!("muscall-{}.1", command.get_name()))).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{}", command.get_name());
    }
    let recipe = user.says(&["train", "--print-recipe", "sentence", "--epochs", "3", "--set", "model.clip_s=7"]);
    assert!(recipe.contains("epochs = 3") && recipe.contains("clip_s = 7.0"), "{recipe}");
}

#[test]
fn a_table_without_splits_is_trained_on_with_some_of_it_held_out() {
    let user = User::new();
    let mut table = "audio,caption\n".to_owned();
    for i in 0..10 {
        let name = format!("{i}.wav");
        record(&user.home.path().join(&name), 110.0 + 50.0 * i as f32, 0.5);
        table += &format!("{name},a chord number {i}\n");
    }
    let (data, out) = (user.home.path().join("captions.csv"), user.home.path().join("run"));
    fs::write(&data, table).unwrap();
    let small = ["--set", "model.preset=tiny", "--clip-seconds", "2", "--epochs", "1", "--batch-size", "4"];
    let train = |more: &[&str]| {
        let (data, out) = (data.to_str().unwrap(), out.to_str().unwrap());
        let arguments =
            [&["train", "--recipe", "quickstart", "--data", data, "--out", out, "--replace"], &small[..], more];
        let output = user.output(&arguments.concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stderr).unwrap()
    };
    let told = train(&["--val-fraction", "0.2"]);
    assert!(told.contains("2 of 10 rows are held out") && told.contains("8 training clips"), "{told}");
    let held = out.join("held_out.jsonl");
    assert_eq!(fs::read_to_string(&held).unwrap().lines().count(), 2);
    let (bundle, held) = (out.to_str().unwrap(), held.to_str().unwrap());
    assert!(user.says(&["evaluate", "--bundle", bundle, "--data", held]).contains("2 tracks"));
    // It goes on with the same rows, though one of the files is another one now.
    record(&user.home.path().join("3.wav"), 999.0, 2.0);
    let before = fs::read_to_string(held).unwrap();
    let resumed = user.output(
        &[
            &["train", "--recipe", "quickstart", "--data", data.to_str().unwrap(), "--out", bundle, "--resume"],
            &small[..],
            &["--val-fraction", "0.2"],
        ]
        .concat(),
    );
    assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
    assert_eq!(fs::read_to_string(held).unwrap(), before);
    let told = train(&[]);
    assert!(told.contains("nothing is held out") && told.contains("10 training clips"), "{told}");
    assert!(!out.join("held_out.jsonl").exists(), "these rows are trained on now");
}

/// An album in one file, music that is not read, a link, a folder that is passed over, and a picture.
#[test]
fn everything_in_a_folder_is_told() {
    let user = User::new();
    let at = |name: &str| user.music().join(name);
    record(&at("album.wav"), 220.0, 0.3);
    let sheet = "REM GENRE \"Acid Jazz\"\nPERFORMER Band\nTITLE Album\nFILE album.wav WAVE\nTRACK 01 AUDIO\nTITLE One\n\
                 INDEX 01 00:00:00\nTRACK 02 AUDIO\nTITLE Two\nINDEX 01 00:06:00\n";
    fs::write(at("album.cue"), sheet).unwrap();
    fs::write(at("old.wma"), "x").unwrap();
    fs::write(at("old.2.wma"), "x").unwrap();
    fs::write(at("cover.jpg"), "x").unwrap();
    fs::create_dir(at("quiet")).unwrap();
    fs::write(at("quiet/.nomedia"), "").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("album.wav", at("same.wav")).unwrap();
    let output = user.output(&["index", user.music().to_str().unwrap()]);
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("2 tracks"), "{told}");
    assert!(told.contains("also there: 1 file that is not music") && told.contains("1 folder passed over"), "{told}");
    #[cfg(unix)]
    assert!(told.contains("1 link to a track"), "{told}");
    assert!(errors.contains("2 files: Windows Media Audio is not supported"), "{errors}");
    // What is known is not told again.
    let again = user.output(&["search", "jazz", "--tag", "genre=jazz"]);
    assert!(!String::from_utf8_lossy(&again.stderr).contains("Windows Media"));
    let tags = user.says(&["tags", "genre"]);
    assert_eq!(tags, "genre:\n       2  Acid Jazz\n");
    assert_eq!(json(&user.says(&["tags", "--json"]))["title"].as_array().unwrap().len(), 2);
    assert_eq!(user.output(&["tags", "mood"]).status.code(), Some(1));
    let titles = |tag: &str| {
        let found = user.output(&["search", "music", "--tag", tag, "--json"]);
        let found = json(&String::from_utf8_lossy(&found.stdout));
        let mut titles: Vec<String> =
            found["answers"].as_array().unwrap().iter().map(|one| one["title"].as_str().unwrap().to_owned()).collect();
        titles.sort();
        titles
    };
    assert_eq!(titles("genre=rock|jazz"), ["One", "Two"]);
    assert_eq!(titles("title=two"), ["Two"]);
    assert_eq!(titles("one"), ["One"]);
}

/// A download that broke off is indexed, and told.
#[test]
fn damaged_files_are_told_once() {
    let user = User::new();
    record(&user.music().join("half.wav"), 220.0, 0.3);
    let whole = fs::read(user.music().join("half.wav")).unwrap();
    fs::write(user.music().join("half.wav"), &whole[..whole.len() * 2 / 3]).unwrap();
    let output = user.output(&["index", user.music().to_str().unwrap()]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("damaged, the rest is indexed") && told.contains("half.wav: ends after"), "{told}");
    let output = user.output(&["index"]);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("damaged"));
}
