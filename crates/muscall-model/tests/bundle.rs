//! A bundle gives back the model that was saved, and says what is wrong with a damaged one.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use muscall_audio::{CropPosition, load_clip};
use muscall_model::audio::{Pooling, ResNetConfig};
use muscall_model::text::TransformerConfig;
use muscall_model::{ClipTokenizer, ModelError, Muscall, MuscallConfig};

fn model(pooling: Pooling) -> Muscall {
    let device = Device::flex();
    let audio = ResNetConfig::new(4).with_hidden(16).with_pooling(pooling);
    let config = MuscallConfig::new(audio, TransformerConfig::new(1).with_width(16, 2)).with_clip_s(2.0);
    let model = config.init(&device).unwrap();
    Muscall::new(config, &model, ClipTokenizer::new().unwrap(), &device).unwrap()
}

fn demo() -> Vec<std::path::PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/audio");
    let mut files = muscall_audio::audio_files(&folder);
    files.truncate(8);
    files
}

#[test]
fn survives_the_round_trip() {
    for pooling in [Pooling::Attention, Pooling::Average] {
        let dir = tempfile::tempdir().unwrap();
        let (path, model) = (dir.path().join("bundle"), model(pooling));
        model.save(&path).unwrap();
        // A second save replaces the first and leaves other files alone.
        fs::write(path.join("notes.txt"), "mine").unwrap();
        model.save(&path).unwrap();
        let mut names: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["config.json", "notes.txt", "tokenizer.json", "weights.safetensors"]);
        let loaded = Muscall::load(&path, &Device::flex()).unwrap();
        assert_eq!(loaded.config(), model.config());
        assert_eq!(loaded.fingerprint(), model.fingerprint());
        let texts = ["slow blues", ""];
        assert_eq!(loaded.embed_text(texts).unwrap(), model.embed_text(texts).unwrap());
        let files = &demo()[..2];
        assert_eq!(loaded.embed_audio(files).unwrap(), model.embed_audio(files).unwrap());
    }
}

#[test]
fn a_damaged_bundle_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bundle");
    let load = || Muscall::load(&path, &Device::flex()).map(|_| ()).unwrap_err();
    assert!(matches!(load(), ModelError::Io { .. }));
    model(Pooling::Average).save(&path).unwrap();
    let config = fs::read_to_string(path.join("config.json")).unwrap();
    let edited = |from: &str, to: &str| {
        let text = config.replacen(from, to, 1);
        assert_ne!(text, config);
        fs::write(path.join("config.json"), text).unwrap();
        let error = load();
        fs::write(path.join("config.json"), &config).unwrap();
        error
    };
    assert!(matches!(edited("\"clip_s\"", "\"clip_seconds\""), ModelError::ConfigFile { .. }));
    assert!(matches!(edited("\"n_mels\": 128", "\"n_mels\": 64"), ModelError::Frontend { .. }));
    assert!(matches!(edited("\"width\": 4", "\"width\": 8"), ModelError::Mismatch { .. }));
    assert!(matches!(edited("\"width\": 4", "\"width\": 0"), ModelError::Config { field: "audio.width", .. }));

    let weights = path.join("weights.safetensors");
    let bytes = fs::read(&weights).unwrap();
    fs::write(&weights, &bytes[..bytes.len() / 2]).unwrap();
    let error = load();
    assert!(
        matches!(error, ModelError::Weights { .. }) && error.to_string().contains("weights.safetensors"),
        "{error}"
    );
    fs::write(&weights, bytes).unwrap();
    fs::remove_file(path.join("tokenizer.json")).unwrap();
    assert!(load().to_string().contains("tokenizer.json"));
}

#[test]
fn an_embedding_depends_on_its_file_alone() {
    let (model, files) = (model(Pooling::Attention), demo());
    let together = model.embed_audio(&files).unwrap();
    let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
    for (i, file) in files.iter().enumerate() {
        let alone = model.embed_audio([file]).unwrap();
        assert!(close(alone.row(0), together.row(i)), "{}", file.display());
        assert!((alone.row(0).iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5);
    }
    let mut reversed = files.clone();
    reversed.reverse();
    let reversed = model.embed_audio(&reversed).unwrap();
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let again = pool.install(|| model.embed_audio(&files)).unwrap();
        for i in 0..files.len() {
            assert!(close(again.row(i), together.row(i)), "{threads} threads");
            assert!(close(reversed.row(files.len() - 1 - i), together.row(i)));
        }
    }
}

#[test]
fn clips_of_other_lengths_have_embeddings_too() {
    let (model, files) = (model(Pooling::Attention), demo());
    let mut config = model.clip_config();
    config.samples = 5 * 16_000;
    let long = load_clip(&files[0], CropPosition::Central, &config).unwrap().samples;
    let clips = [long.clone(), long[..20_000].to_vec(), long];
    let embeddings = model.embed_clips(&clips).unwrap();
    assert_eq!(embeddings.row(0), embeddings.row(2));
    assert_ne!(embeddings.row(0), embeddings.row(1));
    assert!(matches!(model.embed_clips(&[vec![0.0; 100]]), Err(ModelError::Config { .. })));
    let missing = model.embed_audio(["no/such/file.mp3"]).unwrap_err();
    assert!(missing.to_string().contains("no/such/file.mp3"), "{missing}");
    assert!(model.embed_audio::<&Path>([]).unwrap().is_empty());
}
