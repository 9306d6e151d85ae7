//! A bundle gives back the model that was saved, and says what is wrong with a damaged one.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use muscall_audio::{CropPosition, load_clip};
use muscall_model::audio::{Pooling, ResNetConfig};
use muscall_model::text::TransformerConfig;
use muscall_model::weights::{WeightFormat, with_state};
use muscall_model::{ClipTokenizer, ModelError, Muscall, MuscallConfig, OtherLengths, WindowPooling};
use rayon::prelude::*;

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
        assert_eq!(loaded.fingerprint().unwrap(), model.fingerprint().unwrap());
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
    let is_explained = |error: &ModelError| error.to_string().contains("a bundle is a folder with config.json");
    let missing = load();
    assert!(matches!(missing, ModelError::Bundle { .. }) && is_explained(&missing), "{missing}");
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
    let invalid = edited("\"width\": 4", "\"width\": 0");
    assert!(matches!(&invalid, ModelError::InvalidFile { path, .. } if path.ends_with("config.json")), "{invalid}");
    assert!(invalid.to_string().contains("`audio.width` is 0"), "{invalid}");

    let weights = path.join("weights.safetensors");
    let bytes = fs::read(&weights).unwrap();
    fs::write(&weights, &bytes[..bytes.len() / 2]).unwrap();
    let error = load();
    assert!(
        matches!(error, ModelError::Weights { .. }) && error.to_string().contains("weights.safetensors"),
        "{error}"
    );
    fs::remove_file(&weights).unwrap();
    assert!(is_explained(&load()));
    fs::write(&weights, bytes).unwrap();
    fs::remove_file(path.join("tokenizer.json")).unwrap();
    assert!(load().to_string().contains("tokenizer.json"));
}

#[test]
fn a_flipped_bit_of_a_weight_is_found_when_its_tower_is_needed() {
    let dir = tempfile::tempdir().unwrap();
    let saved = model(Pooling::Average);
    saved.save(dir.path()).unwrap();
    let path = dir.path().join("weights.safetensors");
    let bytes = fs::read(&path).unwrap();
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let names: serde_json::Value = serde_json::from_slice(&bytes[8..header]).unwrap();
    for (tensor, tower) in [("audio_projection.weight", "audio"), ("text.token_embedding", "text")] {
        let at = header + names[tensor]["data_offsets"][0].as_u64().unwrap() as usize + 5;
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        // As any program that replaces a file that may be open.
        fs::write(dir.path().join("new"), damaged).unwrap();
        fs::rename(dir.path().join("new"), &path).unwrap();
        let loaded = Muscall::load(dir.path(), &Device::flex()).unwrap();
        assert_eq!(loaded.fingerprint().unwrap(), saved.fingerprint().unwrap());
        let audio = loaded.embed_clips(&[vec![0.1; 32_000]]).map(|_| ());
        let text = loaded.embed_text(["calm"]).map(|_| ());
        let (error, other) = if tower == "audio" { (audio, text) } else { (text, audio) };
        let error = error.unwrap_err();
        assert!(matches!(&error, ModelError::Damaged { tower: found, .. } if *found == tower), "{error}");
        assert!(error.to_string().contains("weights.safetensors"), "{error}");
        other.unwrap();
        assert!(matches!(loaded.model().map(|_| ()), Err(ModelError::Damaged { .. })));
        assert!(matches!(loaded.save(dir.path().join("copy")), Err(ModelError::Damaged { .. })));
    }
}

