//! The program from outside: a folder of music, words, answers, in a home of its own.
#![cfg(feature = "box")]
#![allow(missing_docs, clippy::unwrap_used)]

mod user;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;

use user::{User, record};

#[test]
fn once_and_then_in_words_from_anywhere() {
    let user = User::new();
    for (name, pitch_hz, pulse_hz) in [("slow_organ", 220.0, 0.2), ("fast_bells", 880.0, 6.0), ("low_hum", 60.0, 1.0)] {
        record(&user.music().join(name).with_extension("wav"), pitch_hz, pulse_hz);
    }
    assert!(user.complains(&["search", "calm"]).contains("muscall index"));
    assert!(user.index().starts_with("3 tracks, "));

    let found = user.says(&["search", "calm", "organ", "-n", "2"]);
    let lines: Vec<&str> = found.lines().collect();
    assert_eq!(lines.len(), 4, "{found}");
    assert!(lines[0].starts_with(" 1. ") && lines[0].contains("(0:12, best at 0:0"), "{found}");
    assert!(lines[1].trim_start().starts_with(user.music().to_str().unwrap()), "{found}");

    // What is new is heard, and what is gone is not found any more.
    record(&user.music().join("new.wav"), 330.0, 2.0);
    fs::remove_file(user.music().join("low_hum.wav")).unwrap();
    let all = user.says(&["search", "music", "-n", "9"]);
    assert!(all.contains("new.wav") && !all.contains("low_hum"), "{all}");
    assert!(user.says(&["index"]).starts_with("3 tracks, "));

    let answered: serde_json::Value = serde_json::from_str(&user.says(&["search", "--json", "slow organ"])).unwrap();
    let first = &answered["answers"][0];
    assert!(["good", "fair", "nothing"].contains(&answered["verdict"].as_str().unwrap()), "{answered}");
    assert!(first["title"].is_string() && first["moments"][0]["start_s"].is_number(), "{answered}");
    let only = user.says(&["search", "--in", "BELLS", "anything at all"]);
    assert!(only.lines().count() == 2 && only.contains("fast bells"), "{only}");
}

#[test]
fn a_file_that_moves_between_folders_is_found_where_it_is() {
    let user = User::new();
    let other = user.home.path().join("Another");
    fs::create_dir(&other).unwrap();
    record(&user.music().join("a.wav"), 220.0, 0.3);
    record(&user.music().join("b.wav"), 330.0, 0.3);
    record(&other.join("c.wav"), 440.0, 0.3);
    user.index();
    user.says(&["index", other.to_str().unwrap()]);
    fs::rename(user.music().join("a.wav"), other.join("a.wav")).unwrap();
    let found = user.says(&["search", "organ"]);
    assert!(found.contains("Another/a.wav") && !found.contains("Music/a.wav"), "{found}");
    // A folder within one of the library is there already, and one around them takes their place.
    let inner = user.music().join("inner");
    fs::create_dir(&inner).unwrap();
    record(&inner.join("d.wav"), 550.0, 0.3);
    assert!(user.says(&["index", inner.to_str().unwrap()]).starts_with("4 tracks"));
    assert_eq!(user.says(&["status"]).matches("  music: ").count(), 2);
    assert!(user.says(&["index", user.home.path().to_str().unwrap()]).starts_with("4 tracks"));
    assert_eq!(user.says(&["status"]).matches("  music: ").count(), 1);
}

#[test]
fn a_disk_that_is_away_loses_nothing_by_another_model() {
    let user = User::new();
    let disk = user.music().join("disk");
    fs::create_dir(&disk).unwrap();
    record(&user.music().join("a.wav"), 220.0, 0.3);
    record(&disk.join("b.wav"), 440.0, 0.3);
    user.index();
    let other = user.home.path().join("other");
    let bundle = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/box");
    let model = muscall::Muscall::load(&bundle, &muscall::Device::flex()).unwrap();
    model.save_as(&other, muscall::model::weights::WeightFormat::F16).unwrap();
    // A mount point without its disk is an empty folder.
    let away = user.home.path().join("away.wav");
    fs::rename(disk.join("b.wav"), &away).unwrap();
    let complaint = user.complains(&["index", "--model", other.to_str().unwrap()]);
    assert!(complaint.contains("disk: the tracks below it (1)"), "{complaint}");
    assert!(user.says(&["search", "organ"]).contains("b.wav"));
    fs::rename(&away, disk.join("b.wav")).unwrap();
    // Back to the old model, which is searched still, and to the other one again.
    assert!(user.says(&["status"]).contains("being indexed with"));
    assert!(user.says(&["index", "--boxed"]).starts_with("2 tracks"));
    assert!(!user.says(&["status"]).contains("being indexed with"));
    fs::rename(disk.join("b.wav"), &away).unwrap();
    user.complains(&["index", "--model", other.to_str().unwrap()]);
    fs::rename(&away, disk.join("b.wav")).unwrap();
    // It goes on with the model that was asked for.
    assert!(user.says(&["index"]).starts_with("2 tracks"));
    assert!(user.says(&["status"]).contains(&format!("model: {}", other.display())));
}

