//! LAION-CLAP against transformers: a small model with every tensor moved off its default, in both layouts.
#![cfg(feature = "sentence")]
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

#[path = "../../../tests/golden/clap_synth.rs"]
mod clap_synth;
#[path = "../../../tests/golden/fixture.rs"]
#[allow(dead_code)]
mod fixture;
#[path = "../../../tests/golden/gradients.rs"]
mod gradients;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData};
use clap_synth::synth;
use fixture::{Tensors, read_tensors, root};
use gradients::gradients_of;
use muscall_audio::{DecodeOptions, decode};
use muscall_model::weights::clap::{COLLAPSED, export_clap, hub_name, import_clap, text_similarity};
use muscall_model::weights::{WeightFormat, read_safetensors, with_state, write_safetensors};
use muscall_model::{AudioBatch, ClipTokenizer, ModelError, Muscall, MuscallConfig};

const WINDOW: usize = 480_000;

fn hub() -> PathBuf {
    root().join("clap/hf")
}

fn laion() -> PathBuf {
    root().join("clap/laion/checkpoint.pt")
}

fn import(source: &Path) -> Muscall {
    import_clap(source, source.is_file().then(hub).as_deref(), &Device::flex()).unwrap()
}

fn floats(samples: Vec<i32>) -> Vec<f32> {
    samples.into_iter().map(|sample| sample as f32 / 32_768.0).collect()
}

fn clip(name: &str) -> Vec<f32> {
    let music = || {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../muscall-audio/tests/golden/clap/music.flac");
        decode(&path, &DecodeOptions::default()).unwrap().waveform.samples().to_vec()
    };
    match name {
        "ten" => floats(synth(1, 1, 480_000)),
        "three" => music(),
        "six" => floats(synth(2, 1, 288_000)),
        "long" => floats(synth(3, 1, 1_200_000)),
        "silence" => vec![0.0; WINDOW],
        "loud" => floats(synth(4, 6, 480_000)),
        "tenth" => floats(synth(6, 1, 4800)),
        other => panic!("{other}"),
    }
}

fn captions() -> Vec<String> {
    let clips: serde_json::Value = serde_json::from_slice(&fs::read(root().join("clap/clips.json")).unwrap()).unwrap();
    clips["captions"].as_array().unwrap().iter().map(|caption| caption.as_str().unwrap().to_owned()).collect()
}

/// Norm of the difference over the norm.
fn apart(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let difference: f64 = found.iter().zip(expected).map(|(&a, b)| (f64::from(a) - b).powi(2)).sum();
    (difference / expected.iter().map(|x| x * x).sum::<f64>()).sqrt()
}

fn golden() -> Tensors {
    let mut tensors = read_tensors("clap/tensors.safetensors");
    // Indices, which are of no float type, are not read here.
    tensors.remove("input_ids");
    tensors
}

#[test]
fn music_has_the_vectors_of_transformers_in_both_layouts() {
    let golden = golden();
    let [hub, laion] = [hub(), laion()].map(|source| import(&source));
    for name in ["ten", "three", "six", "long", "silence", "loud", "tenth"] {
        for kernels in [true, false] {
            let embed = |model: &Muscall| model.clone().with_kernels(kernels).embed_clips(&[clip(name)]).unwrap();
            let [found, other] = [&hub, &laion].map(embed);
            assert_eq!(found, other, "{name}");
            let off = apart(found.row(0), &golden[&format!("audio.{name}.embedding")].1);
            println!("{name}, kernels {kernels}: {off:.1e}");
            assert!(off < 1e-5, "{name}: {off:e}");
        }
    }
}

#[test]
fn captions_have_the_vectors_of_transformers() {
    let golden = golden();
    let captions = captions();
    for (source, prefix) in [(hub(), "text"), (laion(), "text_eps_1e-5")] {
        for kernels in [true, false] {
            let found = import(&source).with_kernels(kernels).embed_text(&captions).unwrap();
            let off = apart(found.values(), &golden[&format!("{prefix}.embedding")].1);
            println!("{prefix}, kernels {kernels}: {off:.1e}");
            assert!(off < 5e-6, "{prefix}: {off:e}");
        }
    }
}

