//! Clips against the crop of the whole file, resampled.
#![allow(clippy::unwrap_used, missing_docs)]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use muscall_audio::{
    AudioError, AudioSource, ClipConfig, CropPosition, DecodeOptions, Part, Repair, Resampler, Resampling, decode,
    load_clip, load_whole, stream_whole,
};

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
    let resampler =
        Resampler::with_kernel(whole.waveform.sample_rate(), config.sample_rate, config.resampling).unwrap();
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
    let short = ClipConfig { strict: true, ..ClipConfig::new(16_000, 3200) };
    let long_kernel = ClipConfig { resampling: Resampling::HighQuality, ..short };
    for name in
        ["sound.wav", "sound.aiff", "sound.mp3", "no_tag.mp3", "sound.flac", "sound.ogg", "sound.m4a", "alac.m4a"]
    {
        for config in [short, long_kernel, ClipConfig { sample_rate: 48_000, ..long_kernel }] {
            assert!(assert_is_crop_of_whole(&fixture(name), &config).is_empty());
        }
    }
}

#[test]
fn short_files_are_padded_on_the_right() {
    let config = ClipConfig::new(16_000, 32_000);
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
    let config = ClipConfig::new(16_000, 8000);
    let repairs = assert_is_crop_of_whole(&path, &config);
    assert!(repairs.iter().any(|repair| matches!(repair, Repair::ShorterThanDeclared { .. })), "{repairs:?}");
}

#[test]
fn a_clip_after_the_end_is_silent() {
    let config = ClipConfig::new(16_000, 3200);
    for start_s in [100.0, 1e300, f64::INFINITY] {
        let clip = load_clip(&fixture("sound.mp3"), CropPosition::At { start_s }, &config).unwrap();
        assert_eq!((clip.valid, clip.samples), (0, vec![0.0; 3200]), "{start_s}");
    }
}

#[test]
fn a_part_is_heard_like_a_file_that_was_cut_out() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["sound.wav", "sound.mp3", "no_tag.mp3", "sound.flac", "sound.ogg", "sound.m4a"] {
        let path = fixture(name);
        let whole = decode(&path, &DecodeOptions::default()).unwrap();
        let rate = whole.waveform.sample_rate();
        let length_s = whole.waveform.duration_s();
        for (start, end) in [(0.0, Some(0.5)), (0.123_457, Some(0.7)), (0.3, Some(0.31)), (0.6, None)] {
            // Parts are cut to the microsecond.
            let time = |share: f64| (share * length_s * 1e6).round() / 1e6;
            let (start_s, end_s) = (time(start), end.map(time));
            let frame = |time: f64| (time * f64::from(rate)).round() as usize;
            let frames = frame(start_s)..end_s.map_or(whole.waveform.len(), frame);
            let cut = dir.path().join("cut.wav");
            write_wav(&cut, rate, &whole.waveform.samples()[frames]);
            let part = Some(Part::new(start_s, end_s).unwrap());
            let source = AudioSource { path: &path, member: None, part };
            for samples in [1600, 4000, 32_000] {
                let config = ClipConfig::new(16_000, samples);
                for position in POSITIONS {
                    let expected = load_clip(&cut, position, &config).unwrap();
                    let clip = load_clip(source, position, &config).unwrap();
                    assert_eq!((clip.start_s, clip.valid), (expected.start_s, expected.valid), "{name} {part:?}");
                    for (n, (found, expected)) in clip.samples.iter().zip(&expected.samples).enumerate() {
                        assert!((found - expected).abs() <= 1e-6, "{name} {part:?} {position:?} sample {n}");
                    }
                }
                let (found, expected) = (load_whole(source, &config).unwrap(), load_whole(&cut, &config).unwrap());
                assert_eq!(found.samples.len(), expected.samples.len());
                assert!(found.samples.iter().zip(&expected.samples).all(|(x, y)| (x - y).abs() <= 1e-6));
            }
        }
        let config = ClipConfig::new(16_000, 1600);
        let beyond = Some(Part::new(length_s + 0.01, None).unwrap());
        let source = AudioSource { path: &path, member: None, part: beyond };
        for error in
            [load_clip(source, CropPosition::Central, &config).unwrap_err(), load_whole(source, &config).unwrap_err()]
        {
            assert!(matches!(&error, AudioError::PartBeyondFile { path: named, .. } if *named == path), "{error}");
        }
    }
}

fn write_wav(path: &Path, sample_rate: u32, samples: &[f32]) {
    let sample_format = hound::SampleFormat::Float;
    let spec = hound::WavSpec { channels: 1, sample_rate, bits_per_sample: 32, sample_format };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    samples.iter().for_each(|&sample| writer.write_sample(sample).unwrap());
    writer.finalize().unwrap();
}

/// What is given block by block is what is loaded as a whole: sound files and damaged ones, of all kinds, at rates that
/// are kept and changed. Most are longer than a block and what is held back of it.
#[test]
fn blocks_of_a_file_are_the_whole_to_the_bit() {
    let dir = tempfile::tempdir().unwrap();
    let long = dir.path().join("long.wav");
    let samples: Vec<f32> =
        (0..400_000).map(|i| (i as f32 * 0.01).sin() * if i == 300_000 { 1e6 } else { 0.5 }).collect();
    write_wav(&long, 44_100, &samples);
    let mut files: Vec<PathBuf> = std::fs::read_dir(fixture(""))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.push(long);
    let (mut read, mut mended, mut refused) = (0, 0, 0);
    for path in files {
        for rate in [16_000, 44_100] {
            let config = ClipConfig::new(rate, 1);
            let mut blocks = Vec::new();
            let streamed = stream_whole(&path, &config, &mut |block| {
                blocks.extend_from_slice(block);
                ControlFlow::Continue(())
            });
            match (load_whole(&path, &config), streamed) {
                (Ok(whole), Ok(repairs)) => {
                    assert!(blocks == whole.samples, "{}", path.display());
                    assert_eq!(repairs, whole.repairs, "{}", path.display());
                    read += 1;
                    mended += usize::from(!repairs.is_empty());
                }
                (Err(whole), Err(streamed)) => {
                    assert_eq!(whole.to_string(), streamed.to_string());
                    refused += 1;
                }
                (whole, streamed) => panic!("{}: {whole:?} {streamed:?}", path.display()),
            }
        }
    }
    let (mut samples, config) = (0, ClipConfig::new(16_000, 1));
    let ended = stream_whole(&dir.path().join("long.wav"), &config, &mut |block| {
        samples += block.len();
        ControlFlow::Break(())
    });
    assert!(ended.is_ok() && (1..100_000).contains(&samples), "{ended:?} {samples}");
    assert!(read > 10 && mended > 0 && refused > 0, "{read} {mended} {refused}");
}
