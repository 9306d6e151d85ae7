//! An index of files that come, change, move and go, made by a process that is killed again and again.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use muscall::model::weights::state_of;
use muscall::retrieval::Search;
use muscall::{Device, Index, Muscall, MuscallConfig};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const RATE: u32 = 16_000;

fn example(name: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let mut command = Command::new(test.ancestors().nth(2).unwrap().join("examples").join(name));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// A small model with random weights, those of a seed: three of 120 seeds give two tones the same vector but for rounding.
fn bundle(dir: &Path, seed: u64) -> PathBuf {
    // The random state is the process's, and tests share it.
    static DRAWS: Mutex<()> = Mutex::new(());
    let mut config = MuscallConfig::tiny();
    config.clip_s = 1.5;
    let model = {
        let _draws = DRAWS.lock().unwrap();
        Device::default().seed(seed);
        let model = config.init(&Device::default()).unwrap();
        // A weight is drawn when it is first looked at.
        let _ = state_of(&model);
        model
    };
    let tokenizer = muscall::model::ClipTokenizer::new().unwrap();
    let path = dir.join("bundle");
    Muscall::new(config, &model, tokenizer, &Device::default()).unwrap().save(&path).unwrap();
    path
}

/// A tone that slides, of its own for each seed.
fn music(path: &Path, seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (seconds, pitch, slide) =
        (rng.random_range(0.4..5.0), rng.random_range(80.0..900.0), rng.random_range(-90.0..90.0));
    let spec =
        hound::WavSpec { channels: 1, sample_rate: RATE, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for i in 0..(seconds * f64::from(RATE)) as u64 {
        let time = i as f64 / f64::from(RATE);
        let wave = (std::f64::consts::TAU * (pitch * time + slide * time * time)).sin();
        writer.write_sample((wave * 9000.0) as i16).unwrap();
    }
    writer.finalize().unwrap();
}

/// A second of a tone, with the time that all files of an archive have.
fn unpacked(path: &Path, pitch: f64) {
    let spec =
        hound::WavSpec { channels: 1, sample_rate: RATE, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for i in 0..RATE {
        let wave = (std::f64::consts::TAU * pitch * f64::from(i) / f64::from(RATE)).sin();
        writer.write_sample((wave * 9000.0) as i16).unwrap();
    }
    writer.finalize().unwrap();
    let time = std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

/// What the program says of a run that succeeds: on stdout, and on stderr.
fn said(command: &mut Command) -> (String, String) {
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    let [said, errors] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success(), "{errors}");
    (said, errors)
}

fn index_command(bundle: &Path, index: &Path, music: &Path) -> Command {
    let mut command = example("index");
    command.arg("--bundle").arg(bundle).arg("--index").arg(index).args(["--batch", "8"]).arg(music);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// What an index holds, by path.
fn contents(path: &Path) -> BTreeMap<String, (u128, u64, Vec<u32>, Vec<u32>)> {
    let index = Index::open(path).unwrap();
    let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    let mut all = BTreeMap::new();
    for track in index.tracks() {
        let (record, segments) = (index.track(track).unwrap(), index.segments(track).unwrap());
        let value = (record.content, record.bytes, bits(segments.starts_s), bits(segments.rows.values()));
        assert!(all.insert(record.path, value).is_none(), "a track stands twice");
    }
    all
}

#[test]
fn kills_lose_and_double_nothing() {
    // A long run, on demand: MUSCALL_KILLS=50 and 300 files.
    let kills: usize = std::env::var("MUSCALL_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(6);
    let files = if kills > 10 { 300 } else { 60 };
    let dir = tempfile::tempdir().unwrap();
    let (folder, index) = (dir.path().join("music"), dir.path().join("music.index"));
    let bundle = bundle(dir.path(), 1);
    fs::create_dir_all(folder.join("more")).unwrap();
    let name =
        |i: usize| folder.join(if i.is_multiple_of(3) { format!("more/ü {i}.wav") } else { format!("{i}.wav") });
    for i in 0..files {
        music(&name(i), i as u64);
    }
    // Odd ones: empty, not audio, cut off, two of the same content.
    fs::write(folder.join("empty.wav"), "").unwrap();
    fs::write(folder.join("text.mp3"), "not music").unwrap();
    let whole = fs::read(name(1)).unwrap();
    fs::write(folder.join("cut.wav"), &whole[..whole.len() / 2]).unwrap();
    fs::write(folder.join("twin.wav"), &whole).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for kill in 0..kills {
        let mut child = index_command(&bundle, &index, &folder).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(rng.random_range(20..1500)));
        child.kill().unwrap();
        child.wait().unwrap();
        // Whatever happened, it can be read.
        if index.exists() {
            contents(&index);
        }
        // Meanwhile some change, some move, some go.
        let pick = |rng: &mut ChaCha8Rng| name(rng.random_range(0..files));
        music(&pick(&mut rng), 1000 + kill as u64);
        let (from, to) = (pick(&mut rng), folder.join(format!("moved-{kill}.wav")));
        if from.exists() {
            fs::rename(from, to).unwrap();
        }
        let _ = fs::remove_file(pick(&mut rng));
    }
    assert!(index_command(&bundle, &index, &folder).status().unwrap().success());
    let undisturbed = dir.path().join("undisturbed.index");
    assert!(index_command(&bundle, &undisturbed, &folder).status().unwrap().success());
    let (disturbed, undisturbed) = (contents(&index), contents(&undisturbed));
    assert_eq!(disturbed.keys().collect::<Vec<_>>(), undisturbed.keys().collect::<Vec<_>>());
    assert!(disturbed == undisturbed);
    let listed = fs::read_to_string(dir.path().join("music.index.unreadable.tsv")).unwrap();
    for odd in ["empty.wav", "text.mp3"] {
        assert!(listed.contains(odd), "{listed}");
    }
    // Again there is nothing to do, and the index is the same to the byte.
    let bytes = fs::read(&index).unwrap();
    assert!(index_command(&bundle, &index, &folder).status().unwrap().success());
    assert!(fs::read(&index).unwrap() == bytes);
}

#[cfg(unix)]
#[test]
fn what_cannot_be_looked_at_is_not_gone() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, disk, index) = (dir.path().join("music"), dir.path().join("disk"), dir.path().join("music.index"));
    let bundle = bundle(dir.path(), 1);
    fs::create_dir_all(&folder).unwrap();
    fs::create_dir_all(disk.join("more")).unwrap();
    std::os::unix::fs::symlink(&disk, folder.join("b")).unwrap();
    for (seed, path) in
        [folder.join("a.wav"), disk.join("1.wav"), disk.join("more/2.wav"), folder.join("b c.wav")].iter().enumerate()
    {
        music(path, seed as u64);
    }
    let run = || said(&mut index_command(&bundle, &index, &folder));
    run();
    assert_eq!(contents(&index).len(), 4);
    // As if the disk were not mounted; next to it one file goes.
    fs::rename(&disk, dir.path().join("elsewhere")).unwrap();
    fs::remove_file(folder.join("b c.wav")).unwrap();
    let (said, errors) = run();
    assert!(said.contains("1 unchanged, 1 removed"), "{said}");
    let link = folder.join("b").display().to_string();
    assert!(errors.contains(&format!("left out: {link}: ")) && errors.contains("is kept"), "{errors}");
    assert_eq!(contents(&index).len(), 3);
    let listed = fs::read_to_string(dir.path().join("music.index.unreadable.tsv")).unwrap();
    assert!(listed.starts_with(&link), "{listed}");
    // It is back, and later it is really gone.
    fs::rename(dir.path().join("elsewhere"), &disk).unwrap();
    assert!(run().0.contains("0 files embedded"));
    fs::remove_file(folder.join("b")).unwrap();
    let (said, _) = run();
    assert!(said.contains("1 unchanged, 2 removed"), "{said}");
}

#[test]
fn a_library_is_the_same_under_another_path() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second, index) = (dir.path().join("first"), dir.path().join("second"), dir.path().join("music.index"));
    let bundle = bundle(dir.path(), 1);
    fs::create_dir(&first).unwrap();
    (0..3).for_each(|i| unpacked(&first.join(format!("{i}.wav")), 200.0 + 90.0 * f64::from(i)));
    let run = |music: &Path| said(&mut index_command(&bundle, &index, music)).0;
    run(&first);
    fs::rename(&first, &second).unwrap();
    let told = run(&second);
    assert!(told.starts_with("0 files embedded") && told.contains(", 3 moved, 0 copied, 0 unchanged"), "{told}");
    let mut spelled = vec![second.join("../second"), second.join(".")];
    #[cfg(unix)]
    {
        spelled.push(dir.path().join("link"));
        std::os::unix::fs::symlink("second", &spelled[2]).unwrap();
    }
    for music in spelled {
        let told = run(&music);
        assert!(told.contains("0 moved, 0 copied, 3 unchanged, 0 removed") && told.contains(" 3 tracks"), "{told}");
    }
    let names: Vec<PathBuf> = contents(&index).into_keys().map(PathBuf::from).collect();
    let second = fs::canonicalize(second).unwrap();
    assert_eq!(names, [0, 1, 2].map(|i| second.join(format!("{i}.wav"))));
}

