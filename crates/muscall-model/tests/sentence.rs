//! The sentence encoder: against sentence-transformers where its weights are there, and as a text
//! branch on a small one with random weights.
#![cfg(feature = "sentence")]
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

#[path = "../../../tests/golden/fixture.rs"]
#[allow(dead_code)]
mod fixture;
#[path = "../../../tests/golden/small_sentence_model.rs"]
mod small_sentence_model;

use burn::tensor::Device;
use fixture::{read_tensors, root};
use muscall_model::audio::ResNetConfig;
use muscall_model::text::SentenceTowerConfig;
use muscall_model::text::bert::{DEFAULT_MODEL, SentenceEncoder, find};
use muscall_model::{ModelError, Muscall, MuscallConfig};
use small_sentence_model::{small_config, write_small_sentence_model};

fn cosine(a: &[f32], b: &[f64]) -> f64 {
    let dot: f64 = a.iter().zip(b).map(|(&a, b)| f64::from(a) * b).sum();
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    dot / (norm(&mut a.iter().map(|&x| f64::from(x))) * norm(&mut b.iter().copied()))
}

#[test]
fn embeddings_are_those_of_sentence_transformers() {
    let folder = match find(DEFAULT_MODEL) {
        Ok(folder) => folder,
        Err(error) => {
            println!("skipped: {error}");
            assert!(std::env::var_os("MUSCALL_REQUIRE_SENTENCE_MODEL").is_none(), "{error}");
            return;
        }
    };
    let encoder = SentenceEncoder::load(&folder, &Device::flex()).unwrap();
    let captions = std::fs::read(root().join("text/sentence_bert_captions.json")).unwrap();
    let captions: Vec<String> = serde_json::from_slice(&captions).unwrap();
    let expected = read_tensors("text/sentence_bert.safetensors");
    let (shape, expected) = &expected["embeddings"];
    let found = encoder.embed(&captions);
    let mut worst = 0.0_f64;
    for (i, caption) in captions.iter().enumerate() {
        let (found, expected) = (&found[i * shape[1]..][..shape[1]], &expected[i * shape[1]..][..shape[1]]);
        let distance = 1.0 - cosine(found, expected);
        assert!(distance.abs() < 1e-5, "{caption:?}: {distance}");
        worst = worst.max(distance.abs());
        // A caption does not depend on its batch.
        let alone = encoder.embed(&[caption]);
        assert!(found.iter().zip(&alone).all(|(a, b)| (a - b).abs() < 1e-5), "{caption:?}");
    }
    println!("largest cosine distance to sentence-transformers: {worst:.1e}");
}

#[test]
fn an_encoder_survives_the_round_trip_and_names_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    write_small_sentence_model(dir.path());
    let encoder = SentenceEncoder::load(dir.path(), &Device::flex()).unwrap();
    assert_eq!(encoder.config(), &small_config());
    let again = dir.path().join("again");
    encoder.save(&again).unwrap();
    std::fs::copy(dir.path().join("config.json"), again.join("config.json")).unwrap();
    let loaded = SentenceEncoder::load(&again, &Device::flex()).unwrap();
    assert_eq!(loaded.fingerprint(), encoder.fingerprint());
    assert_eq!(loaded.embed(&["calm piano", ""]), encoder.embed(&["calm piano", ""]));
    std::fs::remove_file(again.join("config.json")).unwrap();
    let error = SentenceEncoder::load(&again, &Device::flex()).unwrap_err();
    assert!(matches!(error, ModelError::Mismatch { .. }), "{error}");
    let error = find("no/such-model").unwrap_err().to_string();
    assert!(error.contains("no/such-model") && error.contains("fetch_sentence_model.sh"), "{error}");
}

#[test]
fn what_is_learned_is_kept_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    write_small_sentence_model(dir.path());
    let mut encoder = SentenceEncoder::load(dir.path(), &Device::flex()).unwrap();
    let captions = ["slow blues", "brass band", "slow blues"];
    let direct = encoder.embed(&captions);
    let file = dir.path().join("captions.safetensors");
    let mut computed = Vec::new();
    encoder.learn(&captions, &file, |done, total| computed.push((done, total))).unwrap();
    assert_eq!(computed, [(2, 2)]);
    let near = |a: &[f32], b: &[f32]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
    let kept = encoder.embed(&captions);
    assert!(near(&kept, &direct));
    // The second time only what is new is computed.
    computed.clear();
    encoder.learn(&["slow blues", "a choir"], &file, |done, total| computed.push((done, total))).unwrap();
    assert_eq!(computed, [(1, 1)]);
    // A damaged file, and one of another encoder, are made again.
    std::fs::write(&file, "damaged").unwrap();
    computed.clear();
    encoder.learn(&captions, &file, |done, total| computed.push((done, total))).unwrap();
    assert_eq!((computed.as_slice(), encoder.embed(&captions)), ([(2, 2)].as_slice(), kept));
}

#[test]
fn frozen_and_fine_tuned_branches_survive_in_a_bundle() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("small");
    write_small_sentence_model(&source);
    for fine_tune in [false, true] {
        let text = SentenceTowerConfig { encoder: small_config(), ..SentenceTowerConfig::default() }
            .with_model(source.display().to_string())
            .with_fine_tune(fine_tune)
            .with_hidden((!fine_tune).then_some(12));
        let config = MuscallConfig::new(ResNetConfig::new(2).with_hidden(8), text).with_clip_s(1.0);
        let device = Device::flex();
        let frontend = config.text.frontend(&mut std::iter::empty(), &device).unwrap();
        let model = config.init(&device).unwrap();
        let model = Muscall::new(config, &model, frontend, &device).unwrap();
        let words = model.embed_text(["calm piano", "brass band"]).unwrap();
        let bundle = dir.path().join(format!("bundle-{fine_tune}"));
        model.save(&bundle).unwrap();
        model.save(&bundle).unwrap();
        let loaded = Muscall::load(&bundle, &device).unwrap();
        assert_eq!(loaded.embed_text(["calm piano", "brass band"]).unwrap(), words);
        assert_eq!(bundle.join("sentence").exists(), !fine_tune);
    }
}
