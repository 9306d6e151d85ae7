//! The frontend of LAION-CLAP against `ClapFeatureExtractor` of transformers.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/golden/clap_synth.rs"]
mod clap_synth;

use std::fs;
use std::path::{Path, PathBuf};

use clap_synth::synth;
use muscall_audio::{DecodeOptions, LogMelConfig, decode};
use safetensors::SafeTensors;

/// Of a window, in samples: 10 s at 48 kHz.
const WINDOW: usize = 480_000;
const TOLERANCE_DB: f32 = 0.01;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/clap").join(name)
}

/// The clip's samples, whose sum is known.
fn checked(samples: Vec<i32>, sum: i32) -> Vec<f32> {
    assert_eq!(samples.iter().sum::<i32>(), sum);
    samples.into_iter().map(|sample| sample as f32 / 32_768.0).collect()
}

/// Whole repetitions, then zeros.
fn repeated(clip: &[f32]) -> Vec<f32> {
    let mut window = clip.repeat(WINDOW / clip.len());
    window.resize(WINDOW, 0.0);
    window
}

/// That the window's spectrogram is the stored one, at the frames that are stored.
fn agrees(name: &str, samples: &[f32]) {
    let config = LogMelConfig::clap();
    assert_eq!((samples.len(), config.frames(samples.len())), (WINDOW, 1001));
    let mel = config.init().unwrap().extract(samples).unwrap();

    let bytes = fs::read(golden("log_mel.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let numbers = |name: &str| {
        let data = tensors.tensor(name).unwrap().data();
        data.chunks_exact(4).map(|b| b.try_into().unwrap()).collect::<Vec<[u8; 4]>>()
    };
    let frames: Vec<usize> = numbers("frames").into_iter().map(|b| u32::from_le_bytes(b) as usize).collect();
    let expected: Vec<f32> = numbers(name).into_iter().map(f32::from_le_bytes).collect();
    assert_eq!(expected.len(), frames.len() * 64);
    for (frame, row) in frames.into_iter().zip(expected.chunks_exact(64)) {
        for (band, expected) in row.iter().enumerate() {
            let found = mel.values()[band * mel.frames() + frame];
            assert!((found - expected).abs() < TOLERANCE_DB, "{name}, frame {frame}, band {band}: {found}, {expected}");
        }
    }
}

#[test]
fn ten_seconds_agree() {
    agrees("ten", &checked(synth(1, 1, 480_000), 580_625));
}

#[test]
fn music_of_three_seconds_agrees() {
    let music = decode(&golden("music.flac"), &DecodeOptions::default()).unwrap().waveform;
    assert_eq!((music.sample_rate(), music.len()), (48_000, 144_000));
    agrees("three", &repeated(music.samples()));
}

#[test]
fn six_seconds_and_zeros_agree() {
    agrees("six", &repeated(&checked(synth(2, 1, 288_000), -1_364_123)));
}

#[test]
fn windows_of_a_long_clip_agree() {
    let long = checked(synth(3, 1, 1_200_000), -4_200_294);
    for window in 0..4 {
        let start = window * 240_000;
        agrees(&format!("long.{window}"), &long[start..start + WINDOW]);
    }
}

#[test]
fn silence_agrees() {
    agrees("silence", &[0.0; WINDOW]);
}

#[test]
fn clipping_at_full_scale_agrees() {
    agrees("loud", &checked(synth(4, 6, 480_000), 4_097_311));
}

#[test]
fn a_tenth_of_a_second_agrees() {
    agrees("tenth", &repeated(&checked(synth(6, 1, 4800), -50_133)));
}
