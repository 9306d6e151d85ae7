//! Our kernels against burn's operators, on the same weights.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../../../tests/golden/gradients.rs"]
mod gradients;
#[path = "../../../tests/golden/moved.rs"]
mod moved;

use burn::tensor::{Device, Tensor, TensorData};
use gradients::gradients_of;
use moved::moved as model;
use muscall_audio::LogMelConfig;
use muscall_model::audio::{Pooling, ResNetConfig};
use muscall_model::text::TransformerConfig;
use muscall_model::weights::{state_of, with_state};
use muscall_model::{ClipTokenizer, Muscall, MuscallConfig};

fn config(width: usize, pooling: Pooling, n_mels: usize) -> MuscallConfig {
    let log_mel = LogMelConfig::new(n_mels);
    let audio = ResNetConfig::new(width).with_hidden(24).with_pooling(pooling);
    let text = TransformerConfig::new(2).with_width(24, 3);
    MuscallConfig { audio: audio.into(), text: text.into(), clip_s: 3.0, log_mel, ..MuscallConfig::tiny() }
}

fn music(seconds: f64) -> Vec<f32> {
    let wave = |i: f64, hz: f64| (std::f64::consts::TAU * hz * i / 16_000.0).sin();
    let sample = |i: f64| 0.3 * wave(i, 220.0 + 0.01 * i) + 0.2 * wave(i, 3.0) * wave(i, 1760.0);
    (0..(seconds * 16_000.0) as usize).map(|i| sample(i as f64) as f32).collect()
}

#[test]
fn embeddings_agree() {
    for (width, pooling, n_mels) in [
        (8, Pooling::Attention, 64),
        (6, Pooling::Average, 64),
        (16, Pooling::Attention, 64),
        // Poolings leave out a last odd row.
        (8, Pooling::Attention, 80),
        (6, Pooling::Average, 80),
        (8, Pooling::Attention, 100),
        (6, Pooling::Average, 33),
    ] {
        let (config, device) = (config(width, pooling, n_mels), Device::flex());
        let network = model(&config, &device);
        let ours = Muscall::new(config, &network, ClipTokenizer::new().unwrap(), &device).unwrap();
        let burn = ours.clone().with_kernels(false);
        // The length of training, shorter, longer; several of each.
        let clips: Vec<Vec<f32>> = [3.0, 3.0, 1.5, 4.7, 4.7, 4.7, 3.0].map(music).to_vec();
        let texts = [
            "a",
            "calm solo piano",
            "",
            "loud fast drums and a brass band, somewhere in the far distance ".repeat(9).as_str(),
        ]
        .map(str::to_owned);
        let pairs = [
            (ours.embed_clips(&clips).unwrap().values().to_vec(), burn.embed_clips(&clips).unwrap().values().to_vec()),
            (ours.embed_text(&texts).unwrap().values().to_vec(), burn.embed_text(&texts).unwrap().values().to_vec()),
        ];
        for (found, expected) in pairs {
            assert_eq!(found.len(), expected.len());
            let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 5e-6, "width {width}, {n_mels} bands: {worst:e}");
        }
        // A clip does not depend on what else is in the batch, nor on threads.
        let alone = ours.embed_clips(&clips[3..4]).unwrap();
        assert_eq!(alone.values(), ours.embed_clips(&clips).unwrap().row(3));
    }
}

#[test]
fn gradients_agree() {
    gradients_agree_with(64, 0.1);
    // Nothing is made small: then the last layer alone is not rounding's.
    gradients_agree_with(64, 1.0);
}

#[test]
fn gradients_agree_where_poolings_leave_out_a_row() {
    for n_mels in [80, 100] {
        gradients_agree_with(n_mels, 0.1);
    }
}

/// `residual`: what the gains of residual branches are multiplied with.
fn gradients_agree_with(n_mels: usize, residual: f32) {
    let (config, device) = (config(8, Pooling::Attention, n_mels), Device::flex().autodiff());
    let extractor = config.log_mel.init().unwrap();
    let frames = config.log_mel.frames(config.clip_samples());
    let mels: Vec<f32> = (0..4)
        .flat_map(|i| {
            let clip: Vec<f32> = music(3.0 + f64::from(i)).split_off(16_000 * i as usize);
            extractor.extract(&clip).unwrap().into_values()
        })
        .collect();
    let mel = Tensor::<3>::from_data(TensorData::new(mels, [4, n_mels, frames]), &device);
    let gradients = |kernels: bool| {
        let mut model = model(&config, &device);
        let mut state = state_of(&model);
        // Small residual branches: through large ones, rounding multiplies from block to block.
        for (_, data) in state.iter_mut().filter(|(name, _)| config.is_residual_gain(name)) {
            data.as_mut_slice::<f32>().unwrap().iter_mut().for_each(|gain| *gain *= residual);
        }
        model = with_state(model, state, "memory").unwrap();
        model.audio = model.audio.with_kernels(kernels);
        let embedding = model.embed_audio(mel.clone());
        let loss = (embedding.clone() * embedding.clone().narrow(0, 0, 1).detach()).sum();
        let gradients = loss.backward();
        let found = gradients_of(&model, &gradients);
        // After training the running statistics are part of the state.
        (found, state_of(&model))
    };
    let ((ours, our_state), (burn, burn_state)) = (gradients(true), gradients(false));
    assert_eq!(ours.keys().collect::<Vec<_>>(), burn.keys().collect::<Vec<_>>());
    // The second one has come through all layers.
    assert!(burn.contains_key("audio_projection.weight") && burn.contains_key("audio.resnet.conv1.weight"));
    let norm = |values: &[f32]| values.iter().map(|x| x * x).sum::<f32>().sqrt();
    // The keys' bias has no gradient but rounding; others are sums over all places, which nearly cancel.
    for (name, burn) in burn.iter().filter(|(name, _)| !name.ends_with("k_proj.bias")) {
        let tolerance = if name == "audio_projection.weight" { 1e-3 } else { 5e-3 };
        if residual == 1.0 && name != "audio_projection.weight" {
            continue;
        }
        let difference: Vec<f32> = ours[name].iter().zip(burn).map(|(a, b)| a - b).collect();
        assert!(norm(&difference) < tolerance * norm(burn), "{name}: {} of {}", norm(&difference), norm(burn));
    }
    for (name, found) in our_state.iter().filter(|(name, _)| name.contains("running")) {
        let (found, expected) = (found.as_slice::<f32>().unwrap(), burn_state[name].as_slice::<f32>().unwrap());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-4 * expected.abs().max(1.0), "{name}: {found} {expected}");
        }
    }
}
