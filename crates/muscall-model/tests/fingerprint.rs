//! The name of a model's space: what moves it, what does not, and that what earlier versions wrote is known by it.
//!
//! `tests/golden/former` was made by an earlier version (commit a223913).
#![cfg(feature = "sentence")]
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../../../tests/golden/known_weights.rs"]
mod known_weights;
#[path = "../../../tests/golden/small_sentence_model.rs"]
mod small_sentence_model;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use known_weights::known_weights;
use muscall_model::audio::ResNetConfig;
use muscall_model::text::bert::{BertConfig, SentenceEncoder};
use muscall_model::text::{SentenceTowerConfig, TextEncoderConfig, TransformerConfig, WordVectors, WordVectorsConfig};
use muscall_model::weights::{StateDict, read_safetensors, state_of, with_state, write_safetensors};
use muscall_model::{ClipTokenizer, ModelError, Muscall, MuscallConfig, Temperature, TextFrontend};
use serde::Deserialize;

/// A configuration, and the name that it then had with [`known_weights`].
#[derive(Deserialize)]
struct Former<C> {
    config: C,
    name: String,
}

#[derive(Deserialize)]
struct Names {
    models: Vec<Former<MuscallConfig>>,
    encoders: Vec<Former<BertConfig>>,
}

fn former() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/former")
}

fn names() -> Names {
    serde_json::from_slice(&fs::read(former().join("names.json")).unwrap()).unwrap()
}

/// A folder with the small sentence model, whose weights are known, and whose tokenizer is one file for ever.
fn sentence_folder(dir: &Path) -> PathBuf {
    let folder = dir.join("small");
    small_sentence_model::write_small_sentence_model(&folder);
    fs::copy(former().join("frozen/sentence/tokenizer.json"), folder.join("tokenizer.json")).unwrap();
    let path = folder.join("model.safetensors");
    write_safetensors(&path, &known_weights(read_safetensors(&path).unwrap())).unwrap();
    folder
}

/// Six words of eight dimensions, of which the first is as given.
fn word_vectors(dir: &Path, first: &str) -> WordVectors {
    let path = dir.join("vectors.txt");
    let rows = [first, "piano", "brass", "band", "slow", "blues"].into_iter().enumerate().map(|(i, word)| {
        let row = (0..8).map(|j| format!(" {}", ((i * 8 + j) * 37 % 64) as f32 / 32.0 - 1.0));
        format!("{word}{}\n", row.collect::<String>())
    });
    fs::write(&path, rows.collect::<String>()).unwrap();
    WordVectors::read(&path, &HashSet::new(), 1000).unwrap()
}

fn frontend(config: &TextEncoderConfig, dir: &Path) -> TextFrontend {
    if let Some(config) = config.downcast_ref::<SentenceTowerConfig>() {
        let folder = sentence_folder(dir);
        let encoder = SentenceEncoder::with_config(&folder, config.encoder.clone(), &Device::flex()).unwrap();
        return if config.fine_tune { encoder.tokenizer().clone().into() } else { encoder.into() };
    }
    match config.downcast_ref::<WordVectorsConfig>() {
        Some(_) => word_vectors(dir, "calm").into(),
        None => ClipTokenizer::new().unwrap().into(),
    }
}

fn state(config: &MuscallConfig) -> StateDict {
    known_weights(state_of(&config.init(&Device::flex()).unwrap()))
}

fn assemble(config: &MuscallConfig, state: StateDict, frontend: TextFrontend) -> Muscall {
    let network = with_state(config.init(&Device::flex()).unwrap(), state, "known weights").unwrap();
    Muscall::new(config.clone(), &network, frontend, &Device::flex()).unwrap()
}

fn model(config: &MuscallConfig, dir: &Path) -> Muscall {
    assemble(config, state(config), frontend(&config.text, dir))
}

fn small(text: impl Into<TextEncoderConfig>) -> MuscallConfig {
    MuscallConfig::new(ResNetConfig::new(2).with_hidden(8), text).with_clip_s(2.0).with_projection_dim(8)
}

fn small_sentence() -> SentenceTowerConfig {
    SentenceTowerConfig { encoder: small_sentence_model::small_config(), ..SentenceTowerConfig::default() }
}