#[test]
fn threads_of_a_pool_may_ask_for_the_first_vectors_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let device = Device::flex();
    let text = TransformerConfig::new(2).with_width(128, 4);
    let config = MuscallConfig::new(ResNetConfig::new(16), text).with_clip_s(2.0);
    let network = config.init(&device).unwrap();
    Muscall::new(config, &network, ClipTokenizer::new().unwrap(), &device).unwrap().save(dir.path()).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    for _ in 0..3 {
        // Each time packed anew, by a pool whose threads all wait for that.
        let model = Muscall::load(dir.path(), &device).unwrap();
        let embed = |i: usize| {
            let clip = vec![vec![0.1; 32_000]];
            let music = model.embed_clips(&clip).unwrap().values().to_vec();
            let words = model.embed_text([format!("{}", i % 2)]).unwrap().values().to_vec();
            (music, words, model.text_centre().unwrap().to_vec())
        };
        let found: Vec<_> = pool.install(|| (0..6).into_par_iter().map(embed).collect());
        assert!(found.chunks(2).all(|pair| pair == &found[..2]));
    }
}

#[test]
fn a_configuration_edited_by_hand_is_named_anew() {
    let dir = tempfile::tempdir().unwrap();
    let saved = model(Pooling::Average);
    saved.save(dir.path()).unwrap();
    let path = dir.path().join("config.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"clip_s\": 2.0", "\"clip_s\": 2.0, \"segment_hop_s\": 0.5", 1)).unwrap();
    let edited = Muscall::load(dir.path(), &Device::flex()).unwrap();
    let config = MuscallConfig { segment_hop_s: Some(0.5), ..saved.config().clone() };
    let (network, frontend) = (saved.model().unwrap(), saved.text_frontend().clone());
    let expected = Muscall::new(config, network, frontend, saved.device()).unwrap();
    assert_eq!(edited.fingerprint().unwrap(), expected.fingerprint().unwrap());
    assert_ne!(edited.fingerprint().unwrap(), saved.fingerprint().unwrap());
    // The weights are the same, and are not taken for damaged.
    let clip = [vec![0.1; 32_000]];
    assert_eq!(edited.embed_clips(&clip).unwrap(), saved.embed_clips(&clip).unwrap());
}

#[test]
fn a_weight_beyond_sixteen_bits_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (device, config) = (Device::flex(), model(Pooling::Average).config().clone());
    let mut state = model(Pooling::Average).state().unwrap().into_owned();
    state.get_mut("audio_projection.weight").unwrap().as_mut_slice::<f32>().unwrap()[3] = 1e5;
    let network = with_state(config.init(&device).unwrap(), state, "a large weight").unwrap();
    let large = Muscall::new(config, &network, ClipTokenizer::new().unwrap(), &device).unwrap();
    let error = large.save_as(dir.path(), WeightFormat::F16).unwrap_err();
    assert!(error.to_string().contains("audio_projection.weight has the value 1e5"), "{error}");
    assert!(fs::read_dir(dir.path()).unwrap().next().is_none(), "nothing is written");
}

#[test]
fn eight_bits_are_a_quarter_of_the_size_and_close() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, small, again) = (dir.path().join("whole"), dir.path().join("small"), dir.path().join("again"));
    let model = model(Pooling::Attention);
    model.save(&whole).unwrap();
    model.save_as(&small, WeightFormat::I8).unwrap();
    let bytes = |bundle: &Path| fs::metadata(bundle.join("weights.safetensors")).unwrap().len();
    assert!(
        bytes(&small) * 10 < bytes(&whole) * 4,
        "vectors and the header stay: {} of {}",
        bytes(&small),
        bytes(&whole)
    );
    let loaded = Muscall::load(&small, &Device::flex()).unwrap();
    assert_eq!(loaded.weight_format(), WeightFormat::I8);
    assert_ne!(loaded.fingerprint().unwrap(), model.fingerprint().unwrap());
    let clip: Vec<f32> = (0..32_000).map(|i| (i as f32 * 0.05).sin() * 0.3).collect();
    let clips = [clip];
    let (music, words) = (loaded.embed_clips(&clips).unwrap(), loaded.embed_text(["a slow piano"]).unwrap());
    let cosine = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    assert!(cosine(music.row(0), model.embed_clips(&clips).unwrap().row(0)) > 0.995);
    assert!(cosine(words.row(0), model.embed_text(["a slow piano"]).unwrap().row(0)) > 0.995);
    // Saved once more, it is the same model in the same bytes.
    loaded.save(&again).unwrap();
    let weights = |bundle: &Path| fs::read(bundle.join("weights.safetensors")).unwrap();
    assert_eq!(weights(&again), weights(&small));
    assert_eq!(Muscall::load(&again, &Device::flex()).unwrap().embed_clips(&clips).unwrap(), music);
    // With burn's operators, too.
    let burn = loaded.with_kernels(false).embed_clips(&clips).unwrap();
    assert!(cosine(burn.row(0), music.row(0)) > 0.99999);
}

