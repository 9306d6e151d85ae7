//! Files of LAION-CLAP in their other forms, and damaged ones.
#![cfg(feature = "sentence")]
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use muscall_model::weights::clap::{export_clap, import_clap};
use muscall_model::weights::pytorch::TorchFile;
use muscall_model::weights::{StateDict, read_safetensors, write_safetensors};
use muscall_model::{ModelError, Muscall};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

const INDEX: &str = "model.safetensors.index.json";

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/clap")
}

fn copy(names: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in names {
        fs::copy(golden().join("hf").join(name), dir.path().join(name)).unwrap();
    }
    dir
}

fn import(source: &Path) -> Result<Muscall, ModelError> {
    import_clap(source, source.is_file().then(|| golden().join("hf")).as_deref(), &Device::flex())
}

#[test]
fn the_older_tokenizer_gives_the_same_tokens_and_is_saved_as_the_newer() {
    #[derive(serde::Deserialize)]
    struct Tokens {
        text: String,
        ids: Vec<u32>,
        #[serde(default)]
        spells_special: bool,
    }
    let dir = copy(&["config.json", "preprocessor_config.json", "model.safetensors", "vocab.json", "merges.txt"]);
    let older = import(dir.path()).unwrap();
    let newer = import(&golden().join("hf")).unwrap();
    let bundle = tempfile::tempdir().unwrap();
    older.save(bundle.path()).unwrap();
    assert!(bundle.path().join("tokenizer.json").exists());
    let saved = Muscall::load(bundle.path(), &Device::flex()).unwrap();
    let tokens: Vec<Tokens> = serde_json::from_slice(&fs::read(golden().join("tokens.json")).unwrap()).unwrap();
    assert_eq!(tokens.len(), 53);
    for Tokens { text, ids, spells_special } in &tokens {
        let of = |model: &Muscall| model.text_frontend().tokens(&[text.as_str()]).unwrap().remove(0);
        assert!(of(&older) == *ids || *spells_special, "{text:?}: {:?}, not {ids:?}", of(&older));
        assert_eq!(of(&older), of(&newer), "{text:?}");
        assert_eq!(of(&older), of(&saved), "{text:?}");
    }

    let merges = dir.path().join("merges.txt");
    fs::write(&merges, "#version: 0.2\nt r\nin\n").unwrap();
    let error = import(dir.path()).unwrap_err().to_string();
    assert!(error.contains("merges.txt") && error.contains("line 3"), "{error}");
    fs::remove_file(&merges).unwrap();
    let error = import(dir.path()).unwrap_err().to_string();
    assert!(error.contains("tokenizer.json"), "{error}");
}

#[test]
fn weights_in_parts_are_the_same_weights() {
    let dir = copy(&["config.json", "preprocessor_config.json", "tokenizer.json"]);
    let state = read_safetensors(&golden().join("hf/model.safetensors")).unwrap();
    let part = |number: usize| format!("model-0000{number}-of-00003.safetensors");
    let mut parts = [const { StateDict::new() }; 3];
    let mut map = BTreeMap::new();
    for (position, (name, data)) in state.into_iter().enumerate() {
        map.insert(name.clone(), part(position % 3));
        parts[position % 3].insert(name, data);
    }
    for (number, state) in parts.iter().enumerate() {
        write_safetensors(&dir.path().join(part(number)), state).unwrap();
    }
    let index = |map: &BTreeMap<String, String>| {
        let index = serde_json::json!({ "metadata": { "total_size": 1 }, "weight_map": map });
        fs::write(dir.path().join(INDEX), index.to_string()).unwrap();
    };
    index(&map);
    let whole = import(&golden().join("hf")).unwrap();
    assert_eq!(import(dir.path()).unwrap().state().unwrap(), whole.state().unwrap());

    // Two of the parts are gone: both are named, and how much is in them.
    let count = map.values().filter(|file| **file == part(1)).count();
    fs::remove_file(dir.path().join(part(0))).unwrap();
    fs::rename(dir.path().join(part(1)), dir.path().join("elsewhere")).unwrap();
    let error = import(dir.path()).unwrap_err().to_string();
    let named =
        error.contains(INDEX) && error.contains(&part(0)) && error.contains(&format!("{} ({count} tensors)", part(1)));
    assert!(named && !error.contains(&part(2)), "{error}");
    for damage in ["{\"weight_map\": {\"a\": \"../a.safetensors\"}}", "{\"weight_map\": 3}", "{", "{}"] {
        fs::write(dir.path().join(INDEX), damage).unwrap();
        let error = import(dir.path()).unwrap_err().to_string();
        assert!(error.contains(INDEX), "{error}");
    }
}

