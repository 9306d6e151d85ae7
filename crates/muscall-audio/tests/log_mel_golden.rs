//! Log-mel spectrograms against the released implementation and against torchaudio.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use muscall_audio::{AudioError, LogMelConfig, MelScale, PowerScale, Resampling};
use safetensors::SafeTensors;

/// What honest float32 reaches, dB.
const TOLERANCE_DB: f32 = 0.02;

struct Golden(Vec<u8>);

impl Golden {
    fn open(name: &str) -> Self {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden"));
        Self(std::fs::read(folder.join(name)).unwrap())
    }

    fn tensor(&self, name: &str) -> (Vec<usize>, Vec<f32>) {
        let tensors = SafeTensors::deserialize(&self.0).unwrap();
        let view = tensors.tensor(name).unwrap();
        let values = view.data().chunks_exact(4);
        let values = values.map(|b| f32::from_le_bytes(b.try_into().unwrap()));
        (view.shape().to_vec(), values.collect())
    }
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |worst, (a, b)| worst.max((a - b).abs()))
}

/// Both small models of the released implementation: one with its `f_max`, one with ours.
fn released(folder: &str, f_max: f32) {
    let config = LogMelConfig::new(64).with_f_max(f_max);
    let extractor = config.init().unwrap();

    let weights = Golden::open(&format!("{folder}/weights.safetensors"));
    let (shape, bank) = weights.tensor("audio_backbone.spec.mel_scale.fb");
    assert_eq!(shape, [513, 64]);
    // PyTorch's own bank moves by 1.6e-5 with the instruction set of the CPU.
    let worst = largest_difference(&extractor.mel_bank(), &bank);
    assert!(worst < 1e-4, "mel bank: {worst:e}");
    let (_, window) = weights.tensor("audio_backbone.spec.spectrogram.window");
    let worst = largest_difference(extractor.window(), &window);
    assert!(worst < 1e-6, "window: {worst:e}");

    let tensors = Golden::open(&format!("{folder}/tensors.safetensors"));
    let (shape, audio) = tensors.tensor("input.audio");
    let (mel_shape, expected) = tensors.tensor("eval.log_mel");
    let samples = shape[1];
    assert_eq!(mel_shape, [shape[0], 64, config.frames(samples)]);
    let spectrograms = audio.chunks_exact(samples).zip(expected.chunks_exact(64 * mel_shape[2]));
    for (clip, (audio, expected)) in spectrograms.enumerate() {
        let mel = extractor.extract(audio).unwrap();
        let worst = largest_difference(mel.values(), expected);
        assert!(worst < TOLERANCE_DB, "{folder}, clip {clip}: {worst} dB");
    }
}

#[test]
fn equals_the_released_frontend() {
    released("attention", 11_025.0);
}

#[test]
fn equals_the_released_frontend_with_f_max_at_nyquist() {
    released("average", 8000.0);
}

#[test]
fn equals_torchaudio_on_short_clips_and_silence() {
    let golden = Golden::open("audio/log_mel.safetensors");
    let (_, input) = golden.tensor("input");
    let config = LogMelConfig::default();
    let extractor = config.init().unwrap();
    // Shorter than half a window (padded), one sample less than a window, and around it.
    for length in [1, 100, 512, 513, 1023, 1024, 1025, 6000] {
        let (shape, expected) = golden.tensor(&format!("first.{length}"));
        let mel = extractor.extract(&input[..length]).unwrap();
        assert_eq!(shape, [mel.n_mels(), mel.frames()], "{length} samples");
        assert_eq!(mel.frames(), config.frames(length));
        let worst = largest_difference(mel.values(), &expected);
        assert!(worst < TOLERANCE_DB, "{length} samples: {worst} dB");
    }
    let (_, expected) = golden.tensor("silence.2000");
    let mel = extractor.extract(&[0.0; 2000]).unwrap();
    assert!(largest_difference(mel.values(), &expected) < 1e-4);
    assert!(mel.values().iter().all(|db| (db + 100.0).abs() < 1e-4));
}

