//! Clips from the cache against those from the files.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use muscall_audio::{AudioCache, AudioError, AudioSource, Clip, ClipConfig, CropPosition, Part, load_clip};

const CONFIG: ClipConfig = ClipConfig::new(16_000, 3200);
const POSITIONS: [CropPosition; 5] = [
    CropPosition::Central,
    CropPosition::At { start_s: 0.61 },
    CropPosition::At { start_s: 100.0 },
    CropPosition::Random { seed: 1 },
    CropPosition::Random { seed: 2 },
];

fn fixture(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).join(name)
}

fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

#[track_caller]
fn assert_same(found: &Clip, expected: &Clip) {
    assert_eq!((found.valid, found.start_s), (expected.valid, expected.start_s));
    for (n, (found, expected)) in found.samples.iter().zip(&expected.samples).enumerate() {
        assert!((found - expected).abs() <= 1e-6, "sample {n}");
    }
}

#[test]
fn clips_are_those_of_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let cut = dir.path().join("cut.mp3");
    let bytes = fs::read(fixture("sound.mp3")).unwrap();
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let cache = AudioCache::new(dir.path().join("cache")).unwrap();
    let names = ["sound.wav", "sound.aiff", "sound.mp3", "no_tag.mp3", "sound.flac", "sound.ogg", "alac.m4a"];
    for path in names.map(fixture).into_iter().chain([cut]) {
        for config in [CONFIG, ClipConfig { samples: 40_000, ..CONFIG }] {
            for position in POSITIONS {
                let expected = load_clip(&path, position, &config).unwrap();
                assert_same(&cache.load_clip(&path, position, &config).unwrap(), &expected);
            }
        }
    }
    let cached = files(&dir.path().join("cache"), "npy");
    assert_eq!(cached.len(), 8, "one file for each, whatever is cut from it");
    // They are files like any other.
    assert!(cached.iter().all(|path| load_clip(path, CropPosition::Central, &CONFIG).is_ok()));
}

#[test]
fn a_file_that_has_changed_or_a_damaged_entry_is_decoded_again() {
    let dir = tempfile::tempdir().unwrap();
    let (path, place) = (dir.path().join("sound.flac"), dir.path().join("cache"));
    fs::copy(fixture("sound.flac"), &path).unwrap();
    let cache = AudioCache::new(&place).unwrap();
    let clip = cache.load_clip(&path, CropPosition::Central, &CONFIG).unwrap();
    let entry = files(&place, "npy").remove(0);

    let bytes = fs::read(&entry).unwrap();
    for damaged in [&bytes[..bytes.len() - 1], &bytes[..50], b""] {
        fs::write(&entry, damaged).unwrap();
        assert_same(&cache.load_clip(&path, CropPosition::Central, &CONFIG).unwrap(), &clip);
        assert_eq!(fs::read(&entry).unwrap(), bytes);
    }
    for damaged in ["", "{}", "not json"] {
        fs::write(files(&place, "json").remove(0), damaged).unwrap();
        assert_same(&cache.load_clip(&path, CropPosition::Central, &CONFIG).unwrap(), &clip);
    }
    assert_eq!(files(&place, "npy").len(), 1);

    let later = SystemTime::now() + Duration::from_secs(10);
    fs::File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
    assert_same(&cache.load_clip(&path, CropPosition::Central, &CONFIG).unwrap(), &clip);
    assert_eq!(files(&place, "npy").len(), 1, "what is out of date is replaced");
}

/// 0.4 s of a tone.
fn write_tone(path: &Path, hz: f32) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for n in 0..6400 {
        let sample = 10_000.0 * (n as f32 * hz / 16_000.0 * std::f32::consts::TAU).sin();
        writer.write_sample(sample as i16).unwrap();
    }
    writer.finalize().unwrap();
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)).unwrap();
}

#[test]
fn another_file_of_equal_size_and_time_is_decoded() {
    let dir = tempfile::tempdir().unwrap();
    let (path, other) = (dir.path().join("a.wav"), dir.path().join("b.wav"));
    let cache = AudioCache::new(dir.path().join("cache")).unwrap();
    let load = |cache: &AudioCache| cache.load_clip(&path, CropPosition::Central, &CONFIG).unwrap();
    write_tone(&path, 440.0);
    let first = load(&cache);
    write_tone(&other, 550.0);
    let sizes = [&path, &other].map(|path| fs::metadata(path).unwrap());
    assert_eq!(sizes[0].len(), sizes[1].len());
    assert_eq!(sizes[0].modified().unwrap(), sizes[1].modified().unwrap());
    fs::rename(&other, &path).unwrap();
    let second = load(&cache);
    assert_ne!(second, first);
    assert_same(&second, &load_clip(&path, CropPosition::Central, &CONFIG).unwrap());
    // Rewritten where it is.
    write_tone(&path, 660.0);
    assert_same(&load(&cache), &load_clip(&path, CropPosition::Central, &CONFIG).unwrap());
}

#[test]
fn parts_of_a_file_share_no_entry() {
    let dir = tempfile::tempdir().unwrap();
    let cache = AudioCache::new(dir.path().join("cache")).unwrap();
    let path = fixture("sound.flac");
    let parts = [None, Part::new(0.0, Some(0.5)).ok(), Part::new(0.0, Some(0.6)).ok(), Part::new(0.5, None).ok()];
    for part in parts {
        let source = AudioSource { path: &path, member: None, part };
        for position in POSITIONS {
            let expected = load_clip(source, position, &CONFIG).unwrap();
            // Decoded, and then read.
            for _ in 0..2 {
                assert_same(&cache.load_clip(source, position, &CONFIG).unwrap(), &expected);
            }
        }
    }
    assert_eq!(files(&dir.path().join("cache"), "npy").len(), parts.len());
}

#[test]
fn what_cannot_be_kept_is_decoded() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("cache");
    let cache = AudioCache::new(&place).unwrap();
    let load = |name: &str| cache.load_clip(&fixture(name), CropPosition::Central, &CONFIG).unwrap();
    let expected = |name: &str| load_clip(&fixture(name), CropPosition::Central, &CONFIG).unwrap();
    assert_same(&load("sound.flac"), &expected("sound.flac"));
    assert!(cache.write_failure().is_none());
    fs::remove_dir_all(&place).unwrap();
    // Even root cannot write into a file as if it were a folder.
    fs::write(&place, "").unwrap();
    for name in ["sound.flac", "sound.mp3", "sound.flac"] {
        assert_same(&load(name), &expected(name));
    }
    let failure = cache.write_failure().unwrap();
    assert!(matches!(failure, AudioError::Io(error) if error.path.starts_with(&place)), "{failure}");
}

#[test]
fn errors_are_those_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let (path, place) = (dir.path().join("noise.wav"), dir.path().join("cache"));
    fs::write(&path, "this is not audio").unwrap();
    let cache = AudioCache::new(&place).unwrap();
    let expected = load_clip(&path, CropPosition::Central, &CONFIG).unwrap_err().to_string();
    assert_eq!(cache.load_clip(&path, CropPosition::Central, &CONFIG).unwrap_err().to_string(), expected);
    assert!(files(&place, "npy").is_empty());
}