#[test]
fn equal_size_and_time_hide_no_other_file() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, index) = (dir.path().join("music"), dir.path().join("music.index"));
    let bundle = bundle(dir.path(), 1);
    fs::create_dir(&folder).unwrap();
    let unpack = |pitches: [f64; 2]| {
        unpacked(&folder.join("001.wav"), pitches[0]);
        unpacked(&folder.join("002.wav"), pitches[1]);
    };
    unpack([220.0, 880.0]);
    said(&mut index_command(&bundle, &index, &folder));
    // The second version of the data set has a new file, and one that had another name.
    unpack([500.0, 220.0]);
    let told = said(&mut index_command(&bundle, &index, &folder)).0;
    let anew = dir.path().join("anew.index");
    said(&mut index_command(&bundle, &anew, &folder));
    assert!(contents(&index) == contents(&anew), "{told}");
    assert!(told.starts_with("1 file embedded") && told.contains("1 copied, 0 unchanged, 0 removed"), "{told}");
    // Whatever sizes and times say, all is read on demand.
    let told = said(index_command(&bundle, &index, &folder).arg("--rehash")).0;
    assert!(told.starts_with("0 files embedded") && told.contains("2 unchanged"), "{told}");
}

#[test]
fn an_empty_folder_keeps_its_tracks_until_they_are_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, index) = (dir.path().join("music"), dir.path().join("music.index"));
    let bundle = bundle(dir.path(), 1);
    fs::create_dir_all(folder.join("disk")).unwrap();
    unpacked(&folder.join("a.wav"), 200.0);
    unpacked(&folder.join("disk/b.wav"), 300.0);
    let run = || said(&mut index_command(&bundle, &index, &folder));
    run();
    fs::remove_file(folder.join("disk/b.wav")).unwrap();
    let (told, errors) = run();
    assert!(told.contains("1 unchanged, 0 removed, 1 kept") && told.contains(" 2 tracks"), "{told}");
    let disk = fs::canonicalize(folder.join("disk")).unwrap();
    assert!(errors.contains(&format!("left out: {}: ", disk.display())) && errors.contains("--forget"), "{errors}");
    let forget = |place: &Path| {
        let mut command = example("index");
        command.arg("--index").arg(&index).arg("--forget").arg(place).output().unwrap()
    };
    let forgotten = forget(&folder.join("../music/disk"));
    let told = String::from_utf8(forgotten.stdout).unwrap();
    assert!(forgotten.status.success() && told.contains("1 track forgotten; 1 track,"), "{told}");
    assert_eq!(contents(&index).len(), 1);
    let again = forget(&folder.join("disk"));
    assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("no track at or below"));
    // An empty root is an error, and all is kept.
    fs::rename(folder.join("a.wav"), dir.path().join("a.wav")).unwrap();
    fs::remove_dir(folder.join("disk")).unwrap();
    for _ in 0..2 {
        let refused = index_command(&bundle, &index, &folder).stderr(Stdio::piped()).output().unwrap();
        let error = String::from_utf8(refused.stderr).unwrap();
        assert!(refused.status.code() == Some(2) && error.contains("the index stays as it is"), "{error}");
        assert_eq!(contents(&index).len(), 1);
        let _ = fs::remove_dir(&folder);
    }
}