#[test]
fn equals_torchaudio_with_other_settings() {
    let golden = Golden::open("audio/log_mel.safetensors");
    let (_, input) = golden.tensor("input");
    let (shape, expected) = golden.tensor("other");
    let config = LogMelConfig::new(80)
        .with_sample_rate(22_050)
        .with_n_fft(2048)
        .with_hop(441)
        .with_f_min(30.0)
        .with_f_max(10_000.0);
    let mel = config.init().unwrap().extract(&input).unwrap();
    assert_eq!(shape, [mel.n_mels(), mel.frames()]);
    let worst = largest_difference(mel.values(), &expected);
    assert!(worst < TOLERANCE_DB, "{worst} dB");
}

#[test]
fn twenty_seconds_are_626_frames() {
    let config = LogMelConfig::default();
    assert_eq!(config.frames(320_000), 626);
    let mel = config.init().unwrap().extract(&vec![0.1; 320_000]).unwrap();
    assert_eq!((mel.n_mels(), mel.frames()), (128, 626));
    assert_eq!(mel.values().len(), 128 * 626);
    assert_eq!(mel.clone().into_values(), mel.values());
}

#[test]
fn frame_count_is_the_formula() {
    let config = LogMelConfig::default();
    for samples in [513, 1023, 1024, 1535, 1536, 320_000, 320_511] {
        assert_eq!(config.frames(samples), 1 + samples / 512);
    }
    // Shorter clips count as the shortest that can be mirrored.
    assert_eq!(config.shortest(), 513);
    assert_eq!((config.frames(1), config.frames(511)), (2, 2));
    assert_eq!(config.frames(0), 0);
}

#[test]
fn the_floor_is_100_db_under_the_clips_own_maximum() {
    let mut clip = vec![0.0; 16_000];
    for (i, sample) in clip[..8000].iter_mut().enumerate() {
        *sample = 0.5 * (i as f32 * 0.3).sin();
    }
    let mel = LogMelConfig::default().init().unwrap().extract(&clip).unwrap();
    let loudest = mel.values().iter().copied().fold(f32::MIN, f32::max);
    let quietest = mel.values().iter().copied().fold(f32::MAX, f32::min);
    assert!((loudest - quietest - 100.0).abs() < 1e-4);
}

#[test]
fn released_leaves_twelve_bands_empty() {
    let bank = LogMelConfig::released().init().unwrap().mel_bank();
    let empty = |mel: usize| (0..513).all(|bin| bank[bin * 128 + mel] == 0.0);
    let above: Vec<usize> = (64..128).filter(|&mel| empty(mel)).collect();
    assert_eq!(above, (116..128).collect::<Vec<_>>());
}

#[test]
fn same_bits_on_every_thread_and_every_call() {
    let clip: Vec<f32> = (0..40_000).map(|i| ((i * i % 7919) as f32 / 4000.0) - 1.0).collect();
    let extractor = LogMelConfig::default().init().unwrap();
    let expected = extractor.extract(&clip).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(extractor.extract(&clip).unwrap(), expected));
        }
    });
    let rebuilt = extractor.config().init().unwrap();
    assert_eq!(rebuilt.extract(&clip).unwrap(), expected);
}

#[test]
fn refuses_what_has_no_spectrogram() {
    let extractor = LogMelConfig::default().init().unwrap();
    assert!(matches!(extractor.extract(&[]), Err(AudioError::EmptyClip)));
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for at in [0, 4095, 4096, 9999] {
            let mut clip = vec![0.5; 10_000];
            clip[at] = bad;
            let error = extractor.extract(&clip).unwrap_err();
            assert!(matches!(error, AudioError::NonFiniteSample { index, .. } if index == at), "{error}");
        }
    }
    assert!(matches!(extractor.extract(&[f32::MAX; 2000]), Err(AudioError::ClipTooLoud { .. })));
}