#[test]
fn every_stage_is_that_of_transformers() {
    let golden = golden();
    let model = import(&hub());
    for name in ["ten", "three", "tenth"] {
        let clip = model.config().padding.fit(&clip(name), WINDOW);
        let mel = model.frontend().extract(&clip).unwrap();
        let mel = TensorData::new(mel.values().to_vec(), [1, 64, mel.frames()]);
        let text = model.text_frontend().batch(&["guitar"], model.device());
        let audio = AudioBatch::from(Tensor::from_data(mel, model.device()));
        let seen = model.model().unwrap().activations(audio, text);
        let stages = [
            ("audio.patches", "patch_embed", 5e-5),
            ("audio.stages.0.blocks.0", "stage0.block0", 5e-5),
            ("audio.stages.0.blocks.1", "stage0.block1", 5e-5),
            ("audio.stages.0.merging", "stage0", 5e-5),
            ("audio.stages.1.blocks.1", "stage1.block1", 5e-5),
            ("audio.stages.1.merging", "stage1", 5e-5),
            ("audio.stages.2.merging", "stage2", 1e-5),
            ("audio.stages.3.blocks.1", "stage3", 1e-5),
            ("audio", "pooled", 1e-5),
        ];
        for (ours, theirs, tolerance) in stages {
            let Some((shape, expected)) = golden.get(&format!("audio.{name}.{theirs}")) else { continue };
            let (_, found) = seen.iter().find(|(own, _)| *own == ours).unwrap();
            let found = found.clone().into_data().try_into_vec::<f32>().unwrap();
            if found.len() != shape.iter().product::<usize>() {
                continue; // of some tokens only
            }
            let off = apart(&found, expected);
            let tolerance = if name == "tenth" { 2.0 * tolerance } else { tolerance };
            assert!(off < tolerance, "{name} {theirs}: {off:e}");
        }
    }
}

#[test]
fn captions_have_the_tokens_of_transformers() {
    #[derive(serde::Deserialize)]
    struct Tokens {
        text: String,
        ids: Vec<u32>,
        #[serde(default)]
        spells_special: bool,
    }
    let tokens: Vec<Tokens> = serde_json::from_slice(&fs::read(root().join("clap/tokens.json")).unwrap()).unwrap();
    assert!(tokens.len() >= 50);
    let model = import(&hub());
    for Tokens { text, ids, spells_special } in tokens {
        let found = model.text_frontend().tokens(&[text.as_str()]).unwrap();
        assert!(found[0] == ids || spells_special, "{text:?}: {:?}, not {ids:?}", found[0]);
        assert!(found[0].len() <= 77);
    }
}

#[test]
fn a_bundle_gives_the_same_vectors() {
    let dir = tempfile::tempdir().unwrap();
    let model = import(&laion());
    model.save(dir.path()).unwrap();
    let loaded = Muscall::load(dir.path(), &Device::flex()).unwrap();
    assert_eq!(loaded.fingerprint().unwrap(), model.fingerprint().unwrap());
    let clips = [clip("three"), clip("long")];
    assert_eq!(loaded.embed_clips(&clips).unwrap(), model.embed_clips(&clips).unwrap());
    assert_eq!(loaded.embed_text(captions()).unwrap(), model.embed_text(captions()).unwrap());
    // The layouts differ in the text side alone.
    let (one, other) = (model.fingerprint().unwrap(), import(&hub()).fingerprint().unwrap());
    assert_ne!(one, other);
    assert_eq!(one.name().split('-').nth(1), other.name().split('-').nth(1));
}