#[test]
fn music_is_a_folder_or_any_splits_of_a_manifest() {
    let dir = tempfile::tempdir().unwrap();
    let (released, index) = (dir.path().join("released"), dir.path().join("music.index"));
    let bundle = bundle(dir.path(), 1);
    fs::create_dir_all(released.join("audio")).unwrap();
    music(&released.join("audio/1.wav"), 1);
    music(&released.join("audio/not listed.wav"), 2);
    let list = |name: &str, split: &str| {
        let row = format!("{{\"audio\": \"1.wav\", \"caption\": \"a tone\"{split}}}");
        fs::write(released.join(name), if split.is_empty() { format!("[{row}]") } else { row }).unwrap();
    };
    let check = |data: &Path| {
        let output = example("check").arg("--data").arg(data).args(["--clip-s", "0.3"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    for split in ["train", "val", "test"] {
        let name = format!("dataset_{split}.json");
        list(&name, "");
        assert!(index_command(&bundle, &index, &released).status().unwrap().success(), "{split}");
        assert_eq!(contents(&index).len(), 1, "{split}");
        assert!(check(&released).starts_with(&format!("{split}: 1 track, 1 caption\n")));
        fs::remove_file(released.join(name)).unwrap();
    }
    let manifest = released.join("audio/mine.jsonl");
    for split in ["train", "val", "test"] {
        list("audio/mine.jsonl", &format!(", \"split\": \"{split}\""));
        assert!(index_command(&bundle, &index, &manifest).status().unwrap().success(), "{split}");
        assert!(check(&manifest).starts_with(&format!("{split}: 1 track, 1 caption\n")));
    }
    let refused = |music: &Path| {
        let output = index_command(&bundle, &index, music).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let error = refused(&released.join("audio/1.wav"));
    assert!(error.contains("1.wav: expected a folder of music, or a manifest"), "{error}");
    let empty = dir.path().join("empty");
    fs::create_dir(&empty).unwrap();
    assert!(refused(&empty).contains("no audio files in this folder"));
}

#[test]
fn shards_make_the_same_index_and_may_be_run_again() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, index) = (dir.path().join("music"), dir.path().join("music.index"));
    let bundle = bundle(dir.path(), 1);
    fs::create_dir(&folder).unwrap();
    (0..20).for_each(|i| music(&folder.join(format!("{i}.wav")), i));
    let whole = dir.path().join("whole.index");
    assert!(index_command(&bundle, &whole, &folder).status().unwrap().success());
    let merge = || {
        let mut command = example("index");
        command.args(["--merge", "3", "--index"]).arg(&index).output().unwrap()
    };
    for number in [0, 2] {
        let mut command = index_command(&bundle, &index, &folder);
        assert!(command.args(["--shard", &format!("{number}/3")]).status().unwrap().success());
    }
    let missing = merge();
    assert!(!missing.status.success() && String::from_utf8_lossy(&missing.stderr).contains("shard-1-of-3"));
    let mut last = index_command(&bundle, &index, &folder);
    assert!(last.args(["--shard", "3"]).env("SLURM_ARRAY_TASK_ID", "1").status().unwrap().success());
    assert!(merge().status.success());
    assert!(contents(&index) == contents(&whole));
    let bytes = fs::read(&index).unwrap();
    assert!(merge().status.success());
    assert!(fs::read(&index).unwrap() == bytes);
}

#[test]
fn the_index_holds_what_the_model_gives() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, index) = (dir.path().join("music"), dir.path().join("music.index"));
    let bundle = bundle(dir.path(), 1);
    fs::create_dir(&folder).unwrap();
    let paths: Vec<PathBuf> = (0..12).map(|i| folder.join(format!("{i}.wav"))).collect();
    paths.iter().zip(0..).for_each(|(path, seed)| music(path, seed));
    assert!(index_command(&bundle, &index, &folder).args(["--threads", "3"]).status().unwrap().success());
    let model = Muscall::load(&bundle, &Device::default()).unwrap();
    let opened = Index::open_for(&index, model.fingerprint().unwrap()).unwrap();
    let (whole, middle) = (model.in_windows().embed_whole(&paths).unwrap(), model.embed_audio(&paths).unwrap());
    let mut short = 0;
    for (row, path) in paths.iter().enumerate() {
        let track = opened.find(path.to_str().unwrap()).unwrap().unwrap();
        assert_eq!(opened.vector(track).unwrap(), whole.row(row));
        if opened.segments(track).unwrap().rows.rows() == 1 {
            assert_eq!(opened.vector(track).unwrap(), middle.row(row));
            short += 1;
        }
        let best = opened.search(opened.segments(track).unwrap().rows.row(0), &Search::new(1)).unwrap();
        assert_eq!(best[0].track, track);
    }
    assert!(short > 0, "some files are short");
    // Another model's vectors are not mixed with these.
    let other = self::bundle(&dir.path().join("other"), 2);
    let refused =
        example("index").arg("--bundle").arg(&other).arg("--index").arg(&index).arg(&folder).output().unwrap();
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("model"));
}