#[test]
fn a_damaged_index_is_made_anew() {
    let user = User::new();
    record(&user.music().join("a.wav"), 220.0, 0.3);
    user.index();
    let folder = user.home.path().join("data/muscall/libraries/default");
    let index = fs::read_dir(folder).unwrap().flatten().map(|file| file.path());
    let index = index.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "index")).unwrap();
    fs::write(&index, "no index").unwrap();
    assert!(user.says(&["status"]).contains("muscall index"));
    assert!(user.says(&["search", "organ"]).contains("a.wav"));
    fs::remove_file(&index).unwrap();
    assert!(user.says(&["index"]).starts_with("1 track,"));
}

#[test]
fn the_page_is_served_after_what_is_new_was_analysed() {
    let user = User::new();
    record(&user.music().join("a.wav"), 220.0, 0.3);
    user.index();
    record(&user.music().join("b.wav"), 330.0, 0.3);
    let mut server = user.command(&["serve", "--port", "0"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.next().unwrap().starts_with("2 tracks, "));
    let address = lines.next().unwrap();
    let address = address.strip_prefix("Listening on http://").unwrap().to_owned();
    let mut page = TcpStream::connect(&address).unwrap();
    write!(page, "GET /api/health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    page.read_to_string(&mut answer).unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"tracks\":2"), "{answer}");
}

#[test]
fn who_has_read_enough_may_close_the_pipe() {
    let user = User::new();
    record(&user.music().join("a.wav"), 220.0, 0.3);
    user.index();
    let mut search = user.command(&["search", "--json", "organ"]);
    let mut child = search.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("panicked"), "{said}");
}

#[test]
fn a_manifest_is_music_too_until_it_is_forgotten() {
    let user = User::new();
    record(&user.music().join("a.wav"), 220.0, 0.3);
    let elsewhere = user.home.path().join("b.wav");
    record(&elsewhere, 330.0, 0.3);
    let manifest = user.home.path().join("list.jsonl");
    fs::write(&manifest, "{\"audio\": \"b.wav\", \"caption\": \"an organ\"}\n").unwrap();
    user.index();
    assert!(user.says(&["index", manifest.to_str().unwrap()]).starts_with("2 tracks"));
    fs::rename(&manifest, manifest.with_extension("away")).unwrap();
    // Nobody knows now which tracks were its own.
    assert!(user.complains(&["search", "organ"]).contains("list.jsonl"));
    user.says(&["index", "--forget", manifest.to_str().unwrap()]);
    assert!(user.says(&["index"]).starts_with("1 track,"));
}

#[test]
fn a_bucket_that_cannot_be_asked_loses_nothing() {
    let user = User::new();
    record(&user.music().join("a.wav"), 220.0, 0.3);
    user.index();
    let path = user.home.path().join("data/muscall/libraries/default/library.toml");
    let text = fs::read_to_string(&path).unwrap().replacen("music = [", "music = [\"s3://bucket/songs\", ", 1);
    fs::write(&path, text).unwrap();
    let complaint = user.complains(&["index"]);
    assert!(complaint.contains("s3://bucket/songs") && complaint.contains("--forget"), "{complaint}");
    assert!(user.says(&["search", "--as-is", "organ"]).contains("a.wav"));
}

#[test]
fn folders_are_remembered_and_forgotten() {
    let user = User::new();
    let other = user.home.path().join("Other");
    fs::create_dir(&other).unwrap();
    record(&user.music().join("a.wav"), 220.0, 0.3);
    record(&other.join("b.wav"), 440.0, 0.3);
    user.index();
    assert!(user.says(&["index", other.to_str().unwrap()]).starts_with("2 tracks"));
    assert!(user.complains(&["index", "--forget", "/nowhere"]).contains(other.to_str().unwrap()));
    // A folder whose disk is away keeps its tracks until it is forgotten.
    fs::rename(&other, user.home.path().join("away")).unwrap();
    assert!(user.says(&["search", "organ"]).contains("b.wav"));
    assert!(user.says(&["index", "--forget", other.to_str().unwrap()]).contains("forgotten, with 1 track"));
    let left = user.says(&["search", "organ"]);
    assert!(left.contains("a.wav") && !left.contains("b.wav"), "{left}");
}

