//! Metrics against the values of the released implementation and scikit-learn.
#![allow(missing_docs, clippy::unwrap_used)]

use std::path::PathBuf;

use muscall_retrieval::{Embeddings, Pairs, RetrievalMetrics, evaluate, tagging};
use safetensors::SafeTensors;
use serde_json::Value;

fn scores() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/scores")
}

fn expected() -> Value {
    serde_json::from_slice(&std::fs::read(scores().join("metrics.json")).unwrap()).unwrap()
}

fn read(name: &str) -> (Vec<f32>, usize) {
    let bytes = std::fs::read(scores().join("metrics.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let view = file.tensor(name).unwrap();
    let values = view.data().chunks_exact(4).map(|word| f32::from_le_bytes(word.try_into().unwrap()));
    (values.collect(), view.shape()[1])
}

fn close(found: f64, expected: &Value, name: &str) {
    let expected = expected[name].as_f64().unwrap();
    assert!((found - expected).abs() < 1e-6, "{name}: {found} {expected}");
}

fn check(found: &RetrievalMetrics, expected: &Value) {
    close(100.0 * found.r_at_1, expected, "R@1");
    close(100.0 * found.r_at_5, expected, "R@5");
    close(100.0 * found.r_at_10, expected, "R@10");
    close(100.0 * found.map_at_10, expected, "mAP@10");
    close(found.median_rank, expected, "MedR");
}

#[test]
fn one_caption_a_track() {
    let json = expected();
    for tracks in [10, 137, 1000] {
        let (audio, dim) = read(&format!("retrieval.{tracks}.audio"));
        let (text, _) = read(&format!("retrieval.{tracks}.text"));
        let (audio, text) = (Embeddings::new(&audio, dim).unwrap(), Embeddings::new(&text, dim).unwrap());
        let found = evaluate(audio, text, &Pairs::one_to_one(tracks)).unwrap();
        for (found, name) in [(found.text_to_audio, "text_to_audio"), (found.audio_to_text, "audio_to_text")] {
            let expected = &json[format!("retrieval.{tracks}.{name}")];
            check(&found, expected);
            close(found.mean_rank, expected, "MeanR");
        }
    }
}

#[test]
fn three_captions_a_track() {
    let json = expected();
    let ((audio, dim), (text, _)) = (read("multi.audio"), read("multi.text"));
    let pairs = Pairs { text_to_audio: (0..150).map(|caption| caption / 3).collect() };
    let found = evaluate(Embeddings::new(&audio, dim).unwrap(), Embeddings::new(&text, dim).unwrap(), &pairs).unwrap();
    check(&found.text_to_audio, &json["multi.text_to_audio"]);
    let (found, expected) = (found.audio_to_text, &json["multi.audio_to_text"]);
    close(100.0 * found.r_at_1, expected, "R@1_any");
    close(100.0 * found.r_at_5, expected, "R@5_any");
    close(100.0 * found.r_at_10, expected, "R@10_any");
    close(100.0 * found.map_at_10, expected, "mAP@10");
    close(found.median_rank, expected, "MedR_best");
}

#[test]
fn tags() {
    let expected = &expected()["tagging"];
    let (scores, tags) = read("tagging.scores");
    let labels: Vec<bool> = read("tagging.labels").0.iter().map(|x| x.to_bits() == 1).collect();
    let found = tagging(&scores, &labels, tags).unwrap();
    close(found.roc_auc_macro, expected, "roc_auc_macro");
    close(found.pr_auc_macro, expected, "pr_auc_macro_average_precision");
    for (found, name) in [(found.roc_auc, "roc_auc_per_tag"), (found.average_precision, "ap_per_tag")] {
        for (tag, found) in found.into_iter().enumerate() {
            let expected = expected[name][tag].as_f64().unwrap();
            assert!((found.unwrap() - expected).abs() < 1e-6, "{name} of tag {tag}");
        }
    }
}
