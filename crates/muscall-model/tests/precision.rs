//! Activations of 16 bits against those of 32.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::{Mutex, PoisonError};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{DType, Device, Gradients, Tensor, TensorData};
use muscall_model::audio::{Pooling, ResNetConfig};
use muscall_model::text::TransformerConfig;
use muscall_model::weights::{running_statistics, state_of, with_state};
use muscall_model::{ClipTokenizer, DualEncoder, Muscall, MuscallConfig, Precision, TokenBatch};

static ONE_DRAW: Mutex<()> = Mutex::new(());

fn config(pooling: Pooling) -> MuscallConfig {
    let audio = ResNetConfig::new(8).with_hidden(24).with_pooling(pooling);
    let text = TransformerConfig::new(2).with_width(48, 3).with_dropout(0.0);
    MuscallConfig { audio: audio.into(), text: text.into(), clip_s: 2.0, ..MuscallConfig::tiny() }
}

/// Random weights; residual branches do something from the start. Large ones multiply rounding: embeddings do not
/// mind, gradients lose all that they have in common.
fn model(config: &MuscallConfig, gain: f32, device: &Device) -> DualEncoder {
    let _one_draw = ONE_DRAW.lock().unwrap_or_else(PoisonError::into_inner);
    device.seed(3);
    let model = config.init(device).unwrap();
    let mut state = state_of(&model);
    for (name, data) in &mut state {
        if name.ends_with("bn3.weight") {
            *data = TensorData::new(vec![gain; data.shape().num_elements()], data.shape().clone());
        }
    }
    with_state(model, state, "memory").unwrap()
}

fn music(seconds: f64, hz: f64) -> Vec<f32> {
    let wave = |i: f64, hz: f64| (std::f64::consts::TAU * hz * i / 16_000.0).sin();
    let sample = |i: f64| 0.3 * wave(i, hz + 0.01 * i) + 0.2 * wave(i, 3.0) * wave(i, 8.0 * hz);
    (0..(seconds * 16_000.0) as usize).map(|i| sample(i as f64) as f32).collect()
}

const CAPTIONS: [&str; 3] = ["a slow tune", "fast, loud and very long, with drums and a brass band", "solo piano"];

fn worst_cosine_distance(found: &[f32], right: &[f32], dim: usize) -> f32 {
    assert_eq!(found.len(), right.len());
    let rows = found.chunks_exact(dim).zip(right.chunks_exact(dim));
    rows.map(|(a, b)| 1.0 - a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>()).fold(0.0, f32::max)
}

#[test]
fn embeddings_of_16_bits_are_near_those_of_32() {
    for pooling in [Pooling::Attention, Pooling::Average] {
        let (config, device) = (config(pooling), Device::flex());
        let network = model(&config, 0.5, &device);
        let full = Muscall::new(config, &network, ClipTokenizer::new().unwrap(), &device).unwrap();
        let full = full.with_kernels(false);
        // Of the length of training, and longer: positions are interpolated.
        for clips in [vec![music(2.0, 220.0), music(2.0, 330.0)], vec![music(3.0, 110.0)]] {
            let right = full.embed_clips(&clips).unwrap();
            for (precision, allowed) in [(Precision::BF16, 1e-3), (Precision::F16, 1e-5)] {
                let half = full.clone().with_precision(precision);
                let found = half.embed_clips(&clips).unwrap();
                let distance = worst_cosine_distance(found.values(), right.values(), right.dim());
                assert!(distance < allowed, "audio, {pooling:?}, {precision:?}: {distance:e}");
                assert_ne!(found.values(), right.values(), "{precision:?} is no other than 32 bits");
                let [found, right] = [&half, &full].map(|model| model.embed_text(CAPTIONS).unwrap());
                let distance = worst_cosine_distance(found.values(), right.values(), right.dim());
                assert!(distance < allowed, "text, {precision:?}: {distance:e}");
            }
        }
    }
}

/// Gradients by the order of parameters.
struct Collector<'a>(&'a mut Gradients, Vec<Vec<f32>>);

impl ModuleVisitor for Collector<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad_remove(self.0) {
            // Weights are of 32 bits, and so are their gradients.
            assert_eq!((param.val().dtype(), gradient.dtype()), (DType::F32, DType::F32));
            self.1.push(gradient.into_data().try_into_vec().unwrap());
        }
    }
}

#[test]
fn gradients_are_finite_and_near_and_statistics_stay_in_32_bits() {
    let (config, device) = (config(Pooling::Attention), Device::flex().autodiff());
    let extractor = config.log_mel.init().unwrap();
    let mels: Vec<f32> = [220.0, 330.0, 550.0]
        .iter()
        .flat_map(|&hz| extractor.extract(&music(2.0, hz)).unwrap().into_values())
        .collect();
    let bands = config.log_mel.n_mels;
    let shape = [3, bands, mels.len() / 3 / bands];
    let tokenizer = ClipTokenizer::new().unwrap();
    let rows: Vec<Vec<u32>> = CAPTIONS.iter().map(|caption| tokenizer.encode(caption)).collect();
    let gradients = |precision| {
        let network = model(&config, 0.1, &device).with_precision(precision);
        let audio = network.embed_audio(Tensor::<3>::from_data(TensorData::new(mels.clone(), shape), &device));
        let text = network.embed_text(TokenBatch::new(&rows, &device));
        assert_eq!((audio.dtype(), text.dtype()), (DType::F32, DType::F32));
        let cosines = audio.matmul(text.transpose());
        let loss = cosines.clone().sum() - cosines.narrow(0, 0, 1).narrow(1, 0, 1).sum() * 4.0;
        let mut gradients = loss.backward();
        let mut collector = Collector(&mut gradients, Vec::new());
        network.visit(&mut collector);
        for (name, values) in running_statistics(&network) {
            let values = values.into_data().try_into_vec::<f32>().unwrap();
            assert!(values.iter().all(|x| x.is_finite()), "{name}");
        }
        collector.1
    };
    let right = gradients(Precision::F32);
    for (precision, allowed) in [(Precision::BF16, 0.5), (Precision::F16, 0.2)] {
        let found = gradients(precision);
        assert_eq!(found.len(), right.len());
        let (mut apart, mut norm) = (0.0, 0.0);
        for (a, b) in found.iter().flatten().zip(right.iter().flatten()) {
            assert!(a.is_finite());
            apart += f64::from(a - b).powi(2);
            norm += f64::from(*b).powi(2);
        }
        let difference = (apart / norm).sqrt();
        assert!(difference < allowed, "{precision:?}: {difference:e}");
    }
}