#[test]
fn steps_without_their_size_are_named() {
    let dir = tempfile::tempdir().unwrap();
    model(Pooling::Average).save_as(dir.path(), WeightFormat::I8).unwrap();
    let path = dir.path().join("weights.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let name = b"audio_projection.weight.steps";
    let at = bytes.windows(name.len()).position(|window| window == name).unwrap();
    bytes[at + name.len() - 1] = b'z';
    fs::write(&path, bytes).unwrap();
    let error = Muscall::load(dir.path(), &Device::flex()).unwrap_err().to_string();
    assert!(error.contains("audio_projection.weight.steps") && error.contains("F32 per row"), "{error}");
}

#[test]
fn a_save_that_fails_mixes_no_two_models() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bundle");
    let [one, other] = [Pooling::Average, Pooling::Attention].map(model);
    one.save(&path).unwrap();
    // A folder in the way of the second file.
    let tokenizer = path.join("tokenizer.json");
    let words = fs::read(&tokenizer).unwrap();
    let save = |model: &Muscall| {
        fs::remove_file(&tokenizer).unwrap();
        fs::create_dir(&tokenizer).unwrap();
        model.save(&path).unwrap_err();
        fs::remove_dir(&tokenizer).unwrap();
        fs::write(&tokenizer, &words).unwrap();
    };
    let load = || Muscall::load(&path, &Device::flex());
    // Of one configuration the weights are replaced or not.
    save(&one);
    assert_eq!(load().unwrap().fingerprint().unwrap(), one.fingerprint().unwrap());
    save(&other);
    let error = load().map(|_| ()).unwrap_err();
    assert!(matches!(&error, ModelError::Bundle { path, .. } if path.ends_with("config.json")), "{error}");
    other.save(&path).unwrap();
    assert_eq!(load().unwrap().fingerprint().unwrap(), other.fingerprint().unwrap());
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

#[test]
fn other_lengths_are_embedded_as_the_bundle_says() {
    let dir = tempfile::tempdir().unwrap();
    let clip: Vec<f32> = (0..70_000).map(|i| (i as f32 * 0.02 + (i as f32 * 3e-4).sin() * 9.0).sin() * 0.4).collect();
    let base = model(Pooling::Attention);
    let windows = OtherLengths::Windows { hop_s: 1.0, pooling: WindowPooling::Mean };
    let config = base.config().clone().with_other_lengths(windows);
    let frontend = base.text_frontend().clone();
    let windowed = Muscall::new(config, base.model().unwrap(), frontend, base.device()).unwrap();
    windowed.save(dir.path()).unwrap();
    let windowed = Muscall::load(dir.path(), &Device::flex()).unwrap();
    assert_eq!(windowed.config().other_lengths, windows);

    // The length of training is the same either way.
    let trained = base.embed_clips(&[&clip[..32_000]]).unwrap();
    assert_eq!(windowed.embed_clips(&[&clip[..32_000]]).unwrap(), trained);
    // Longer: the windows at 0 and 1 s and the last one, averaged.
    let parts: Vec<_> = [0, 16_000, 32_000, 38_000].map(|at| &clip[at..at + 32_000]).to_vec();
    let parts = base.embed_clips(&parts).unwrap();
    let mut mean: Vec<f32> = (0..parts.dim()).map(|i| (0..4).map(|row| parts.row(row)[i]).sum()).collect();
    let norm = mean.iter().map(|x| x * x).sum::<f32>().sqrt();
    mean.iter_mut().for_each(|x| *x /= norm);
    let whole = windowed.embed_clips(&[&clip]).unwrap();
    assert!(whole.row(0).iter().zip(&mean).all(|(a, b)| (a - b).abs() < 1e-6));
    assert_ne!(base.embed_clips(&[&clip]).unwrap().values(), whole.values());
    // Shorter: padded to one window, where interpolation takes it as it is.
    let short = windowed.embed_clips(&[&clip[..20_000]]).unwrap();
    let padded = muscall_audio::crop_or_pad(&clip[..20_000], 0, 32_000);
    assert_eq!(short, base.embed_clips(&[padded]).unwrap());
    assert_ne!(short, base.embed_clips(&[&clip[..20_000]]).unwrap());
}

#[test]
fn segments_are_the_windows_of_a_whole_file() {
    let model = model(Pooling::Attention);
    let files = demo();
    let config = model.clip_config();
    let whole = muscall_audio::load_whole(&files[0], &config).unwrap();
    let segments = model.segments(&whole);
    assert!(segments.len() > 3);
    assert!(segments.iter().all(|clip| clip.samples.len() == config.samples && clip.valid == config.samples));
    assert!(segments.windows(2).all(|pair| pair[0].start_s < pair[1].start_s));
    // Not cut out they are the same.
    let starts = model.segment_starts(whole.samples.len());
    let places: Vec<_> = starts.iter().map(|&start| (&whole, start)).collect();
    assert_eq!(model.embed_segments(&places).unwrap(), model.embed_loaded(&segments).unwrap());
    // In any company they are what they are alone, and what `embed_audio` gives at that place.
    let together = model.embed_loaded(&segments).unwrap();
    for (row, clip) in segments.iter().enumerate() {
        assert_eq!(model.embed_loaded(std::slice::from_ref(clip)).unwrap().row(0), together.row(row));
    }
    let at = load_clip(&files[0], CropPosition::At { start_s: segments[1].start_s }, &config).unwrap();
    assert_eq!(model.embed_loaded(&[at]).unwrap().row(0), together.row(1));
    let mean = muscall_vectors::mean_direction(together.view());
    assert_eq!(model.in_windows().embed_whole(&files[..1]).unwrap().row(0), mean);
    // A file of one window or less has the vector that `embed_audio` gives.
    for length in [config.samples, config.samples / 2] {
        let short = muscall_audio::Clip { samples: whole.samples[..length].to_vec(), valid: length, ..whole.clone() };
        let segments = model.segments(&short);
        assert_eq!((segments.len(), segments[0].valid), (1, length));
        let windowed = model.in_windows().embed_loaded(&[short]).unwrap();
        assert_eq!(model.embed_loaded(&segments).unwrap(), windowed);
    }
}

#[test]
fn where_text_lies_is_saved_once_it_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let header = || {
        let bytes = fs::read(dir.path().join("weights.safetensors")).unwrap();
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        String::from_utf8(bytes[8..8 + length].to_vec()).unwrap()
    };
    let model = model(Pooling::Attention);
    model.save(dir.path()).unwrap();
    assert!(!header().contains("text_centre"));
    let centre = model.text_centre().unwrap().to_vec();
    assert!(centre.iter().map(|x| x * x).sum::<f32>() <= 1.0);
    assert_eq!(Muscall::load(dir.path(), &Device::flex()).unwrap().text_centre().unwrap(), centre);
    model.save(dir.path()).unwrap();
    assert!(header().contains("text_centre"));
    assert_eq!(Muscall::load(dir.path(), &Device::flex()).unwrap().text_centre().unwrap(), centre);
}