#[test]
fn refuses_settings_that_make_no_frontend() {
    let base = LogMelConfig::default;
    for (config, field) in [
        (base().with_sample_rate(0), "sample_rate"),
        (base().with_n_fft(0), "n_fft"),
        (base().with_n_fft(1023), "n_fft"),
        (base().with_hop(0), "hop"),
        (base().with_hop(1025), "hop"),
        (LogMelConfig::new(0), "n_mels"),
        (base().with_f_min(-1.0), "f_min"),
        (base().with_f_min(8000.0), "f_min"),
        (base().with_f_max(0.0), "f_max"),
        (base().with_f_max(f32::NAN), "f_max"),
        (base().with_top_db(0.0), "top_db"),
        (base().with_top_db(f32::INFINITY), "top_db"),
        (base().with_amin(0.0), "amin"),
        (base().with_amin(1e-40), "amin"),
        (base().with_amin(2.0), "amin"),
        (base().with_amin(f32::NAN), "amin"),
        // The bank of the released implementation alone may reach beyond the Nyquist frequency.
        (LogMelConfig::released().with_mel_scale(MelScale::Slaney), "f_max"),
        (LogMelConfig::released().with_area_norm(true), "f_max"),
    ] {
        let error = config.init().unwrap_err();
        assert!(error.to_string().contains(field), "{error}");
    }
    LogMelConfig::released().validate().unwrap();
    base().with_top_db(None).validate().unwrap();
}

#[test]
fn window_norm_divides_powers_by_the_windows_energy() {
    let clip: Vec<f32> = (0..16_000).map(|i| 0.4 * (i as f32 * 0.3).sin()).collect();
    let base = LogMelConfig::default().with_top_db(None);
    let [normed, plain] = [true, false].map(|norm| {
        let extractor = base.clone().with_window_norm(norm).with_amin(1e-30).init().unwrap();
        extractor.extract(&clip).unwrap().into_values()
    });
    // Of a Hann window: three eighths of its length.
    let energy = 10.0 * (0.375f32 * 1024.0).log10();
    for (normed, plain) in normed.iter().zip(&plain).filter(|(normed, _)| **normed > -290.0) {
        assert!((plain - normed - energy).abs() < 1e-3, "{plain} dB for {normed} dB");
    }
}

#[test]
fn area_norm_gives_each_band_the_area_of_one() {
    for scale in [MelScale::Htk, MelScale::Slaney] {
        let base = LogMelConfig::new(40).with_f_min(100.0).with_f_max(7500.0).with_mel_scale(scale);
        let config = base.clone().with_n_fft(16_384).with_hop(8192);
        let bins = config.n_fft / 2 + 1;
        let hz_per_bin = config.sample_rate as f32 / config.n_fft as f32;
        let bank = config.clone().with_area_norm(true).init().unwrap().mel_bank();
        let plain = config.init().unwrap().mel_bank();
        for band in 0..40 {
            let column = |bank: &[f32]| (0..bins).map(|bin| bank[bin * 40 + band]).collect::<Vec<_>>();
            let (normed, plain) = (column(&bank), column(&plain));
            let area = |weights: &[f32]| weights.iter().sum::<f32>() * hz_per_bin;
            assert!((area(&normed) - 1.0).abs() < 2e-3, "{scale:?}, band {band}: {}", area(&normed));
            for (normed, plain_weight) in normed.iter().zip(&plain) {
                assert!((normed * area(&plain) - plain_weight).abs() < 2e-3, "{scale:?}, band {band}");
            }
        }
    }
}

#[test]
fn without_top_db_there_is_no_floor_but_amin() {
    let mut clip = vec![0.0; 16_000];
    clip[..4000].fill(0.5);
    let config = LogMelConfig::default().with_top_db(None);
    let quietest = |config: LogMelConfig| {
        let mel = config.init().unwrap().extract(&clip).unwrap();
        mel.values().iter().copied().fold(f32::MAX, f32::min)
    };
    assert!((quietest(config.clone()) + 100.0).abs() < 1e-3);
    assert!((quietest(config.with_amin(1e-13)) + 130.0).abs() < 1e-3);
}

