//! Clips against the crop of the whole file, resampled.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};

use muscall_audio::{ClipConfig, CropPosition, DecodeOptions, Repair, Resampler, decode, load_clip};

const POSITIONS: [CropPosition; 5] = [
    CropPosition::Central,
    CropPosition::At { start_s: 0.0 },
    CropPosition::At { start_s: 0.61 },
    CropPosition::Random { seed: 1 },
    CropPosition::Random { seed: 2 },
];

fn fixture(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).join(name)
}

fn assert_is_crop_of_whole(path: &Path, config: &ClipConfig) -> Vec<Repair> {
    let whole = decode(path, &DecodeOptions::default()).unwrap();
    let resampler = Resampler::new(whole.waveform.sample_rate(), config.sample_rate).unwrap();
    let whole = resampler.resample(whole.waveform.samples());
    let mut repairs = Vec::new();
    for position in POSITIONS {
        let clip = load_clip(path, position, config).unwrap();
        let start = (clip.start_s * f64::from(config.sample_rate)).round() as usize;
        assert_eq!(clip.samples.len(), config.samples);
        assert_eq!(clip.valid, config.samples.min(whole.len().saturating_sub(start)), "{path:?} {position:?}");
        for n in 0..config.samples {
            let expected = whole.get(start + n).copied().unwrap_or(0.0);
            assert!((clip.samples[n] - expected).abs() <= 1e-6, "{path:?} {position:?} sample {n}");
        }
        repairs.extend(clip.repairs);
    }
    repairs
}

#[test]
fn a_clip_is_the_crop_of_the_resampled_file() {
    let config = ClipConfig { sample_rate: 16_000, samples: 3200, strict: true };
    for name in
        ["sound.wav", "sound.aiff", "sound.mp3", "no_tag.mp3", "sound.flac", "sound.ogg", "sound.m4a", "alac.m4a"]
    {
        assert!(assert_is_crop_of_whole(&fixture(name), &config).is_empty());
    }
}

#[test]
fn short_files_are_padded_on_the_right() {
    let config = ClipConfig { sample_rate: 16_000, samples: 32_000, strict: false };
    for name in ["sound.wav", "sound.mp3", "no_tag.mp3", "sound.flac", "sound.ogg", "sound.m4a"] {
        assert_is_crop_of_whole(&fixture(name), &config);
    }
}

#[test]
fn a_truncated_mp3_is_cropped_by_its_true_length() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.mp3");
    let bytes = std::fs::read(fixture("sound.mp3")).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let config = ClipConfig { sample_rate: 16_000, samples: 8000, strict: false };
    let repairs = assert_is_crop_of_whole(&path, &config);
    assert!(repairs.iter().any(|repair| matches!(repair, Repair::ShorterThanDeclared { .. })), "{repairs:?}");
}

#[test]
fn a_clip_after_the_end_is_silent() {
    let config = ClipConfig { sample_rate: 16_000, samples: 3200, strict: false };
    for start_s in [100.0, 1e300, f64::INFINITY] {
        let clip = load_clip(&fixture("sound.mp3"), CropPosition::At { start_s }, &config).unwrap();
        assert_eq!((clip.valid, clip.samples), (0, vec![0.0; 3200]), "{start_s}");
    }
}
