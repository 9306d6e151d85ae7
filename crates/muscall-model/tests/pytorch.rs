//! A checkpoint of the released trainer becomes a model that embeds as it did.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

#[path = "../../../tests/golden/fixture.rs"]
#[allow(dead_code)]
mod fixture;

use std::collections::BTreeMap;
use std::fs;

use burn::tensor::{Device, Tensor};
use fixture::{Golden, root};
use muscall_model::weights::pytorch::{ElementType, TorchFile, Value};
use muscall_model::weights::{import_released, read_released_config, read_safetensors, to_released, write_safetensors};
use muscall_model::{DualEncoder, ModelError};

fn embeds_as_it_did(golden: &Golden, model: &DualEncoder) {
    let audio = model.embed_audio(golden.mel("input.audio", 0));
    let text = model.embed_text(golden.text("input.tokens", 0));
    for (found, name) in [(audio, "eval.audio_embedding"), (text, "eval.text_embedding")] {
        let expected: Tensor<2> = fixture::tensor(&golden.tensors, name, &golden.device);
        let difference = (found - expected).abs().max().into_scalar::<f32>();
        println!("{name}: off by {difference:.1e}");
        assert!(difference < 1e-4, "{name}: {difference}");
    }
}

#[test]
fn the_checkpoint_holds_what_the_safetensors_file_holds() {
    let mut file = TorchFile::open(&root().join("attention/checkpoint.pth.tar")).unwrap();
    let root_value = file.root().clone();
    assert!(root_value.get("epoch").and_then(Value::as_i64).is_some());
    let expected = read_safetensors(&root().join("attention/weights.safetensors")).unwrap();
    let mut compared = 0;
    for (name, value) in root_value.get("state_dict").unwrap().entries().unwrap() {
        let (name, tensor) = (name.as_str().unwrap(), value.as_tensor().unwrap());
        if tensor.kind == ElementType::I64 {
            assert!(name.ends_with("num_batches_tracked"));
            continue;
        }
        let found = file.read(tensor).unwrap();
        assert_eq!(found, expected[name].as_slice::<f32>().unwrap(), "{name}");
        compared += 1;
    }
    assert_eq!(compared, expected.len());
}

#[test]
fn every_format_imports_and_embeds_as_it_did() {
    for (folder, files) in
        [("attention", ["checkpoint.pth.tar", "weights.safetensors"].as_slice()), ("average", &["weights.safetensors"])]
    {
        let golden = Golden::read(folder, &Device::flex());
        let config = read_released_config(&root().join(folder).join("config.json")).unwrap();
        assert_eq!(config, golden.config);
        for file in files {
            let imported = import_released(&root().join(folder).join(file), &config, &Device::flex()).unwrap();
            embeds_as_it_did(&golden, imported.model.model().unwrap());
            assert_eq!(imported.optimizer.is_some(), *file == "checkpoint.pth.tar");
            // Its vocabulary is not CLIP's: captions are refused, not read past its end.
            let error = imported.model.embed_text(["calm piano"]).unwrap_err().to_string();
            assert!(error.contains("text.vocabulary"), "{error}");
        }
    }
}

#[test]
fn moments_have_the_names_and_shapes_of_their_parameters() {
    let config = read_released_config(&root().join("attention/config.json")).unwrap();
    let imported = import_released(&root().join("attention/checkpoint.pth.tar"), &config, &Device::flex()).unwrap();
    let (moments, steps) = imported.optimizer.unwrap();
    assert_eq!(steps, 3);
    let state = imported.model.state().unwrap().into_owned();
    let mut parameters = 0;
    for (name, data) in state.iter().filter(|(name, _)| !name.contains("running_")) {
        for moment in ["first", "second"] {
            assert_eq!(moments[&format!("{moment}.{name}")].shape(), data.shape(), "{name}");
        }
        parameters += 1;
    }
    assert_eq!(moments.len(), 2 * parameters);
}

#[test]
fn a_configuration_may_be_yaml_and_stand_within_another() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.yaml");
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(root().join("attention/config.json")).unwrap()).unwrap();
    let whole = BTreeMap::from([("model_config", &json)]);
    fs::write(&path, serde_yaml_ng::to_string(&whole).unwrap()).unwrap();
    let expected = read_released_config(&root().join("attention/config.json")).unwrap();
    assert_eq!(read_released_config(&path).unwrap(), expected);
    let refuse = |text: &str, part: &str| {
        fs::write(&path, text).unwrap();
        let error = read_released_config(&path).unwrap_err().to_string();
        assert!(error.contains("config.yaml") && error.contains(part), "{error}");
    };
    refuse("projection_dim: 512\n", "audio");
    refuse(": : :", "");
    fs::write(&path, b"name: fa\xe7ade\n").unwrap();
    let error = read_released_config(&path).unwrap_err().to_string();
    assert!(error.contains("config.yaml") && error.contains("UTF-8"), "{error}");
    refuse(&serde_yaml_ng::to_string(&json).unwrap().replace("TextTransformer", "BERT"), "BERT");
    refuse(&serde_yaml_ng::to_string(&json).unwrap().replace("pooling: attention", "pooling: max"), "max");
}