#[test]
fn like_a_file_and_as_a_playlist() {
    let user = User::new();
    for (name, pitch_hz) in [("a", 220.0), ("b", 221.0), ("c", 1500.0)] {
        record(&user.music().join(name).with_extension("wav"), pitch_hz, 0.3);
    }
    user.index();
    let like = user.says(&["similar", user.music().join("a.wav").to_str().unwrap(), "-n", "2"]);
    let found: Vec<&str> = like.lines().filter(|line| line.ends_with(".wav")).collect();
    assert!(found.len() == 2 && found[0].ends_with("b.wav") && !like.contains("a.wav"), "{like}");

    let list = user.home.path().join("evening.m3u8");
    // Three tracks of twelve seconds, of which two fit into half a minute.
    let said = user.says(&["playlist", list.to_str().unwrap(), "slow", "music", "--minutes", "0.5"]);
    assert!(said.contains("2 tracks, 0:24"), "{said}");
    let text = fs::read_to_string(&list).unwrap();
    assert_eq!(text.lines().filter(|line| line.ends_with(".wav")).count(), 2, "{text}");
    let nothing = user.output(&["playlist", list.to_str().unwrap(), "slow", "--minutes", "0.1"]);
    assert_eq!(nothing.status.code(), Some(1));
    assert_eq!(fs::read_to_string(&list).unwrap(), text);
}

#[test]
fn another_model_hears_everything_before_it_is_searched() {
    let user = User::new();
    record(&user.music().join("a.wav"), 220.0, 0.3);
    user.index();
    // The same weights in 16 bits give other vectors, and so need another index.
    let bundle = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/box");
    let other = user.home.path().join("other");
    let model = muscall::Muscall::load(&bundle, &muscall::Device::flex()).unwrap();
    model.save_as(&other, muscall::model::weights::WeightFormat::F16).unwrap();
    let output = user.output(&["index", "--model", other.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 track to be indexed again"), "{said}");
    assert!(user.says(&["status"]).contains(other.to_str().unwrap()));
    assert!(user.says(&["search", "organ"]).contains("a.wav"));
    // A model that changed under its name is told of, and the way on.
    fs::remove_dir_all(&other).unwrap();
    let complaint = user.complains(&["search", "organ"]);
    assert!(complaint.contains("other"), "{complaint}");
    assert!(user.says(&["index", "--boxed"]).starts_with("1 track,"));
    assert!(user.says(&["search", "organ"]).contains("a.wav"));
    let libraries = user.home.path().join("data/muscall/libraries/default");
    let indexes = fs::read_dir(libraries)
        .unwrap()
        .flatten()
        .filter(|file| file.path().extension().is_some_and(|extension| extension == "index"));
    assert_eq!(indexes.count(), 1);
}

#[test]
fn mistakes_are_told_with_the_way_on() {
    let user = User::new();
    assert!(user.complains(&["index"]).contains("muscall index ~/Music"));
    assert!(user.complains(&["index", "/nowhere/at/all"]).contains("/nowhere/at/all"));
    // A folder without music is refused, and not remembered.
    assert!(user.complains(&["index", user.music().to_str().unwrap()]).contains("no audio files"));
    assert!(user.complains(&["index"]).contains("muscall index ~/Music"));
    record(&user.music().join("a.wav"), 220.0, 0.3);
    fs::write(user.music().join("broken.mp3"), "no music").unwrap();
    let output = user.output(&["index", user.music().to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("1 file could not be read") && said.matches("broken.mp3").count() == 1, "{said}");
    let list = user.home.path().join("data/muscall/libraries/default/unreadable.tsv");
    assert!(fs::read_to_string(list).unwrap().contains("broken.mp3"));
    assert!(user.complains(&["search", "--tpo", "3", "organ"]).contains("--tpo"));
    assert!(user.complains(&["search", "--library", "../x", "organ"]).contains("not a valid library name"));
    assert!(user.complains(&["search", "--library", "other", "organ"]).contains("--library other"));
    fs::create_dir_all(user.home.path().join("config/muscall")).unwrap();
    fs::write(user.home.path().join("config/muscall/config.toml"), "musik = []").unwrap();
    assert!(user.complains(&["status"]).contains("config.toml"));
    assert!(user.says(&["completions", "bash"]).contains("_muscall"));
}
