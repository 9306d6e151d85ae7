//! LAION-CLAP models that are made here, of sizes that no golden file has, in the hub's layout and laion's.
#![cfg(feature = "sentence")]
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

#[path = "../../../tests/golden/clap_made.rs"]
mod clap_made;
#[path = "../../../tests/golden/clap_synth.rs"]
mod clap_synth;

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use clap_made::{Sizes, Weights, write_hub, write_laion};
use clap_synth::synth;
use muscall_model::Muscall;
use muscall_model::weights::clap::import_clap;

fn tokenizer() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/clap/hf/tokenizer.json")
}

#[test]
fn layouts_differ_in_nothing_but_the_epsilon_of_the_text_tower() {
    let dir = tempfile::tempdir().unwrap();
    let [hub, bin, words, other] = ["hub", "bin", "words", "other"].map(|name| dir.path().join(name));
    let (pt, sizes) = (dir.path().join("model.pt"), Sizes::odd());
    write_hub(&sizes, 3, &hub, &tokenizer(), Weights::Safetensors);
    write_hub(&sizes, 3, &bin, &tokenizer(), Weights::Torch);
    write_hub(&sizes, 4, &other, &tokenizer(), Weights::Safetensors);
    write_laion(&sizes, 3, &pt);
    // A tokenizer and nothing beside it: RoBERTa-base's heads are taken.
    fs::create_dir(&words).unwrap();
    fs::copy(tokenizer(), words.join("tokenizer.json")).unwrap();

    let import = |source: &Path, words: Option<&Path>| import_clap(source, words, &Device::flex()).unwrap();
    let [from_hub, from_bin, unlike] = [&hub, &bin, &other].map(|folder| import(folder, None));
    let laion = import(&pt, Some(&words));
    let states = [&from_hub, &from_bin, &laion].map(|model| model.state().unwrap());
    assert_eq!(states[0].len(), states[2].len());
    assert!(states[0] == states[1] && states[0] == states[2]);

    let floats = |samples: Vec<i32>| samples.into_iter().map(|x| x as f32 / 32_768.0).collect::<Vec<f32>>();
    let clips = [floats(synth(1, 1, 144_000)), floats(synth(2, 1, 600_000))];
    let captions = ["a slow guitar", "Fast drums, and a bass"];
    let music = |model: &Muscall| model.embed_clips(&clips).unwrap();
    let words = |model: &Muscall| model.embed_text(captions).unwrap();
    assert_eq!(music(&from_hub), music(&from_bin));
    assert_eq!(music(&from_hub), music(&laion));
    assert_ne!(music(&from_hub), music(&unlike));
    assert_eq!(words(&from_hub), words(&from_bin));
    let off = words(&from_hub).row(0).iter().zip(words(&laion).row(0)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(off > 0.0 && off < 0.01, "{off}");
    // With laion's epsilon in the hub's configuration nothing is left of the difference.
    let config = fs::read_to_string(hub.join("config.json")).unwrap();
    assert!(config.contains("1e-12"));
    fs::write(hub.join("config.json"), config.replace("1e-12", "1e-5")).unwrap();
    assert_eq!(words(&import(&hub, None)), words(&laion));
}

/// For `scripts/check_clap.sh`: both full sizes in both layouts, 6 GB, to the folder that `MUSCALL_CLAP_MODELS` names.
#[test]
#[ignore = "writes 6 GB to the folder that MUSCALL_CLAP_MODELS names"]
fn full_sizes() {
    let out = PathBuf::from(std::env::var_os("MUSCALL_CLAP_MODELS").expect("set MUSCALL_CLAP_MODELS to a folder"));
    for (name, sizes) in [("tiny", Sizes::tiny()), ("base", Sizes::base())] {
        write_hub(&sizes, 1, &out.join(name), &tokenizer(), Weights::Safetensors);
        write_laion(&sizes, 1, &out.join(format!("{name}.pt")));
    }
}

/// The same script's classification, with the memory that it takes.
#[test]
#[ignore = "classifies with the bundle that MUSCALL_CLAP_BUNDLE names"]
fn classifies() {
    let bundle = PathBuf::from(std::env::var_os("MUSCALL_CLAP_BUNDLE").expect("set MUSCALL_CLAP_BUNDLE to a bundle"));
    let model = Muscall::load(bundle, &Device::flex()).unwrap();
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/audio/000_0ad_Celtica.ogg");
    let scores = model.classify([clip], ["jazz", "rock", "folk"]).unwrap();
    assert!(scores[0].len() == 3 && scores[0].iter().all(|score| score.abs() <= 1.0), "{scores:?}");
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB").trim().to_owned();
    let kilobytes: usize = peak.split(' ').next().unwrap().parse().unwrap();
    println!("classify: peak {} MiB", kilobytes / 1024);
}