#[test]
fn all_differences_are_named_by_the_released_names() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mine.safetensors");
    let config = read_released_config(&root().join("attention/config.json")).unwrap();
    let mut state = read_safetensors(&root().join("attention/weights.safetensors")).unwrap();
    let moved = state.remove("textual_head.transformer.layers.0.1.fn.mlp.0.weight").unwrap();
    state.insert("textual_head.transformer.layers.7.1.fn.mlp.0.weight".to_owned(), moved);
    let small = state["audio_backbone.bn1.weight"].clone();
    state.insert("audio_backbone.layer4.0.bn3.weight".to_owned(), small);
    write_safetensors(&path, &state).unwrap();
    let error = import_released(&path, &config, &Device::flex()).unwrap_err().to_string();
    for part in [
        "mine.safetensors",
        "missing textual_head.transformer.layers.0.1.fn.mlp.0.weight",
        "surplus textual_head.transformer.layers.7.1.fn.mlp.0.weight",
        "audio_backbone.layer4.0.bn3.weight is [2], expected [128]",
    ] {
        assert!(error.contains(part), "{error}");
    }
    // Another frontend than the one that it was trained with.
    let other = config.clone().with_log_mel(config.log_mel.clone().with_f_max(8000.0));
    let error = import_released(&root().join("attention/checkpoint.pth.tar"), &other, &Device::flex()).unwrap_err();
    assert!(matches!(error, ModelError::FrontendBuffer { buffer: "audio_backbone.spec.mel_scale.fb", .. }), "{error}");
}

/// As several devices, compilers and trainers save them, and in half the bytes.
#[test]
fn prefixes_and_short_floats_are_what_they_stand_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mine.safetensors");
    let config = read_released_config(&root().join("attention/config.json")).unwrap();
    let state = read_safetensors(&root().join("attention/weights.safetensors")).unwrap();
    let import = |config: &muscall_model::MuscallConfig| import_released(&path, config, &Device::flex());
    let plain = import_released(&root().join("attention/weights.safetensors"), &config, &Device::flex()).unwrap();
    for prefix in ["module.", "module._orig_mod.", "model."] {
        let named = state.iter().map(|(name, data)| (format!("{prefix}{name}"), data.clone())).collect();
        write_safetensors(&path, &named).unwrap();
        assert_eq!(import(&config).unwrap().model.fingerprint().unwrap(), plain.model.fingerprint().unwrap());
    }
    for round in [|x: f32| half::f16::from_f32(x).to_f32(), |x: f32| half::bf16::from_f32(x).to_f32()] {
        let rounded = state.iter().map(|(name, data)| {
            let values: Vec<f32> = data.as_slice::<f32>().unwrap().iter().map(|&x| round(x)).collect();
            (name.clone(), burn::tensor::TensorData::new(values, data.shape().clone()))
        });
        write_safetensors(&path, &rounded.collect()).unwrap();
        import(&config).unwrap();
        // It is still another frontend than that of other settings.
        let other = config.clone().with_log_mel(config.log_mel.clone().with_f_max(7000.0));
        assert!(matches!(import(&other).unwrap_err(), ModelError::FrontendBuffer { .. }));
    }
}

#[test]
fn a_path_that_is_not_there_is_no_broken_bundle() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = dir.path().join("nowhere/x");
    let read = read_released_config(&nowhere).unwrap_err();
    let written = write_safetensors(&nowhere, &Default::default()).unwrap_err();
    for error in [read, written] {
        let text = error.to_string();
        assert!(matches!(error, ModelError::Io { .. }) && text.contains("check the path"), "{text}");
        assert!(!text.contains("bundle"), "{text}");
    }
}

#[test]
fn what_is_exported_is_imported_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("exported.safetensors");
    let config = read_released_config(&root().join("average/config.json")).unwrap();
    let first = import_released(&root().join("average/weights.safetensors"), &config, &Device::flex()).unwrap();
    write_safetensors(&path, &to_released(first.model.state().unwrap().into_owned())).unwrap();
    let again = import_released(&path, &config, &Device::flex()).unwrap();
    assert_eq!(again.model.fingerprint().unwrap(), first.model.fingerprint().unwrap());
}
