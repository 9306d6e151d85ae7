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
    assert!(embed.status().unwrap().success());
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
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        text(&output)
    };
    let first = search();
    assert_eq!(first.lines().count(), 3);
    assert_eq!(search(), first);
    fs::remove_file(music.join("000_0ad_Celtica.ogg")).unwrap();
    assert_eq!(search().lines().count(), 2);
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
    let ablate = |seeds: &str, settings: &[&str]| {
        let mut command = example("ablate");
        command.arg("--recipes").args(&recipes).args(["--seeds", seeds, "--data", "demo/manifest.jsonl", "--out"]);
        command.arg(&out).args(settings).output().unwrap()
    };
    let first = ablate("0", &[]);
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let done = fs::metadata(out.join("sum/seed-0/result.json")).unwrap().modified().unwrap();
    let second = ablate("0,1", &[]);
    assert!(second.status.success(), "{}", String::from_utf8_lossy(&second.stderr));
    assert_eq!(fs::metadata(out.join("sum/seed-0/result.json")).unwrap().modified().unwrap(), done);
    let table = fs::read_to_string(out.join("table.md")).unwrap();
    assert_eq!(table.lines().count(), 5, "{table}");
    let csv = fs::read_to_string(out.join("table.csv")).unwrap();
    for (line, (name, _)) in csv.lines().skip(1).zip(changes) {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!((cells[0], cells[1], cells.len()), (name, "2", 22), "{csv}");
        assert!(cells[2..].iter().all(|cell| cell.parse::<f64>().is_ok()), "{csv}");
    }
    // Other settings are other runs.
    let other = ablate("0", &["--set", "learning_rate=1e-4"]);
    assert_eq!(other.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&other.stderr).contains("another recipe"));
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
    // Two of the demo's masters are very loud indeed; nothing else is wrong.
    let found = text(&output);
    assert!(found.contains("2 findings") && found.matches("are clipped").count() == 2, "{found}");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mine.jsonl");
    let audio = root().join("demo/audio/000_0ad_Celtica.ogg");
    let row = |caption: &str, split: &str| {
        format!("{{\"audio\": {:?}, \"caption\": \"{caption}\", \"split\": \"{split}\", \"id\": \"{split}\"}}\n", audio)
    };
    fs::write(&path, row("folk", "train") + &row("Folk", "val")).unwrap();
    let output = example("check").arg("--data").arg(&path).args(["--clip-s", "60"]).output().unwrap();
    let found = text(&output);
    for part in
        ["too short", "validation captions are training captions", "validation tracks are training audio", "4 findings"]
    {
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

    fs::write(dir.path().join("steps.csv"), "step,epoch,loss\n1,0,3.5\n2,0,2.5\n3,0,2.").unwrap();
    let plot = example("plot").arg(dir.path()).output().unwrap();
    assert!(text(&plot).starts_with("step 2, loss 2.500"), "{}", text(&plot));
    assert!(dir.path().join("training-dark.svg").exists());
    let nothing = example("plot").arg(&one).output().unwrap();
    assert_eq!(nothing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("steps.csv"));
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
    let list = |lines: &str| fs::write(at("captions.json"), lines).unwrap();
    list("{\"location\": \"lmd/a.mid\", \"caption\": \"a tone\"}\n{\"location\": \"lmd/b.mid\", \"caption\": \"-\"}\n");
    let render =
        || example("render_midi").arg(at("captions.json")).arg("--soundfont").arg(at("sine.sf2")).output().unwrap();
    let output = render();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text(&output).starts_with("1 of 2 pieces"), "{}", text(&output));
    assert!(String::from_utf8_lossy(&output.stderr).contains("b.mid"));
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
    list("{\"location\": \"../a.mid\"}");
    let outside = render();
    assert_eq!(outside.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&outside.stderr).contains("leaves the folder"));
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
