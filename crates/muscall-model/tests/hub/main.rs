//! Models of the hub, from a server on this machine that has its routes and its troubles.
#![cfg(feature = "hub")]
#![allow(missing_docs, clippy::unwrap_used)]

mod server;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use burn::tensor::Device;
use muscall_model::ModelError;
use muscall_model::hub::{Hub, HubCache, HubError};
use muscall_model::weights::clap::{download_clap, import_clap};
use server::{COMMIT, Server, sha256};
use tempfile::TempDir;

const WEIGHTS: &str = "model.safetensors";

fn golden() -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/clap/hf");
    ["config.json", "preprocessor_config.json", "tokenizer.json", WEIGHTS]
        .into_iter()
        .map(|name| (name.to_owned(), fs::read(folder.join(name)).unwrap()))
        .collect()
}

struct Case {
    server: Server,
    cache: TempDir,
}

impl Case {
    fn new(files: BTreeMap<String, Vec<u8>>) -> Self {
        Self { server: Server::start(files), cache: tempfile::tempdir().unwrap() }
    }

    fn hub(&self) -> Hub {
        let cache = HubCache::new(self.cache.path());
        Hub::new(&self.server.address, cache).with_pause(Duration::from_millis(1))
    }

    fn download(&self) -> Result<PathBuf, ModelError> {
        download_clap(&self.hub(), "org/clap", &mut |_| ())
    }

    fn error(&self) -> HubError {
        match self.download().unwrap_err() {
            ModelError::Hub(error) => error,
            other => panic!("{other}"),
        }
    }

    fn part(&self) -> PathBuf {
        self.blobs().join(format!("{}.incomplete", sha256(&golden()[WEIGHTS])))
    }

    fn blobs(&self) -> PathBuf {
        self.cache.path().join("models--org--clap/blobs")
    }

    fn is_cached(&self) -> bool {
        HubCache::new(self.cache.path()).snapshot("org/clap").is_some()
    }
}

#[test]
fn a_model_comes_once_into_the_layout_of_the_hub() {
    let mut files = golden();
    files.insert("README.md".to_owned(), b"Not needed.".to_vec());
    let case = Case::new(files);
    let mut told = Vec::new();
    let folder = download_clap(&case.hub(), "org/clap", &mut |progress| {
        told.push((progress.file.to_owned(), progress.done, progress.size));
    });
    let folder = folder.unwrap();
    let model = case.cache.path().join("models--org--clap");
    assert_eq!(folder, model.join("snapshots").join(COMMIT));
    assert_eq!(fs::read_to_string(model.join("refs/main")).unwrap(), COMMIT);
    let weights = golden().remove(WEIGHTS).unwrap();
    assert_eq!(fs::read(model.join("blobs").join(sha256(&weights))).unwrap(), weights);
    assert_eq!(fs::read(folder.join(WEIGHTS)).unwrap(), weights);
    assert!(!folder.join("README.md").exists());
    let size = weights.len() as u64;
    let of_weights: Vec<_> =
        told.iter().filter(|(file, ..)| file == WEIGHTS).map(|(_, done, size)| (*done, *size)).collect();
    assert_eq!((of_weights[0], of_weights.last()), ((0, size), Some(&(size, size))));
    assert!(of_weights.is_sorted());

    // It is a model, and nothing of it is asked for again.
    import_clap(&folder, None, &Device::flex()).unwrap();
    import_clap(&model, None, &Device::flex()).unwrap();
    case.server.set(|hub| hub.requests.clear());
    assert_eq!(case.download().unwrap(), folder);
    assert_eq!(case.server.hub.lock().unwrap().requests.len(), 1);
}

#[test]
fn a_download_that_breaks_off_goes_on() {
    let case = Case::new(golden());
    case.server.set(|hub| (hub.cuts, hub.cut_after) = (3, 300_000));
    let folder = case.download().unwrap();
    assert_eq!(fs::read(folder.join(WEIGHTS)).unwrap(), golden()[WEIGHTS]);
    assert_eq!(case.server.bodies(WEIGHTS), [None, Some(300_000), Some(600_000), Some(900_000)]);

    // So does one of a program that was ended in the middle of it.
    let case = Case::new(golden());
    fs::create_dir_all(case.blobs()).unwrap();
    fs::write(case.part(), &golden()[WEIGHTS][..12_345]).unwrap();
    let folder = case.download().unwrap();
    assert_eq!(fs::read(folder.join(WEIGHTS)).unwrap(), golden()[WEIGHTS]);
    assert_eq!(case.server.bodies(WEIGHTS), [Some(12_345)]);
    assert!(!case.part().exists());

    // From the start where the server gives no parts.
    let case = Case::new(golden());
    case.server.set(|hub| hub.without_ranges = true);
    fs::create_dir_all(case.blobs()).unwrap();
    fs::write(case.part(), [0; 12_345]).unwrap();
    assert_eq!(fs::read(case.download().unwrap().join(WEIGHTS)).unwrap(), golden()[WEIGHTS]);
}