fn small_transformer() -> TransformerConfig {
    TransformerConfig::new(1).with_width(8, 2)
}

fn small_vectors() -> WordVectorsConfig {
    WordVectorsConfig { dim: 8, ..WordVectorsConfig::new("vectors.bin") }
}

#[test]
fn names_of_earlier_versions_are_known() {
    let dir = tempfile::tempdir().unwrap();
    let Names { models, encoders } = names();
    assert!(models.len() >= 8 && encoders.len() >= 2);
    for Former { config, name } in models {
        let fingerprint = model(&config, dir.path()).fingerprint().unwrap();
        assert!(fingerprint.accepts(&name) && fingerprint.name() != name, "{config:?}: {fingerprint:?}, not {name}");
    }
    for Former { config, name } in encoders {
        let encoder = SentenceEncoder::with_config(&sentence_folder(dir.path()), config.clone(), &Device::flex());
        let fingerprint = encoder.unwrap().fingerprint().clone();
        assert!(fingerprint.accepts(&name) && fingerprint.name() != name, "{config:?}: {fingerprint:?}, not {name}");
    }
}

/// From now on these never change: indexes all over the world are called so.
#[test]
fn names_of_this_version_last() {
    let dir = tempfile::tempdir().unwrap();
    let found: Vec<String> =
        names().models.iter().map(|former| model(&former.config, dir.path()).fingerprint().unwrap().into()).collect();
    let expected = [
        "v2-d7d71b18d1247d4a-5a0a8a8f56b3141c",
        "v2-52023e54bcb253c7-5a0a8a8f56b3141c",
        "v2-583a42b2f617cb39-adab67988a4f00e8",
        "v2-d7d71b18d1247d4a-1a704dc51eb1cb91",
        "v2-d7d71b18d1247d4a-00c6183f1ddb3dc0",
        "v2-8639c6e9203ea10b-838a043dc6a5eebb",
        "v2-d7d71b18d1247d4a-745a8dadd0ea8347",
        "v2-cebc92f7016bd9c3-5a0a8a8f56b3141c",
    ];
    assert_eq!(found, expected);
    let encoder = SentenceEncoder::load(&sentence_folder(dir.path()), &Device::flex()).unwrap();
    assert_eq!(encoder.fingerprint().name(), "v2-5187e672adf287a0");
}

#[test]
fn what_only_training_sees_moves_no_name() {
    let dir = tempfile::tempdir().unwrap();
    let audio = ResNetConfig::new(2).with_hidden(8);
    let pairs = [
        (
            small(small_transformer()),
            MuscallConfig {
                audio: audio.clone().with_frozen_norms(true).into(),
                temperature: Temperature::Fixed(0.5),
                segment_hop_s: Some(1.0), // what it is anyway
                ..small(small_transformer().with_dropout(0.7).with_frozen_layers(1))
            },
        ),
        (small(small_sentence()), small(small_sentence().with_model("elsewhere"))),
        (
            small(small_sentence()),
            small(SentenceTowerConfig {
                encoder: BertConfig { dropout: 0.4, ..small_sentence_model::small_config() },
                ..small_sentence()
            }),
        ),
        (small(small_vectors()), small(WordVectorsConfig { file: "elsewhere".into(), keep: 7, ..small_vectors() })),
    ];
    for (one, other) in pairs {
        let [one, other] = [one, other].map(|config| model(&config, dir.path()));
        assert_ne!(one.config(), other.config());
        assert_eq!(one.fingerprint().unwrap(), other.fingerprint().unwrap(), "{:?}", other.config());
        let [one, other] = [one, other].map(|model| model.embed_text(["calm piano", "brass"]).unwrap());
        assert_eq!(one, other);
    }
}

