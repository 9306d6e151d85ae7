//! Fine-tuning LAION-CLAP: three steps of AdamW against transformers and torch.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

#[path = "../../../tests/golden/clap_synth.rs"]
mod clap_synth;
#[path = "../../../tests/golden/fixture.rs"]
#[allow(dead_code)]
mod fixture;

use std::fs;
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use clap_synth::synth;
use fixture::{read_tensors, root};
use muscall_audio::{DecodeOptions, decode};
use muscall_model::weights::clap::import_clap;
use muscall_model::weights::with_state;
use muscall_model::{AudioBatch, DualEncoder, Muscall};
use muscall_train::Recipe;
use muscall_train::gradient::GradientDict;
use muscall_train::loss::{ContrastiveLoss, PairBatch, PairLoss};
use muscall_train::optimizer::AdamWConfig;

const WINDOW: usize = 480_000;
const RATE: f64 = 1e-4;

type IsTrained<'a> = &'a dyn Fn(&str) -> bool;

/// The four clips of the reference's pairs, as log-mel: `[4, 64, 1001]`.
fn mel(model: &Muscall) -> TensorData {
    let made = |seed, samples| synth(seed, 1, samples).into_iter().map(|x| x as f32 / 32_768.0).collect::<Vec<f32>>();
    let music = Path::new(env!("CARGO_MANIFEST_DIR")).join("../muscall-audio/tests/golden/clap/music.flac");
    let music = decode(&music, &DecodeOptions::default()).unwrap().waveform.samples().to_vec();
    // Of the long one the second window.
    let long = made(3, 1_200_000)[240_000..][..WINDOW].to_vec();
    let clips = [made(1, 480_000), music, made(2, 288_000), long];
    let padding = model.config().padding;
    let mels =
        clips.iter().flat_map(|clip| model.frontend().extract(&padding.fit(clip, WINDOW)).unwrap().into_values());
    TensorData::new(mels.collect::<Vec<f32>>(), [4, 64, 1001])
}

fn captions() -> [String; 4] {
    let clips: serde_json::Value = serde_json::from_slice(&fs::read(root().join("clap/clips.json")).unwrap()).unwrap();
    [2, 3, 8, 9].map(|i: usize| clips["captions"][i].as_str().unwrap().to_owned())
}

#[test]
fn losses_of_three_steps_are_those_of_torch() {
    let expected = read_tensors("clap/gradients.safetensors");
    let model = import_clap(&root().join("clap/hf"), None, &Device::flex()).unwrap();
    let (mel, captions, device) = (mel(&model), captions(), Device::flex().autodiff());
    let loss = |network: &DualEncoder| {
        let text = network.embed_text(model.text_frontend().batch(&captions, &device));
        let audio = network.embed_audio(AudioBatch::from(Tensor::<3>::from_data(mel.clone(), &device)));
        ContrastiveLoss::default().forward(&PairBatch::paired(audio, text, network.scale()), 0)
    };
    let of_text = |name: &str| name.starts_with("text");
    let of_heads = |name: &str| name.contains("projection") || name == "logit_scale";
    let trained: [(&str, IsTrained<'_>); 3] =
        [("all", &|_| true), ("text_frozen", &|name| !of_text(name)), ("projections", &of_heads)];
    for (kind, is_trained) in trained {
        let losses = &expected[&format!("steps.{kind}.losses")].1;
        let network = model.config().clone().without_dropout().init(&device).unwrap();
        let mut network = with_state(network, model.state().unwrap().into_owned(), "the imported model").unwrap();
        let mut optimizer = AdamWConfig { decay_everything: true, ..AdamWConfig::default() }.init();
        for (step, expected) in losses.iter().enumerate() {
            let loss = loss(&network);
            let off = f64::from(loss.clone().into_scalar::<f32>()) / expected - 1.0;
            println!("{kind}, step {step}: off by {off:.1e}");
            assert!(off.abs() < 1e-5, "{kind}, step {step}: {off:e}");
            let mut gradients = GradientDict::default();
            gradients.collect(&network, &mut loss.backward());
            let rate = |name: &str| if is_trained(name) { RATE } else { 0.0 };
            network = optimizer.step(&gradients, &rate).apply(network);
        }
        assert!(losses[3] < losses[0]);
    }
}

#[test]
fn a_recipe_takes_the_model_of_a_bundle() {
    let dir = tempfile::tempdir().unwrap();
    let (bundle, path) = (dir.path().join("bundle"), dir.path().join("clap.toml"));
    let model = import_clap(&root().join("clap/hf"), None, &Device::flex()).unwrap();
    model.save(&bundle).unwrap();
    let text = |preset: &str| {
        let preset = format!("epochs = 1\nbatch_size = 4\nlearning_rate = 1e-5\n[model]\npreset = {preset:?}\n");
        fs::write(&path, preset).unwrap();
        Recipe::read_with(&path, &["model.temperature.learned=0.05"])
    };
    let recipe = text(bundle.to_str().unwrap()).unwrap();
    assert_eq!(recipe.model.audio, model.config().audio);
    assert_eq!(recipe.model.temperature.initial(), 0.05);
    // Words and the pretrained tower come from the bundle, though it has no files of a sentence encoder.
    let frontend = recipe.model.text.frontend(&mut std::iter::empty(), &Device::flex()).unwrap();
    assert_eq!(frontend.fingerprint(), model.text_frontend().fingerprint());
    let all = model.state().unwrap().into_owned();
    let pretrained = recipe.model.pretrained(&Device::flex()).unwrap();
    assert!(pretrained.len() > 30 && pretrained.iter().all(|(name, data)| all[name] == *data));
    let error = text("nowhere/bundle").unwrap_err().to_string();
    assert!(error.contains("nowhere/bundle") && error.contains("the folder of a bundle"), "{error}");
}
