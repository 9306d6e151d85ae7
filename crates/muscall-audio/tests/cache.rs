//! Clips from the cache against those from the files.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use muscall_audio::{AudioCache, AudioError, Clip, ClipConfig, CropPosition, load_clip};

const CONFIG: ClipConfig = ClipConfig { sample_rate: 16_000, samples: 3200, strict: false };
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
    assert_eq!(files(&place, "npy").len(), 2);
}

#[test]
fn errors_are_those_of_the_file_or_name_the_cache() {
    let dir = tempfile::tempdir().unwrap();
    let (path, place) = (dir.path().join("noise.wav"), dir.path().join("cache"));
    fs::write(&path, "this is not audio").unwrap();
    let cache = AudioCache::new(&place).unwrap();
    let expected = load_clip(&path, CropPosition::Central, &CONFIG).unwrap_err().to_string();
    assert_eq!(cache.load_clip(&path, CropPosition::Central, &CONFIG).unwrap_err().to_string(), expected);
    assert!(files(&place, "npy").is_empty());

    fs::remove_dir_all(&place).unwrap();
    let error = cache.load_clip(&fixture("sound.wav"), CropPosition::Central, &CONFIG).unwrap_err();
    assert!(matches!(&error, AudioError::Io { path, .. } if path.starts_with(&place)), "{error}");
}
