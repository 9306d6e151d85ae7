//! The recurrent encoder against the same network in PyTorch: features, gradients, masked mean.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

#[path = "../../../tests/golden/fixture.rs"]
#[allow(dead_code)]
mod fixture;
#[path = "../../../tests/golden/gradients.rs"]
mod gradients;

use burn::tensor::{Device, Tensor, TensorData};
use fixture::{Tensors, read_tensors, tensor};
use gradients::gradients_of;
use muscall_model::audio::{AudioBatch, AudioEncoder, AudioEncoderConfig, CrnnConfig};
use muscall_model::weights::with_state;

fn read(device: &Device) -> (AudioEncoder, Tensors) {
    let tensors = read_tensors("crnn/crnn.safetensors");
    let config = AudioEncoderConfig::from(CrnnConfig { channels: 2, recurrent: 6, dropout: 0.0 });
    let weights = tensors.iter().filter_map(|(name, (shape, values))| {
        let values: Vec<f32> = values.iter().map(|&x| x as f32).collect();
        Some((name.strip_prefix("weight.")?.to_owned(), TensorData::new(values, shape.clone())))
    });
    let model = with_state(config.init(64, 4, device).unwrap(), weights.collect(), "crnn.safetensors").unwrap();
    (model, tensors)
}

fn features(model: &AudioEncoder, tensors: &Tensors, device: &Device) -> Tensor<2> {
    let valid: Vec<usize> = tensors["input.valid"].1.iter().map(|&x| x as usize).collect();
    model.forward(AudioBatch { mel: tensor(tensors, "input.mel", device), valid_frames: Some(valid) })
}

fn close(found: Tensor<2>, expected: &[f64], name: &str) {
    let found = found.into_data().try_into_vec::<f32>().unwrap();
    assert_eq!(found.len(), expected.len());
    let worst = found.iter().zip(expected).map(|(&a, b)| (f64::from(a) - b).abs()).fold(0.0, f64::max);
    println!("{name}: largest difference {worst:.1e}");
    assert!(worst < 1e-5, "{name}: {worst}");
}

#[test]
fn features_match_in_evaluation() {
    let device = Device::flex();
    let (model, tensors) = read(&device);
    close(features(&model, &tensors, &device), &tensors["eval.features"].1, "eval.features");
}

#[test]
fn features_and_gradients_match_in_training() {
    let device = Device::flex().autodiff();
    let (model, tensors) = read(&device);
    let features = features(&model, &tensors, &device);
    close(features.clone(), &tensors["train.features"].1, "train.features");
    let gradients = features.square().sum().backward();
    let found = gradients_of(&model, &gradients);
    let mut compared = 0;
    for (name, (_, expected)) in &tensors {
        let Some(name) = name.strip_prefix("grad.") else { continue };
        let found = &found[name];
        let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
        let difference = norm(&mut found.iter().zip(expected).map(|(&a, b)| f64::from(a) - b));
        let relative = difference / norm(&mut expected.iter().copied());
        assert!(relative < 1e-3, "{name}: {relative}");
        compared += 1;
    }
    assert_eq!(compared, 18);
}
