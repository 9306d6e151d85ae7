//! The forward pass against the released PyTorch implementation, stage by stage.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

#[path = "../../../tests/golden/fixture.rs"]
#[allow(dead_code)]
mod fixture;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use fixture::{Golden, root};
use muscall_model::TokenBatch;
use muscall_model::weights::{read_safetensors, state_of, to_released, with_state};

fn read(folder: &str) -> Golden {
    Golden::read(folder, &Device::flex())
}

fn close<const D: usize>(golden: &Golden, found: Tensor<D>, name: &str, tolerance: f64) {
    let (shape, expected) = &golden.tensors[name];
    assert_eq!(found.dims().as_slice(), shape, "{name}");
    let found = found.into_data().try_into_vec::<f32>().unwrap();
    let differences = found.iter().zip(expected).map(|(&a, b)| (f64::from(a) - b).abs());
    let worst = differences.fold(0.0, f64::max);
    println!("{name}: largest difference {worst:.1e}");
    assert!(worst <= tolerance, "{name}: {worst} > {tolerance}");
}

fn check(folder: &str) {
    let golden = read(folder);
    let model = &golden.model;
    let mel = golden.mel("input.audio", 0);
    close(&golden, mel.clone(), "eval.log_mel", 0.02);
    let features = model.audio.forward(mel.clone());
    close(&golden, features.clone(), "eval.audio_features", 1e-4);
    let projection = model.audio_projection.as_ref().unwrap();
    close(&golden, projection.forward(features), "eval.audio_projection", 1e-4);
    let audio = model.embed_audio(mel);
    close(&golden, audio.clone(), "eval.audio_embedding", 1e-4);

    let text = golden.text("input.tokens", 0);
    let projection = model.text_projection.as_ref().unwrap();
    close(&golden, projection.forward(model.text.forward(text.clone())), "eval.text_projection", 1e-4);
    let text = model.embed_text(text);
    close(&golden, text.clone(), "eval.text_embedding", 1e-4);
    let logits = audio.clone().matmul(text.clone().transpose()) * model.scale().unsqueeze::<2>();
    close(&golden, logits, "eval.logits_per_audio", 1e-3);

    for (found, name) in [(audio, "eval.audio_embedding"), (text, "eval.text_embedding")] {
        let expected: Tensor<2> = fixture::tensor(&golden.tensors, name, &golden.device);
        let cosine = (found * expected).sum_dim(1).into_data().try_into_vec::<f32>().unwrap();
        assert!(cosine.iter().all(|cosine| 1.0 - cosine <= 1e-6), "{name}: {cosine:?}");
    }
}

#[test]
fn attention_pooling_matches_the_released_model() {
    check("attention");
}

#[test]
fn average_pooling_matches_the_released_model() {
    check("average");
}

#[test]
fn a_caption_does_not_depend_on_the_batch() {
    let golden = read("attention");
    let together = golden.model.embed_text(golden.text("input.tokens", 0));
    for (i, ids) in golden.captions("input.tokens", 0).into_iter().enumerate() {
        let alone = golden.model.embed_text(TokenBatch::new(&[ids], &golden.device));
        let difference = (together.clone().narrow(0, i, 1) - alone).abs().max().into_scalar::<f32>();
        assert!(difference < 1e-6, "caption {i}: {difference}");
    }
}

#[test]
fn any_length_has_an_embedding() {
    let golden = read("attention");
    let mel = golden.mel("input.audio", 0);
    for frames in [31, 64, 126, 200] {
        let mel = Tensor::cat(vec![mel.clone(), mel.clone()], 2).narrow(2, 0, frames);
        let audio = golden.model.embed_audio(mel);
        assert_eq!(audio.dims(), [5, 48]);
        let norms = audio.square().sum_dim(1).into_data().try_into_vec::<f32>().unwrap();
        assert!(norms.iter().all(|norm| (norm - 1.0).abs() < 1e-5), "{frames} frames: {norms:?}");
    }
}

#[test]
fn released_names_survive_the_round_trip() {
    for folder in ["attention", "average"] {
        let golden = read(folder);
        let theirs = to_released(state_of(&golden.model));
        let file = read_safetensors(&root().join(folder).join("weights.safetensors")).unwrap();
        for (name, data) in &theirs {
            assert_eq!(data, &file[name], "{name}");
        }
        let mut unused = file.keys().filter(|name| !theirs.contains_key(*name));
        assert!(unused.all(|name| name.contains(".spec.") || name.contains("ln_final")));
    }
}

#[test]
fn every_difference_is_named_at_once() {
    let golden = read("average");
    let mut state = state_of(&golden.model);
    let moved = state.remove("text.layers.0.to_qkv.weight").unwrap();
    state.insert("text.layers.9.to_qkv.weight".to_owned(), moved);
    state.insert("audio.resnet.bn1.bias".to_owned(), TensorData::new(vec![0.0_f32; 3], [3]));
    let message = with_state(golden.model.valid(), state, "mine.safetensors").unwrap_err().to_string();
    for part in [
        "mine.safetensors",
        "missing text.layers.0.to_qkv.weight",
        "surplus text.layers.9.to_qkv.weight",
        "audio.resnet.bn1.bias is [3], expected [8]",
    ] {
        assert!(message.contains(part), "{message}");
    }
}
