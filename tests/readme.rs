//! The README's commands, as a reader types them from top to bottom: in a home with some music, on a machine where nothing
//! was trained. What they print is compared with tests/readme/expected.txt, times and scores aside.
//!
//! `MUSCALL_UPDATE=1 cargo test --workspace --test readme`, once all is built, writes what they print now.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use muscall::{Device, Muscall, MuscallConfig};
use serde_json::json;

/// Commands that are not run here, by how they begin, and why.
const ELSEWHERE: [(&str, &str); 10] = [
    ("cargo install", "it compiles the program"),
    ("cargo build", "an MPI library is not everywhere: scripts/test_mpi.sh"),
    ("mpirun", "scripts/test_mpi.sh"),
    ("cargo test", "this is it"),
    ("cargo bench", "it takes an hour"),
    ("cargo run --release --example quickstart", "it takes minutes: tests/examples.rs"),
    ("muscall import laion", "it downloads"),
    ("muscall index --model runs/clap", "its model is downloaded"),
    ("muscall benchmark", "it wants a public data set: crates/muscall-data/tests/benchmark.rs"),
    ("cargo run --release --example plot -- runs/mine --every-s", "it goes on for ever: tests/examples_evaluation.rs"),
];

/// What makes a training of days one of seconds.
const SMALL: &str =
    " --set model.preset=tiny --set model.clip_s=2 --set epochs=1 --set batch_size=4 --set data.threads=1";

const MUSIC: [&str; 6] = [
    "demo/audio/000_0ad_Celtica.ogg",
    "demo/audio/007_0ad_Taiko_1.ogg",
    "demo/audio/013_fretsonfire_Metal_madness.ogg",
    "demo/audio/018_naev_void_sensor.ogg",
    "demo/audio/023_supertuxkart_egypt.ogg",
    "demo/audio/039_ryan_Green_Fields_of_America.ogg",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The lines of all blocks that are commands.
fn commands() -> Vec<String> {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    let (mut inside, mut found) = (false, Vec::new());
    for line in text.lines() {
        if line.starts_with("```") {
            inside = !inside;
        } else if inside && ["muscall ", "cargo ", "mpirun "].iter().any(|start| line.starts_with(start)) {
            found.push(line.split("  #").next().unwrap().trim().to_owned());
        }
    }
    found
}

/// A home with music, captioned clips, two models, and the files that the README names.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    for folder in ["Music", "my", "bin"] {
        fs::create_dir(at(folder)).unwrap();
    }
    for file in MUSIC {
        fs::copy(root().join(file), at("Music").join(Path::new(file).file_name().unwrap())).unwrap();
    }
    fs::write(at("queries.txt"), "calm piano\nbrass band\n").unwrap();
    tone(&at("song.mp3"), 48.0, 330.0);
    let mut rows = String::new();
    for i in 0..12 {
        let name = format!("{i}.wav");
        tone(&at("my").join(&name), 3.0, 110.0 + 40.0 * i as f32);
        let split = ["train", "train", "val", "test"][i % 4];
        let row = json!({ "audio": name, "caption": format!("a tone, number {i}"), "split": split });
        writeln!(rows, "{row}").unwrap();
    }
    fs::write(at("my/manifest.jsonl"), rows).unwrap();
    for (name, seed) in [("runs/mine", 1), ("runs/other", 2)] {
        let mut config = MuscallConfig::tiny();
        config.clip_s = 2.0;
        Device::default().seed(seed);
        let network = config.init(&Device::default()).unwrap();
        let tokenizer = muscall::model::ClipTokenizer::new().unwrap();
        Muscall::new(config, &network, tokenizer, &Device::default()).unwrap().save(at(name)).unwrap();
    }
    for (name, golden) in [("best_model.pth.tar", "checkpoint.pth.tar"), ("config.yaml", "config.json")] {
        fs::copy(root().join("tests/golden/attention").join(golden), at(name)).unwrap();
    }
    let recipes = at("recipes");
    copy_folder(&root().join("recipes"), &recipes);
    home
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() { copy_folder(&from, &to) } else { assert!(fs::copy(from, to).is_ok()) }
    }
}

/// A tone whose loudness changes; its format is what it holds, whatever it is called.
fn tone(path: &Path, seconds: f32, pitch_hz: f32) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::new(fs::File::create(path).unwrap(), spec).unwrap();
    for sample in 0..(seconds * 16_000.0) as u32 {
        let time = sample as f32 / 16_000.0;
        let x = (std::f32::consts::TAU * pitch_hz * time).sin() * (0.6 + 0.4 * (3.0 * time).sin());
        file.write_sample((x * 12_000.0) as i16).unwrap();
    }
    file.finalize().unwrap();
}

/// As it can be typed here: a small training in place of a large one, a server on a free port, examples that are built.
fn adapted(line: &str, has_sentence_model: bool) -> String {
    let mut line = line.to_owned();
    if line.starts_with("muscall train") || line.starts_with("muscall ablate") {
        line += SMALL;
    }
    if line.starts_with("muscall distil") {
        line += " --width 2 --windows 1 --epochs 1 --batch-size 2 --val-fraction 0.4 --set data.threads=1";
    }
    // In the place of a published one, which is fetched.
    line =
        line.replace(" runs/clap ", " runs/other ").replace("--keep demo/manifest.jsonl", "--keep my/manifest.jsonl");
    if line.contains("--out runs/mine") {
        line += " --replace";
    }
    if line.contains("--init runs/imported") {
        // The imported one is small in another way: it has too few tokens to read captions.
        line = line.replace("--init runs/imported", "--init runs/other");
    }
    if line.contains("recipes/table4/*") && !has_sentence_model {
        line = line.replace("recipes/table4/*.toml", "recipes/table4/base.toml recipes/table4/no_crop.toml");
    }
    if line.contains("serve") {
        line += " --port 0";
    }
    let example = line.strip_prefix("cargo run --release --example ").map(|rest| rest.replacen(" -- ", " ", 1));
    example.unwrap_or(line)
}