#[test]
fn sixteen_bits_are_half_the_size_and_close() {
    let dir = tempfile::tempdir().unwrap();
    let model = import(&hub());
    let (whole, half) = (dir.path().join("whole"), dir.path().join("half"));
    model.save(&whole).unwrap();
    model.save_as(&half, WeightFormat::F16).unwrap();
    let bytes = |bundle: &Path| fs::metadata(bundle.join("weights.safetensors")).unwrap().len();
    assert!(
        bytes(&half) * 10 < bytes(&whole) * 7,
        "vectors and the header stay: {} of {}",
        bytes(&half),
        bytes(&whole)
    );
    let loaded = Muscall::load(&half, &Device::flex()).unwrap();
    let clips: Vec<_> = ["ten", "three", "six", "silence", "loud"].map(clip).to_vec();
    let pairs = [
        (loaded.embed_clips(&clips).unwrap().values().to_vec(), model.embed_clips(&clips).unwrap().values().to_vec()),
        (
            loaded.embed_text(captions()).unwrap().values().to_vec(),
            model.embed_text(captions()).unwrap().values().to_vec(),
        ),
    ];
    let dim = model.config().projection_dim;
    for (found, expected) in &pairs {
        for (found, expected) in found.chunks(dim).zip(expected.chunks(dim)) {
            let norm = found.iter().zip(expected).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
            assert!(norm > 0.0 && norm <= 2e-3, "{norm}");
        }
    }
    // It is a model of its own, and what burn's operators and another save make of it is the same.
    let space = loaded.fingerprint().unwrap();
    assert_ne!(space, model.fingerprint().unwrap());
    let again = dir.path().join("again");
    loaded.save(&again).unwrap();
    assert_eq!(
        fs::read(again.join("weights.safetensors")).unwrap(),
        fs::read(half.join("weights.safetensors")).unwrap()
    );
    let reference = loaded.clone().with_kernels(false).embed_text(captions()).unwrap();
    let close = reference.values().iter().zip(&pairs[1].0).all(|(a, b)| (a - b).abs() < 1e-5);
    assert!(close, "on the kernels 16 bits are what they are in burn");
}

#[test]
fn what_is_written_in_the_hubs_layout_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let model = import(&hub());
    export_clap(&model, dir.path()).unwrap();
    let again = import_clap(dir.path(), None, &Device::flex()).unwrap();
    assert_eq!(again.fingerprint().unwrap(), model.fingerprint().unwrap());
    assert_eq!(again.state().unwrap(), model.state().unwrap());
    // Every tensor that the hub has, in its shape.
    let [theirs, ours] = [hub(), dir.path().to_owned()].map(|dir| {
        let state = read_safetensors(&dir.join("model.safetensors")).unwrap();
        state.into_iter().map(|(name, data)| (name, data.shape().as_slice().to_vec())).collect::<BTreeMap<_, _>>()
    });
    assert_eq!(ours, theirs);
    // In the hub's cache a folder is found by what refs/main says.
    let cache = tempfile::tempdir().unwrap();
    fs::create_dir_all(cache.path().join("refs")).unwrap();
    fs::create_dir_all(cache.path().join("snapshots")).unwrap();
    fs::write(cache.path().join("refs/main"), "0123abc\n").unwrap();
    fs::rename(dir.path(), cache.path().join("snapshots/0123abc")).unwrap();
    let cached = import_clap(cache.path(), None, &Device::flex()).unwrap();
    assert_eq!(cached.fingerprint().unwrap(), model.fingerprint().unwrap());
    let error = export_clap(&other_model(), cache.path()).unwrap_err().to_string();
    assert!(error.contains("LAION-CLAP"), "{error}");
}

fn other_model() -> Muscall {
    let config = MuscallConfig::tiny();
    let model = config.init(&Device::flex()).unwrap();
    Muscall::new(config, &model, ClipTokenizer::new().unwrap(), &Device::flex()).unwrap()
}

