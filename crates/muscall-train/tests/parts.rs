//! Rows that are parts of a file: each is heard as if it had been cut out.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../../muscall-data/tests/wav/mod.rs"]
mod wav;

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use muscall_audio::{AugmentConfig, ClipConfig, Part};
use muscall_model::audio::ResNetConfig;
use muscall_model::text::TransformerConfig;
use muscall_model::{Muscall, MuscallConfig};
use muscall_train::benchmark::{Benchmark, MusicCaps, Task};
use muscall_train::doctor::{Diagnosis, check_clips, leakage};
use muscall_train::{Event, Learner, Manifest, OnExisting, Recipe, Split, evaluate};
use wav::write_wav;

/// Seconds of a part.
const PART_S: usize = 2;
const PARTS: usize = 8;

/// A tone of the part's own, in 16-bit samples.
fn part(number: usize) -> impl Iterator<Item = i16> {
    let hz = 110.0 * (number + 2) as f64;
    (0..PART_S * 16_000).map(move |i| (9000.0 * (std::f64::consts::TAU * hz * i as f64 / 16_000.0).sin()) as i16)
}

/// `mix.wav` with all parts, a file each in `cut/`, and manifests of both. Without ids, so that rows are told apart by what
/// they are.
fn write_data(dir: &Path) -> [PathBuf; 2] {
    fs::create_dir(dir.join("cut")).unwrap();
    write_wav(&dir.join("mix.wav"), (0..PARTS).flat_map(part));
    let (mut parts, mut files) = (String::new(), String::new());
    for number in 0..PARTS {
        write_wav(&dir.join(format!("cut/{number}.wav")), part(number));
        let (start, end) = (number * PART_S, (number + 1) * PART_S);
        let rest = format!(
            "\"caption\": \"tone {number}\", \"split\": \"{}\"}}\n",
            if number < PARTS - 2 { "train" } else { "val" }
        );
        parts += &format!("{{\"audio\": \"mix.wav\", \"start_s\": {start}, \"end_s\": {end}.0, {rest}");
        files += &format!("{{\"audio\": \"cut/{number}.wav\", {rest}");
    }
    [("parts.jsonl", parts), ("files.jsonl", files)].map(|(name, rows)| {
        fs::write(dir.join(name), rows).unwrap();
        dir.join(name)
    })
}

fn recipe() -> Recipe {
    let mut recipe = Recipe::new(MuscallConfig::tiny());
    recipe.epochs = 3;
    recipe.batch_size = 3;
    recipe.learning_rate = 1e-3;
    recipe.checkpoint_steps = Some(1);
    recipe.model.clip_s = 1.0;
    recipe.model.audio = ResNetConfig::new(2).with_hidden(16).into();
    recipe.model.text = TransformerConfig::new(1).with_width(16, 2).into();
    recipe.data.augment = AugmentConfig::muscall();
    recipe.data.threads = 2;
    recipe
}

/// Trains until `stop_after` steps, and gives the best weights and those of the last checkpoint.
fn train(manifest: &Path, run: &Path, recipe: &Recipe, stop_after: u64) -> [Vec<u8>; 2] {
    let read = |split| Manifest::read(manifest, split).unwrap();
    let learner = Learner::new(recipe.clone(), run, &Device::flex()).unwrap().with_on_existing(OnExisting::Resume);
    let listen = &mut |event: Event<'_>| match event {
        Event::Skipped(error) => panic!("{error}"),
        Event::Step(step) if step.step == stop_after => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    learner.fit(read(Split::Train), Some(read(Split::Val)), listen).unwrap();
    let checkpoints = fs::read_dir(run.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path());
    [run.join("weights.safetensors"), checkpoints.max().unwrap().join("model.safetensors")]
        .map(|path| fs::read(path).unwrap())
}