#[test]
fn both_temperatures_come_back_out() {
    let dir = tempfile::tempdir().unwrap();
    let [bundle, out, again] = ["bundle", "out", "again"].map(|name| dir.path().join(name));
    let model = import(&golden().join("hf")).unwrap();
    model.save(&bundle).unwrap();
    let loaded = Muscall::load(&bundle, &Device::flex()).unwrap();
    export_clap(&loaded, &out).unwrap();
    let [theirs, ours] = [golden().join("hf"), out.clone()].map(|dir| {
        let state = read_safetensors(&dir.join("model.safetensors")).unwrap();
        ["logit_scale_a", "logit_scale_t"].map(|name| state[name].clone())
    });
    assert_ne!(theirs[0], theirs[1]);
    assert_eq!(theirs, ours);
    import(&out).unwrap().save(&again).unwrap();
    assert_eq!(fs::read(bundle.join("config.json")).unwrap(), fs::read(again.join("config.json")).unwrap());

    // A bundle that was written before this was kept is of the same space, and gives its own temperature twice.
    let path = bundle.join("config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert!(config["model"].as_object_mut().unwrap().remove("text_logit_scale").is_some());
    fs::write(&path, config.to_string()).unwrap();
    let older = Muscall::load(&bundle, &Device::flex()).unwrap();
    assert_eq!(older.fingerprint().unwrap(), model.fingerprint().unwrap());
    export_clap(&older, &out).unwrap();
    let state = read_safetensors(&out.join("model.safetensors")).unwrap();
    assert_eq!(state["logit_scale_t"], theirs[0]);
}

/// Whatever the files claim, this process never had half a gigabyte, where the system tells.
fn assert_small() {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|peak| peak.split_whitespace().next());
    let kilobytes: usize = peak.map_or(0, |peak| peak.parse().unwrap());
    assert!(kilobytes < 512 << 10, "{kilobytes} kB");
}

/// Reads all that is in a file.
fn read_all(path: &Path) -> Option<usize> {
    let mut file = TorchFile::open(path).ok()?;
    let root = file.root().clone();
    let mut values = 0;
    for (_, value) in root.get("state_dict").unwrap_or(&root).entries().unwrap_or_default() {
        if let Some(tensor) = value.as_tensor() {
            values += file.read(tensor).ok()?.len();
        }
    }
    Some(values)
}

#[test]
fn damaged_checkpoints_give_an_error_or_a_model() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint.pt");
    let whole = fs::read(golden().join("laion/checkpoint.pt")).unwrap();
    let pickle = whole.windows(8).position(|bytes| bytes == b"data.pkl").unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let (mut refused, mut read) = (0, 0);
    for round in 0..400 {
        let mut bytes = whole.clone();
        if round % 4 == 3 {
            bytes.truncate(rng.random_range(0..whole.len()));
        } else {
            // The pickle, the directory at the end, or anywhere.
            let range = [pickle..pickle + 30_000, whole.len() - 20_000..whole.len(), 0..whole.len()][round % 3].clone();
            for _ in 0..1 << (round % 5) {
                bytes[rng.random_range(range.clone())] = rng.random();
            }
        }
        fs::write(&path, &bytes).unwrap();
        match read_all(&path) {
            // No more than four times what the file has.
            Some(values) => {
                assert!(4 * values <= 4 * whole.len(), "{values}");
                read += 1;
            }
            None => refused += 1,
        }
        if round % 10 == 0 {
            // All of the way, where most errors are: no panic.
            let _ = import(&path);
        }
    }
    assert!(refused > 50 && read > 50, "{refused} refused, {read} read");
    assert_small();
}

#[test]
fn damaged_folders_give_an_error_or_a_model() {
    let dir = copy(&["config.json", "preprocessor_config.json", "tokenizer.json", "model.safetensors"]);
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    let weights = dir.path().join("model.safetensors");
    let whole = fs::read(&weights).unwrap();
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let mut refused = 0;
    for round in 0..120 {
        let mut bytes = whole.clone();
        if round % 4 == 3 {
            bytes.truncate(rng.random_range(0..whole.len()));
        } else {
            bytes[rng.random_range(0..header)] = rng.random();
        }
        fs::write(&weights, &bytes).unwrap();
        refused += usize::from(import(dir.path()).is_err());
    }
    assert!(refused > 100, "{refused}");
    fs::write(&weights, &whole).unwrap();

    // Every number of the configuration, as what it is not.
    let path = dir.path().join("config.json");
    let config: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let (mut numbers, mut refused) = (0, 0);
    for part in ["audio_config", "text_config"] {
        for (key, value) in config[part].as_object().unwrap() {
            if !value.is_number() && !value.is_array() {
                continue;
            }
            for other in [
                serde_json::json!(0),
                serde_json::json!(1),
                serde_json::json!(u64::MAX),
                serde_json::json!(-1),
                serde_json::json!([]),
                serde_json::json!([0, 0, 0, 0]),
                serde_json::json!([1, 1, 1, 1_u64 << 60]),
                serde_json::json!(null),
            ] {
                let mut changed = config.clone();
                changed[part][key] = other;
                fs::write(&path, changed.to_string()).unwrap();
                numbers += 1;
                refused += usize::from(import(dir.path()).is_err());
            }
        }
    }
    assert!(numbers > 100 && refused > 60, "{refused} of {numbers}");
    assert_small();
}