/// Where the built programs are: `muscall` and the examples.
fn programs() -> [PathBuf; 2] {
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().nth(2).unwrap();
    let is_there = |name: &str| target.join(name).with_extension(std::env::consts::EXE_EXTENSION).is_file();
    assert!(is_there("muscall") && is_there("examples/serve"), "build all first: cargo test --workspace --no-run");
    [target.to_owned(), target.join("examples")]
}

/// What it prints, and its exit code. A server is stopped when it listens.
fn run(line: &str, home: &Path) -> (String, Option<i32>) {
    let mut command = Command::new("bash");
    let others = std::env::var_os("PATH").unwrap();
    let paths = std::env::join_paths(programs().into_iter().chain(std::env::split_paths(&others))).unwrap();
    command.args(["-c", &format!("exec {line}")]).current_dir(home).env("PATH", paths);
    // The instructions that every machine has, so that each finds the same.
    command.env("HOME", home).env("BURN_DEVICE", "cpu").env("MUSCALL_SIMD", "portable");
    if std::env::var_os("XDG_CACHE_HOME").is_none() {
        // Where the sentence encoder is, which is no part of this home.
        command.env("XDG_CACHE_HOME", Path::new(&std::env::var_os("HOME").unwrap()).join(".cache"));
    }
    command.env("XDG_DATA_HOME", home.join("data")).env("XDG_CONFIG_HOME", home.join("config"));
    if !line.contains("serve") {
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code().is_some_and(|code| code < 2), "{line}: {errors}");
        return (String::from_utf8(output.stdout).unwrap(), output.status.code());
    }
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut printed = String::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        printed += &(line.unwrap() + "\n");
        if printed.contains("Listening") {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    (printed, None)
}

/// Without what another machine, folder or moment would print otherwise: numbers with a fraction, times, ports, places.
fn masked(printed: &str, home: &Path) -> String {
    let printed = printed.replace(&*fs::canonicalize(home).unwrap().to_string_lossy(), "~");
    let printed = printed.replace(&*home.to_string_lossy(), "~");
    let mut out = String::new();
    for line in printed.lines() {
        let words = line.split(' ').map(|word| {
            let digits = word.trim_matches(|c: char| !c.is_ascii_digit());
            let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || ".e-+:–".contains(c));
            let is_masked = is_number && (digits.contains(['.', '–']) || word.contains("http"));
            if is_masked { word.replace(digits, "#") } else { word.to_owned() }
        });
        // Columns are as wide as their numbers.
        let line = words.collect::<Vec<_>>().join(" ");
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let port = line.find("127.0.0.1:").map(|at| at + "127.0.0.1:".len());
        writeln!(out, "{}", port.map_or(line.as_str(), |at| &line[..at])).unwrap();
    }
    // Whole seconds, too.
    let mut words: Vec<String> = Vec::new();
    for word in out.split_inclusive([' ', '\n']) {
        let is_seconds = word.trim().trim_end_matches([',', '.', ')']) == "s";
        if let Some(last) = words.last_mut().filter(|_| is_seconds)
            && last.trim().parse::<u64>().is_ok()
        {
            *last = "# ".to_owned();
        }
        words.push(word.to_owned());
    }
    words.concat()
}

/// Without what chance decides: a model of random weights gives other scores, and other answers, on another kind of CPU.
fn without_chance(masked: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in masked.lines().filter(|line| !line.contains(".ogg") && !line.contains("(0:12")) {
        let words = line
            .split(' ')
            .map(|word| if word.contains(|c: char| c.is_ascii_digit() || c == '#') { "#" } else { word });
        let line = words.filter(|&word| word != "text:").collect::<Vec<_>>().join(" ");
        let is_title = line.starts_with("\"title\"");
        let line = if is_title { "\"title\": #".to_owned() } else { line };
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.iter().map(|line| line.clone() + "\n").collect()
}

#[test]
fn the_readme_works_from_top_to_bottom() {
    let home = home();
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.unwrap_or_else(|| Path::new(&std::env::var_os("HOME").unwrap()).join(".cache"));
    let has_sentence_model = cache.join("muscall/all-MiniLM-L6-v2/model.safetensors").exists();
    let (mut printed, mut count, mut is_chance) = (String::new(), 0, false);
    for line in commands() {
        if ELSEWHERE.iter().any(|(start, _)| line.starts_with(start)) {
            continue;
        }
        let (output, code) = run(&adapted(&line, has_sentence_model), home.path());
        count += 1;
        // The table is in files, and longer or shorter by the rows that could be trained.
        is_chance |= line.contains("--model runs/mine");
        let output = match () {
            () if line.contains("ablate") => String::new(),
            () if is_chance && !line.starts_with("cargo") => without_chance(&masked(&output, home.path())),
            () => masked(&output, home.path()),
        };
        let code = code.filter(|&code| code != 0).map(|code| format!("exit code {code}\n")).unwrap_or_default();
        writeln!(printed, "$ {line}\n{output}{code}").unwrap();
    }
    assert!(count >= 20, "{count} commands");
    assert!(home.path().join("runs/table4/table.md").exists());
    let expected = root().join("tests/readme/expected.txt");
    if std::env::var_os("MUSCALL_UPDATE").is_some() {
        fs::write(&expected, &printed).unwrap();
    }
    let known = fs::read_to_string(&expected).unwrap_or_default();
    for (known, printed) in known.split("\n$ ").zip(printed.split("\n$ ")) {
        assert_eq!(known, printed);
    }
    assert_eq!(known, printed);
}