#[test]
fn training_and_evaluation_hear_the_parts() {
    let dir = tempfile::tempdir().unwrap();
    let [parts, files] = write_data(dir.path());
    let run = |name: &str| dir.path().join(name);
    let expected = train(&files, &run("files"), &recipe(), u64::MAX);
    assert!(train(&parts, &run("whole"), &recipe(), u64::MAX) == expected, "parts are not the files that were cut out");

    // Stopped twice, and from a cache of decoded audio.
    let mut cached = recipe();
    cached.data.cache = Some(run("cache"));
    for stop_after in [2, 5, u64::MAX] {
        let [best, last] = train(&parts, &run("stopped"), &cached, stop_after);
        assert_eq!(last == expected[1], stop_after == u64::MAX);
        assert!(stop_after < u64::MAX || best == expected[0]);
    }

    let model = Muscall::load(run("whole"), &Device::flex()).unwrap();
    let [heard, cut] = [&parts, &files].map(|path| {
        let result = evaluate(&model, &Manifest::read(path, Split::Val).unwrap()).unwrap();
        assert_eq!((result.tracks, result.unreadable.len()), (2, 0));
        result.audio().unwrap().values().to_vec()
    });
    assert!(heard == cut, "vectors of parts are not those of the files that were cut out");
}

#[test]
fn the_spellings_of_known_tables_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let tables = [
        (
            "a.jsonl",
            "{\"audio\":\"mix.wav\",\"caption\":\"x\",\"start_s\":0,\"end_s\":10}\n{\"audio\":\"mix.wav\",\"caption\":\"y\",\"start_s\":10,\"end_s\":\"20\"}\n",
        ),
        (
            "b.jsonl",
            "{\"audio\":\"mix.wav\",\"id\":\"214\",\"caption\":\"x\",\"start_time\":0.0,\"end_time\":10.0}\n{\"audio\":\"mix.wav\",\"id\":\"214\",\"caption\":\"y\",\"start_time\":10.0,\"end_time\":20.0}\n",
        ),
        ("c.csv", "audio,start,end,caption\nmix.wav,0,10,x\nmix.wav,10,20,y\n"),
        ("d.tsv", "audio\toffset\tduration\tcaption\nmix.wav\t0\t10\tx\nmix.wav\t10\t10\ty\n"),
        (
            "e.json",
            "[{\"audio\":\"mix.wav\",\"id\":\"a\",\"caption\":\"x\",\"offset\":0,\"duration\":10},{\"audio\":\"mix.wav\",\"id\":\"b\",\"caption\":\"y\",\"offset\":10,\"duration\":10}]",
        ),
    ];
    let ids = [
        ["mix.wav#t=0,10", "mix.wav#t=10,20"],
        ["214#t=0,10", "214#t=10,20"],
        ["mix.wav#t=0,10", "mix.wav#t=10,20"],
        ["mix.wav#t=0,10", "mix.wav#t=10,20"],
        ["a", "b"],
    ];
    let expected = [(0.0, 10.0, "x"), (10.0, 20.0, "y")];
    for ((name, text), ids) in tables.into_iter().zip(ids) {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        let manifest = Manifest::read(&path, Split::Train).unwrap();
        assert_eq!(manifest.rows.len(), 2, "{name}");
        for ((row, id), (start_s, end_s, caption)) in manifest.rows.iter().zip(ids).zip(expected) {
            assert_eq!((row.id.as_str(), &row.captions[..]), (id, &[caption.to_owned()][..]), "{name}");
            assert_eq!(row.part, Part::new(start_s, Some(end_s)).ok(), "{name}");
        }
    }
    // Captions of one part are joined, and another part is another data set.
    let path = dir.path().join("joined.csv");
    let read = |text: &str| {
        fs::write(&path, text).unwrap();
        Manifest::read(&path, Split::Train).unwrap()
    };
    let joined = read("audio,start,end,caption\nm.wav,0,10,x\nm.wav,10,20,z\nm.wav,0.0,10.0,y\n");
    assert_eq!(joined.rows.iter().map(|row| row.captions.len()).collect::<Vec<_>>(), [2, 1]);
    let [first, second] = ["0,10", "0,11"].map(|part| read(&format!("id,audio,start,end,caption\n1,m.wav,{part},x\n")));
    assert_eq!((first.rows[0].id.as_str(), second.rows[0].id.as_str()), ("1", "1"));
    assert_ne!(first.fingerprint(), second.fingerprint());
}