#[test]
fn fingerprint_tells_settings_apart_and_is_stable() {
    let default = LogMelConfig::default();
    // A literal: a change of it means that stored weights and embeddings are refused.
    assert_eq!(default.fingerprint(), "926439332d72eebd");
    assert_eq!(default.fingerprint(), LogMelConfig::new(128).fingerprint());
    let others = [
        LogMelConfig::released(),
        LogMelConfig::new(64),
        default.clone().with_sample_rate(22_050),
        default.clone().with_n_fft(2048),
        default.clone().with_hop(256),
        default.clone().with_f_min(20.0),
        default.clone().with_top_db(80.0),
        default.clone().with_top_db(None),
        default.clone().with_scale(PowerScale::NaturalLog),
        default.clone().with_mel_scale(MelScale::Slaney),
        default.clone().with_area_norm(true),
        default.clone().with_window_norm(false),
        default.clone().with_amin(1e-9),
        default.clone().with_resampling(Resampling::HighQuality),
        LogMelConfig::clap(),
    ];
    let mut prints: Vec<_> = others.iter().map(LogMelConfig::fingerprint).collect();
    prints.push(default.fingerprint());
    assert!(prints.iter().all(|print| print.len() == 16));
    prints.sort();
    prints.dedup();
    assert_eq!(prints.len(), others.len() + 1);
}

#[test]
fn configuration_is_written_and_read_and_knows_its_keys() {
    let config = LogMelConfig::released();
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<LogMelConfig>(&json).unwrap(), config);
    let typo = serde_json::from_str::<LogMelConfig>(r#"{"n_mel": 64}"#);
    assert!(typo.unwrap_err().to_string().contains("n_mel"));
    let clap = LogMelConfig::clap();
    let json = serde_json::to_string(&clap).unwrap();
    assert!(json.contains(r#""top_db":"none""#), "{json}");
    assert_eq!(serde_json::from_str::<LogMelConfig>(&json).unwrap(), clap);
    let amin = default_with(r#""amin": 1e-9"#);
    assert_eq!(serde_json::from_str::<LogMelConfig>(&serde_json::to_string(&amin).unwrap()).unwrap(), amin);
    for wrong in [r#"{"top_db": "off"}"#, r#"{"top_db": true}"#, r#"{"mel_scale": "bark"}"#, r#"{"area_norm": 1}"#] {
        assert!(serde_json::from_str::<LogMelConfig>(wrong).is_err(), "{wrong}");
    }
}

fn default_with(setting: &str) -> LogMelConfig {
    serde_json::from_str(&format!("{{{setting}}}")).unwrap()
}

#[test]
fn defaults_of_later_settings_are_neither_needed_nor_written() {
    // As configurations were written before there was another bank.
    let before = r#"{"sample_rate":16000,"n_fft":1024,"hop":512,"n_mels":128,"f_min":0.0,"f_max":8000.0,"top_db":100.0,"scale":"decibel"}"#;
    let config: LogMelConfig = serde_json::from_str(before).unwrap();
    assert_eq!(config, LogMelConfig::default());
    assert_eq!(serde_json::to_string(&config).unwrap(), before);
    assert_eq!(default_with(r#""top_db": 100"#), config);
    let released = default_with(r#""mel_scale": "htk", "area_norm": false, "window_norm": true, "amin": 1e-10"#);
    assert_eq!(released.fingerprint(), config.fingerprint());
    // Literals, as above.
    assert_eq!(LogMelConfig::released().fingerprint(), "7bfbe1838de9bfab");
    assert_eq!(LogMelConfig::dcase().fingerprint(), "36a090c9e5df1b77");
    // Bundles that were imported before there was a long kernel keep their name, and the short one.
    assert_eq!(LogMelConfig::clap().with_resampling(Resampling::Torchaudio).fingerprint(), "be0564486602122f");
    let old = r#"{"sample_rate":48000,"n_fft":1024,"hop":480,"n_mels":64,"f_min":50.0,"f_max":14000.0,"top_db":"none","scale":"decibel","mel_scale":"slaney","area_norm":true,"window_norm":false}"#;
    let clap = serde_json::from_str::<LogMelConfig>(old).unwrap();
    assert_eq!(clap, LogMelConfig::clap().with_resampling(Resampling::Torchaudio));
    assert_eq!(serde_json::to_string(&clap).unwrap(), old);
}