#[test]
fn a_line_that_gives_nothing_is_given_up_and_what_came_is_kept() {
    let case = Case::new(golden());
    case.server.set(|hub| (hub.cuts, hub.cut_after) = (1000, 0));
    let error = case.error();
    assert!(matches!(error, HubError::Unreachable { tries: 5, .. }), "{error}");
    assert!(error.to_string().contains(&format!("/org/clap/resolve/{COMMIT}/{WEIGHTS}")), "{error}");
    assert!(case.part().exists() && !case.is_cached());
    case.server.set(|hub| hub.cuts = 0);
    case.download().unwrap();

    // A busy server is asked again.
    let case = Case::new(golden());
    case.server.set(|hub| hub.busy = 3);
    case.download().unwrap();
    case.server.set(|hub| (hub.busy, hub.requests) = (1000, Vec::new()));
    let error = case.error().to_string();
    assert!(error.contains("503") && error.contains("/api/models/org/clap"), "{error}");
    assert_eq!(case.server.hub.lock().unwrap().requests.len(), 5);
}

#[test]
fn what_does_not_exist_is_named() {
    let case = Case::new(golden());
    let error = download_clap(&case.hub(), "org/other", &mut |_| ()).unwrap_err();
    assert!(matches!(error, ModelError::Hub(HubError::NoModel { .. })), "{error}");
    assert!(error.to_string().contains("org/other"), "{error}");
    for name in ["../secret", "a/b/c"] {
        let error = download_clap(&case.hub(), name, &mut |_| ()).unwrap_err();
        assert!(matches!(error, ModelError::Hub(HubError::NoModel { .. })), "{error}");
    }
    for (missing, named) in
        [("config.json", "config.json"), ("tokenizer.json", "merges.txt"), (WEIGHTS, "pytorch_model.bin")]
    {
        let mut files = golden();
        files.remove(missing);
        let error = Case::new(files).error();
        assert!(matches!(error, HubError::NoFile { .. }) && error.to_string().contains(named), "{error}");
    }
    // One that the model lists and the server lacks.
    let case = Case::new(golden());
    let hub = case.hub();
    let revision = hub.newest("org/clap").unwrap();
    case.server.set(|hub| drop(hub.files.remove(WEIGHTS)));
    let error = revision.fetch(WEIGHTS, &mut |_| ()).unwrap_err();
    assert!(matches!(&error, HubError::NoFile { file, .. } if file == WEIGHTS), "{error}");
    let error = revision.fetch("../../secret", &mut |_| ()).unwrap_err();
    assert!(matches!(error, HubError::NoFile { .. }), "{error}");
}

#[test]
fn a_wrong_checksum_is_told_and_leaves_nothing() {
    let case = Case::new(golden());
    case.server.set(|hub| hub.garbled = true);
    let error = case.error();
    assert!(
        matches!(&error, HubError::Checksum { expected, .. } if *expected == sha256(&golden()[WEIGHTS])),
        "{error}"
    );
    assert!(error.to_string().contains("removed"), "{error}");
    assert!(!case.part().exists() && !case.is_cached());
    case.server.set(|hub| hub.garbled = false);
    import_clap(&case.download().unwrap(), None, &Device::flex()).unwrap();
}

#[test]
fn a_model_that_needs_a_token_says_so() {
    let case = Case::new(golden());
    case.server.set(|hub| hub.token = Some("hf_secret".to_owned()));
    let error = case.error();
    assert!(matches!(error, HubError::NeedsToken { status: 401, .. }), "{error}");
    assert!(error.to_string().contains("HF_TOKEN"), "{error}");
    let hub = case.hub().with_token(Some("hf_secret\n".to_owned()));
    download_clap(&hub, "org/clap", &mut |_| ()).unwrap();
}

#[test]
fn parts_and_the_older_tokenizer_come_too() {
    let mut files = golden();
    let weights = files.remove(WEIGHTS).unwrap();
    let index = serde_json::json!({ "weight_map": { "a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors" } });
    files.insert("model.safetensors.index.json".to_owned(), index.to_string().into_bytes());
    for part in 1..=2 {
        files.insert(format!("model-0000{part}-of-00002.safetensors"), [&weights[..], &[part]].concat());
    }
    files.remove("tokenizer.json");
    for name in ["vocab.json", "merges.txt"] {
        files.insert(name.to_owned(), b"{}".to_vec());
    }
    let case = Case::new(files.clone());
    let folder = case.download().unwrap();
    for (name, bytes) in &files {
        assert_eq!(&fs::read(folder.join(name)).unwrap(), bytes, "{name}");
    }
    // The parts are no more than their index says; a part elsewhere is refused.
    let index = serde_json::json!({ "weight_map": { "a": "../../../.profile" } });
    files.insert("model.safetensors.index.json".to_owned(), index.to_string().into_bytes());
    let error = Case::new(files).download().unwrap_err().to_string();
    assert!(error.contains(".profile"), "{error}");
}

#[test]
fn a_server_that_is_not_the_hub_is_told() {
    let case = Case::new(golden());
    let hub = Hub::new("http://127.0.0.1:1", HubCache::new(case.cache.path())).with_pause(Duration::from_millis(1));
    let error = hub.newest("org/clap").unwrap_err();
    assert!(matches!(error, HubError::Unreachable { .. }) && error.to_string().contains("127.0.0.1:1"), "{error}");
    let hub = Hub::new(&format!("{}/blobs/x?", case.server.address), HubCache::new(case.cache.path()));
    let error = hub.newest("org/clap").unwrap_err();
    assert!(matches!(error, HubError::NoModel { .. }), "{error}");
}
