//! Every GPU of this machine, software ones too, against the CPU. Of use with `--features wgpu-plain` or `cuda-plain`:
//! measuring kernels takes minutes on software.
#![cfg(all(feature = "flex", any(feature = "wgpu-plain", feature = "cuda-plain")))]
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stderr)]

use muscall::device::{DeviceKind, device_name, devices};
use muscall::model::audio::ResNetConfig;
use muscall::model::text::TransformerConfig;
use muscall::model::{ClipTokenizer, TextFrontend};
use muscall::train::batcher::LoadedItem;
use muscall::train::device_check::DeviceCheck;
use muscall::{Device, DeviceChoice, Muscall, MuscallConfig, Recipe};

fn config() -> MuscallConfig {
    let audio = ResNetConfig::new(4).with_hidden(16);
    let text = TransformerConfig::new(1).with_width(32, 2);
    MuscallConfig { audio: audio.into(), text: text.into(), clip_s: 2.0, ..MuscallConfig::tiny() }
}

fn tone(clip: usize) -> Vec<f32> {
    let wave = |hz: f32, i: usize| (std::f32::consts::TAU * hz * i as f32 / 16_000.0).sin();
    let hz = 110.0 * (clip + 2) as f32;
    (0..32_000).map(|i| 0.3 * wave(hz + 0.001 * i as f32, i) + 0.2 * wave(3.0, i) * wave(7.0 * hz, i)).collect()
}

#[test]
fn gpus_agree_with_the_cpu() {
    let config = config();
    let extractor = config.log_mel.init().unwrap();
    let item = |index: usize| {
        let mel = extractor.extract(&tone(index)).unwrap().into_values();
        let valid_frames = mel.len() / config.log_mel.n_mels;
        let captions = vec![format!("tone {index} of a flute")];
        LoadedItem { index, window: 0, mel, valid_frames, views: None, captions, faults: Vec::new() }
    };
    let batch: Vec<LoadedItem> = (0..4).map(item).collect();
    let recipe = Recipe { batch_size: 4, learning_rate: 1e-3, ..Recipe::new(config.clone()) };
    let captions = TextFrontend::from(ClipTokenizer::new().unwrap());
    let reference = DeviceChoice::Cpu.open().unwrap();
    let network = config.init(&reference).unwrap();
    let tokenizer = ClipTokenizer::new().unwrap();
    let model = |device: &Device| Muscall::new(config.clone(), &network, tokenizer.clone(), device).unwrap();
    let right = model(&reference).embed_clips(&[tone(0), tone(5)]).unwrap();
    let gpus: Vec<_> = devices().into_iter().filter(|device| device.kind != DeviceKind::Cpu).collect();
    if gpus.is_empty() {
        eprintln!("skipped: this machine has no GPU, not even a software one");
    }
    for gpu in gpus {
        let device = gpu.choice.open().unwrap();
        eprintln!("{gpu}: {}", device_name(&device));
        // Kernels of the CPU against burn's operators on the GPU.
        let found = model(&device).embed_clips(&[tone(0), tone(5)]).unwrap();
        for (a, b) in found.values().iter().zip(right.values()) {
            assert!((a - b).abs() < 1e-2, "{gpu}: {a} for {b}");
        }
        let check = DeviceCheck::new(&recipe, &captions, &device, &reference).with_steps(2);
        let report = check.run(std::slice::from_ref(&batch)).unwrap();
        eprintln!("{report}");
        assert!(report.agrees(), "{gpu}: {}", report.first_beyond().unwrap());
    }
}