#[test]
fn check_names_what_lies_beyond_its_file_and_what_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    write_data(dir.path());
    let path = dir.path().join("m.csv");
    let read = |text: &str| {
        fs::write(&path, text).unwrap();
        Manifest::read(&path, Split::Train).unwrap()
    };
    let clip = ClipConfig::new(16_000, 16_000);
    let rows = "mix.wav,0,2,x\nmix.wav,15,18,x\nmix.wav,2000,4000,x\nmix.wav,32000,64000,x\ncut/1.wav,30,32,x\n";
    let found = check_clips(&read(&format!("audio,start,end,caption\n{rows}")), &clip, |_| {});
    let messages: Vec<String> = found.unreadable.iter().map(|(_, error)| error.to_string()).collect();
    let expected = ["correct the times", "milliseconds", "samples", "already cut out"];
    assert_eq!(messages.len(), expected.len(), "{messages:?}");
    for (message, part) in messages.iter().zip(expected) {
        assert!(message.contains(part) && message.contains(".wav"), "{message}");
    }

    let lengths = read("audio,duration,caption\nmix.wav,16,x\ncut/0.wav,240.5,x\ncut/1.wav,2.4,x\ncut/2.wav,2:00,x\n");
    let found = check_clips(&lengths, &clip, |_| {});
    let [Diagnosis::OtherLength { count: 1, files: 3, example, found_s, expected_s }] = &found.diagnoses[..] else {
        panic!("{:?}", found.diagnoses)
    };
    assert!(example.ends_with("cut/0.wav") && (*found_s, *expected_s) == (2.0, 240.5));
    assert!(lengths.rows.iter().all(|row| row.part.is_none()), "a duration alone is no part");
}

#[test]
fn splits_share_audio_where_parts_overlap() {
    let dir = tempfile::tempdir().unwrap();
    write_data(dir.path());
    let read = |name: &str, rows: &str| {
        let path = dir.path().join(name);
        fs::write(&path, format!("audio,start,end,caption\n{rows}")).unwrap();
        Manifest::read(&path, Split::Train).unwrap()
    };
    let first = read("a.csv", "mix.wav,0,4,x\n");
    let shared = |rows: &str| {
        let found = leakage(&first, &read("b.csv", rows));
        found.iter().any(|diagnosis| matches!(diagnosis, Diagnosis::SharedAudio { .. }))
    };
    assert!(shared("mix.wav,3,6,y\n") && shared("mix.wav,,,y\n"));
    assert!(!shared("mix.wav,4,8,y\n"));
}

#[test]
fn musiccaps_takes_clips_as_they_are_and_parts_of_recordings() {
    let dir = tempfile::tempdir().unwrap();
    let (clip, recording) = ("clip0000000", "recording00");
    write_wav(&dir.path().join(format!("{clip}.wav")), part(0));
    write_wav(&dir.path().join(format!("{recording}.wav")), (0..3).flat_map(part));
    let header = "ytid,start_s,end_s,caption,is_audioset_eval";
    let table = format!("{header}\n{clip},30,32,x,True\n{recording},2,4,y,True\n");
    fs::write(dir.path().join("musiccaps-public.csv"), table).unwrap();
    let data = MusicCaps.read(dir.path(), Split::Test).unwrap();
    let Task::Retrieval(manifest) = data.task else { panic!() };
    let parts: Vec<_> = manifest.rows.iter().map(|row| (row.id.as_str(), row.part)).collect();
    assert_eq!(parts, [(clip, None), (recording, Part::new(2.0, Some(4.0)).ok())]);
}
