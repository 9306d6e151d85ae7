//! Classification, tagging and the linear probe against scikit-learn, with ties, a missing class and undefined tags.
#![allow(missing_docs, clippy::unwrap_used)]

use std::path::Path;

use muscall_retrieval::{Embeddings, LinearProbe, classification, tagging};
use serde_json::Value;

fn read() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/scores/classification.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn floats(rows: &Value) -> Vec<f32> {
    let rows = rows.as_array().unwrap().iter();
    rows.flat_map(|row| row.as_array().unwrap()).map(|x| x.as_f64().unwrap() as f32).collect()
}

#[test]
fn classification_is_scikit_learns() {
    let case = &read()["classification"];
    let truth: Vec<usize> = case["truth"].as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as usize).collect();
    let found = classification(&floats(&case["scores"]), &truth).unwrap();
    for (value, name) in
        [(found.accuracy, "accuracy"), (found.balanced_accuracy, "balanced_accuracy"), (found.top_5, "top_5")]
    {
        assert!((value - case[name].as_f64().unwrap()).abs() < 1e-12, "{name}: {value}");
    }
    let confusion: Vec<Vec<usize>> = serde_json::from_value(case["confusion"].clone()).unwrap();
    assert_eq!(found.confusion, confusion);
    assert_eq!(confusion[7].iter().sum::<usize>(), 0);
}

#[test]
fn tagging_is_scikit_learns_and_leaves_undefined_tags_out() {
    let case = &read()["tagging"];
    let labels = case["labels"].as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap());
    let labels: Vec<bool> = labels.map(|x| x.as_bool().unwrap()).collect();
    let found = tagging(&floats(&case["scores"]), &labels, 6).unwrap();
    for (values, mean, name) in [
        (&found.roc_auc, found.roc_auc_macro, "roc_auc"),
        (&found.average_precision, found.pr_auc_macro, "average_precision"),
    ] {
        let expected = case[name].as_object().unwrap();
        for (tag, value) in values.iter().enumerate() {
            let own = expected.get(&tag.to_string()).map(|x| x.as_f64().unwrap());
            assert_eq!(value.is_some(), own.is_some(), "{name} of {tag}");
            assert!((value.unwrap_or(0.0) - own.unwrap_or(0.0)).abs() < 1e-12, "{name} of {tag}");
        }
        let macro_mean = expected.values().map(|x| x.as_f64().unwrap()).sum::<f64>() / expected.len() as f64;
        assert!((mean - macro_mean).abs() < 1e-12);
    }
}

#[test]
fn the_linear_probe_is_scikit_learns() {
    let case = &read()["probe"];
    let x = floats(&case["x"]);
    let x = Embeddings::new(&x, 6).unwrap();
    let y: Vec<usize> = case["y"].as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as usize).collect();
    let probe = LinearProbe::fit(x, &y, 4, 1.0).unwrap();
    let expected = case["probabilities"].as_array().unwrap();
    for (logits, expected) in probe.scores(x).unwrap().chunks_exact(4).zip(expected) {
        let sum: f32 = logits.iter().map(|logit| logit.exp()).sum();
        for (logit, expected) in logits.iter().zip(expected.as_array().unwrap()) {
            assert!((f64::from(logit.exp() / sum) - expected.as_f64().unwrap()).abs() < 1e-5, "{logits:?} {expected}");
        }
    }
    assert!(LinearProbe::fit(x, &y[1..], 4, 1.0).is_err() && LinearProbe::fit(x, &y, 2, 1.0).is_err());
}
