//! The examples as people run them: arguments in, results on standard output.
#![allow(missing_docs, clippy::unwrap_used)]

mod example;

use std::fs;
use std::path::Path;
use std::process::Command;

use example::{bundle, errors, example, root, text};
use muscall::{Device, Muscall};
use serde_json::Value;

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
    fs::write(at("lmd/a.mid"), &midi).unwrap();
    // The same in 40 ticks of 25 frames a second.
    (midi[12], midi[13]) = (0xe7, 40);
    fs::write(at("lmd/film.mid"), &midi).unwrap();
    fs::write(at("lmd/b.mid"), "no MIDI").unwrap();
    fs::write(at("lmd/c.mid"), b"MThd\0\0\0\x06\0\x01\0\0\x01\xe0").unwrap();
    let list = |lines: &str| fs::write(at("captions.json"), lines).unwrap();
    let row = |name: &str| format!("{{\"location\": \"lmd/{name}.mid\", \"caption\": \"a tone\"}}\n");
    list(&["c", "a", "film", "b"].map(row).concat());
    let render =
        || example("render_midi").arg(at("captions.json")).arg("--soundfont").arg(at("sine.sf2")).output().unwrap();
    let output = render();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text(&output).starts_with("1 of 4 pieces"), "{}", text(&output));
    let log = errors(&output);
    assert!(log.contains("b.mid") && log.contains("lmd/c.mid: the reader panicked while rendering"), "{log}");
    assert!(log.contains("film.mid: its ticks are parts of a frame (25 frames of 40 ticks"), "{log}");
    assert!(log.contains("4 of 4 files done\n") && !log.contains("thread '"), "{log}");
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
    // A SoundFont 3 has Ogg Vorbis in the place of samples.
    let mut compressed = soundfont();
    let samples = compressed.windows(4).position(|name| name == b"smpl").unwrap() + 8;
    compressed[samples..samples + 4].copy_from_slice(b"OggS");
    fs::write(at("sine.sf2"), compressed).unwrap();
    assert!(errors(&render()).contains("compressed (SoundFont 3); save it as SoundFont 2"));
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