#[test]
fn every_weight_but_the_temperature_moves_the_name_of_its_side() {
    let dir = tempfile::tempdir().unwrap();
    let config = small(small_sentence().with_fine_tune(true).with_hidden(Some(4)));
    let (frontend, state) = (frontend(&config.text, dir.path()), state(&config));
    let sides = |state| {
        let name = assemble(&config, state, frontend.clone()).fingerprint().unwrap();
        let (audio, text) = name.strip_prefix("v2-").unwrap().split_once('-').unwrap();
        (audio.to_owned(), text.to_owned())
    };
    let (audio, text) = sides(state.clone());
    for name in state.keys() {
        let mut changed = state.clone();
        let mut values = changed[name].clone().try_into_vec::<f32>().unwrap();
        *values.last_mut().unwrap() += 0.25;
        let shape = changed[name].shape().clone();
        changed.insert(name.clone(), burn::tensor::TensorData::new(values, shape));
        let (other_audio, other_text) = sides(changed);
        assert_eq!(other_audio != audio, name.starts_with("audio"), "{name}");
        assert_eq!(other_text != text, name.starts_with("text"), "{name}");
    }
    assert!(state.contains_key("logit_scale") && state.contains_key("text_projection.weight"));
}

/// Two models that differ in nothing but in what they read words with: once they shared a name.
#[test]
fn what_is_frozen_is_a_part_of_the_name() {
    let dir = tempfile::tempdir().unwrap();
    let differ = |config: &MuscallConfig, one: TextFrontend, other: TextFrontend| {
        let [one, other] =
            [one, other].map(|frontend| assemble(config, state(config), frontend).fingerprint().unwrap());
        assert_ne!(one, other);
        let said = muscall_vectors::Fingerprint::difference(&one, &other);
        assert!(said.contains("hear music alike"), "{said}");
    };
    let vectors = |first| TextFrontend::from(word_vectors(dir.path(), first));
    differ(&small(small_vectors()), vectors("calm"), vectors("loud"));

    let folder = sentence_folder(dir.path());
    let config = small_sentence_model::small_config();
    let encoder = || SentenceEncoder::with_config(&folder, config.clone(), &Device::flex()).unwrap();
    let (one, weights) = (encoder(), folder.join("model.safetensors"));
    let mut tensors = read_safetensors(&weights).unwrap();
    let name = "encoder.layer.1.output.dense.bias".to_owned();
    let shape = tensors[&name].shape().clone();
    tensors.insert(name, burn::tensor::TensorData::full(shape, 0.5_f32));
    write_safetensors(&weights, &tensors).unwrap();
    let frozen = |encoder: SentenceEncoder| TextFrontend::from(encoder);
    differ(&small(small_sentence()), frozen(one), frozen(encoder()));

    let (one, tokenizer) = (encoder(), folder.join("tokenizer.json"));
    let text = fs::read_to_string(&tokenizer).unwrap();
    fs::write(&tokenizer, text.replace("\"lowercase\":true", "\"lowercase\":false")).unwrap();
    let other = encoder();
    assert_ne!(one.embed(&["Calm"]), other.embed(&["Calm"]));
    let pieces = |encoder: &SentenceEncoder| TextFrontend::from(encoder.tokenizer().clone());
    differ(&small(small_sentence().with_fine_tune(true)), pieces(&one), pieces(&other));
    differ(&small(small_sentence()), frozen(one), frozen(other));

    // Two words of CLIP's vocabulary change their numbers.
    let path = dir.path().join("clip.json");
    let own = ClipTokenizer::new().unwrap();
    own.save(&path).unwrap();
    let mut json: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let vocabulary = json["model"]["vocab"].as_object_mut().unwrap();
    let numbers = ["piano</w>", "organ</w>"].map(|word| vocabulary[word].clone());
    vocabulary.insert("piano</w>".into(), numbers[1].clone());
    vocabulary.insert("organ</w>".into(), numbers[0].clone());
    fs::write(&path, json.to_string()).unwrap();
    differ(&small(small_transformer()), own.into(), ClipTokenizer::from_file(&path).unwrap().into());
}