#[test]
fn gradients_are_those_of_transformers() {
    let expected = read_tensors("clap/gradients.safetensors");
    let device = Device::flex().autodiff();
    let model = import(&hub());
    // Without dropout, as the reference.
    let network = model.config().clone().without_dropout().init(&device).unwrap();
    let network = with_state(network, model.state().unwrap().into_owned(), "the imported model").unwrap();
    let captions = captions();
    let pairs = [("ten", 2), ("three", 3), ("six", 8), ("long", 9)];
    let mut mels = Vec::new();
    for (name, _) in pairs {
        let mut clip = clip(name);
        if name == "long" {
            clip = clip[240_000..240_000 + WINDOW].to_vec(); // its second window
        }
        mels.extend(model.frontend().extract(&model.config().padding.fit(&clip, WINDOW)).unwrap().into_values());
    }
    let mel = Tensor::<3>::from_data(TensorData::new(mels, [4, 64, 1001]), &device);
    let texts = pairs.map(|(_, caption)| captions[caption].as_str());
    let text = network.embed_text(model.text_frontend().batch(&texts, &device));
    let audio = network.embed_audio(AudioBatch::from(mel));
    let logits = audio.matmul(text.transpose()) * network.scale().unsqueeze::<2>();
    let own = |logits: Tensor<2>| {
        let eye = Tensor::<2>::eye(4, &device);
        (log_softmax(logits, 1) * eye).sum().neg() / 4.0
    };
    let loss = (own(logits.clone()) + own(logits.transpose())) / 2.0;
    let value = f64::from(loss.clone().into_scalar::<f32>());
    assert!((value / expected["loss"].1[0] - 1.0).abs() < 1e-5, "{value}");
    let gradients = loss.backward();
    let found = gradients_of(&network, &gradients);
    let mut compared = 0;
    for (name, found) in found {
        let hub = format!("grad.{}", hub_name(&name));
        let Some((_, theirs)) = expected.get(&hub) else {
            assert!(name.contains("running"), "{name}");
            continue;
        };
        compared += 1;
        // A bias of keys moves all scores alike.
        if name.ends_with("key.bias") {
            assert!(found.iter().map(|x| x * x).sum::<f32>().sqrt() < 1e-6, "{name}");
            continue;
        }
        let off = apart(&found, theirs);
        assert!(off < 2e-4, "{name}: {off:e}");
    }
    println!("{compared} gradients");
    assert!(compared > 200, "{compared}");
}

/// A copy of the hub's folder with something else about it.
fn changed(change: impl FnOnce(&Path)) -> String {
    let dir = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(hub()).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    change(dir.path());
    import_clap(dir.path(), None, &Device::flex()).unwrap_err().to_string()
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn what_cannot_be_read_is_named() {
    let fused = changed(|dir| edit(&dir.join("config.json"), "\"enable_fusion\": false", "\"enable_fusion\": true"));
    assert!(fused.contains("fused") && fused.contains("unfused"), "{fused}");
    let other = changed(|dir| {
        edit(&dir.join("config.json"), "\"patch_embeds_hidden_size\": 8", "\"patch_embeds_hidden_size\": 16")
    });
    assert!(other.contains("audio_model.audio_encoder.patch_embed.proj.weight"), "{other}");
    let missing = changed(|dir| {
        let path = dir.join("model.safetensors");
        let mut state = read_safetensors(&path).unwrap();
        state.remove("text_model.pooler.dense.bias").unwrap();
        state.insert("audio_model.strange".to_owned(), TensorData::from([1.0_f32]));
        write_safetensors(&path, &state).unwrap();
    });
    assert!(missing.contains("text_model.pooler.dense.bias") && missing.contains("audio_model.strange"), "{missing}");
    let tokens = changed(|dir| edit(&dir.join("config.json"), "\"vocab_size\": 500", "\"vocab_size\": 400"));
    assert!(tokens.contains("word_embeddings"), "{tokens}");
    // Nothing is allocated for what a configuration claims and the file does not have.
    let huge = changed(|dir| edit(&dir.join("config.json"), "\"vocab_size\": 500", "\"vocab_size\": 900000000000"));
    assert!(huge.contains("vocabulary` is 900000000000"), "{huge}");
    let cut = changed(|dir| {
        let path = dir.join("model.safetensors");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    });
    assert!(cut.contains("model.safetensors"), "{cut}");
    let none = changed(|dir| fs::remove_file(dir.join("model.safetensors")).unwrap());
    assert!(none.contains("pytorch_model.bin"), "{none}");
    let error = import_clap(&laion(), None, &Device::flex()).unwrap_err();
    assert!(matches!(&error, ModelError::Checkpoint { .. }) && error.to_string().contains("--tokenizer"), "{error}");
}

#[test]
fn a_text_tower_that_tells_nothing_apart_is_found() {
    let dir = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(hub()).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    let path = dir.path().join("model.safetensors");
    let state = read_safetensors(&path).unwrap();
    let healthy = text_similarity(&import(&hub())).unwrap();
    // Nothing but the last bias is left.
    let mut constant = state;
    constant.get_mut("text_projection.linear2.weight").unwrap().as_mut_slice::<f32>().unwrap().fill(1e-4);
    write_safetensors(&path, &constant).unwrap();
    let collapsed = text_similarity(&import(dir.path())).unwrap();
    println!("{healthy} and {collapsed}");
    assert!(healthy < COLLAPSED && collapsed > COLLAPSED, "{healthy} and {collapsed}");
}