/// The bundle's own files, replaced by others that fit as well.
#[test]
fn a_bundle_with_other_words_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |config: MuscallConfig, place: &str, replace: &dyn Fn(&Path)| {
        let bundle = dir.path().join("bundle");
        let _ = fs::remove_dir_all(&bundle);
        let saved = model(&config, dir.path());
        saved.save(&bundle).unwrap();
        assert_eq!(
            Muscall::load(&bundle, &Device::flex()).unwrap().fingerprint().unwrap(),
            saved.fingerprint().unwrap()
        );
        replace(&bundle);
        let error = Muscall::load(&bundle, &Device::flex()).map(|_| ()).unwrap_err();
        assert!(matches!(&error, ModelError::Words { path, .. } if path.ends_with(place)), "{error}");
        assert!(error.to_string().contains("copy the whole bundle again"), "{error}");
        // Saved anew, it is whole again.
        saved.save(&bundle).unwrap();
        assert_eq!(
            Muscall::load(&bundle, &Device::flex()).unwrap().fingerprint().unwrap(),
            saved.fingerprint().unwrap()
        );
    };
    refused(small(small_vectors()), "word_vectors.bin", &|bundle| {
        word_vectors(dir.path(), "loud").save(&bundle.join("word_vectors.bin")).unwrap();
    });
    refused(small(small_sentence().with_fine_tune(true)), "tokenizer.json", &|bundle| {
        let text = fs::read_to_string(bundle.join("tokenizer.json")).unwrap();
        fs::write(bundle.join("tokenizer.json"), text.replace("\"piano\"", "\"organ\"")).unwrap();
    });
    refused(small(small_transformer()), "tokenizer.json", &|bundle| {
        let mut json: serde_json::Value =
            serde_json::from_slice(&fs::read(bundle.join("tokenizer.json")).unwrap()).unwrap();
        json["model"]["merges"].as_array_mut().unwrap().swap(0, 1);
        fs::write(bundle.join("tokenizer.json"), json.to_string()).unwrap();
    });
    // What is in place of a frozen encoder is not written again unless its stamp goes as well.
    refused(small(small_sentence()), "sentence", &|bundle| {
        small_sentence_model::write_small_sentence_model(&bundle.join("sentence"));
        fs::remove_file(bundle.join("sentence/fingerprint")).unwrap();
    });
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

#[test]
fn bundles_of_earlier_versions_load_and_are_known() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["word_vectors", "frozen", "fine_tuned"] {
        let bundle = dir.path().join(name);
        copy(&former().join(name), &bundle);
        let old_name = fs::read_to_string(bundle.join("name.txt")).unwrap();
        let model = Muscall::load(&bundle, &Device::flex()).unwrap();
        assert!(model.fingerprint().unwrap().accepts(old_name.trim()), "{name}");
        let words = model.embed_text(["calm piano"]).unwrap();
        // Over the old one, as when a run is gone on with.
        model.save(&bundle).unwrap();
        let again = Muscall::load(&bundle, &Device::flex()).unwrap();
        assert_eq!(
            (again.fingerprint().unwrap(), again.embed_text(["calm piano"]).unwrap()),
            (model.fingerprint().unwrap(), words)
        );
        assert!(again.fingerprint().unwrap().accepts(old_name.trim()), "{name}");
    }
    // The stamp that it had for a frozen encoder, and never looked at.
    let bundle = dir.path().join("replaced");
    copy(&former().join("frozen"), &bundle);
    small_sentence_model::write_small_sentence_model(&bundle.join("sentence"));
    let error = Muscall::load(&bundle, &Device::flex()).map(|_| ()).unwrap_err();
    let stamp = fs::read_to_string(former().join("frozen/sentence/fingerprint")).unwrap();
    assert!(matches!(&error, ModelError::Words { expected, .. } if *expected == stamp), "{error}");
}

#[test]
fn captions_that_an_earlier_version_has_embedded_are_known() {
    let dir = tempfile::tempdir().unwrap();
    let mut encoder = SentenceEncoder::load(&sentence_folder(dir.path()), &Device::flex()).unwrap();
    let fresh = encoder.embed(&["calm piano", "brass band"]);
    let file = dir.path().join("captions.safetensors");
    fs::copy(former().join("captions.safetensors"), &file).unwrap();
    let mut computed = Vec::new();
    encoder.learn(&["calm piano", "brass band"], &file, |done, of| computed.push((done, of))).unwrap();
    assert_eq!(computed, []);
    let near = |a: &[f32], b: &[f32]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
    assert!(near(&encoder.embed(&["calm piano", "brass band"]), &fresh));
    encoder.learn(&["slow blues", "calm piano"], &file, |done, of| computed.push((done, of))).unwrap();
    assert_eq!(computed, [(1, 1)]);
}
