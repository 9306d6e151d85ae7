//! A fault in the input of each of the doctor's rules is reported by that rule and no other.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../../muscall-data/tests/wav/mod.rs"]
mod wav;

use std::fs;
use std::path::{Path, PathBuf};

use muscall_audio::{ClipConfig, Repair};
use muscall_train::StepReport;
use muscall_train::doctor::{ClipFault, Diagnosis, Tower, TrainingDoctor, check_clips, leakage, mean_pairwise_cosine};
use muscall_train::manifest::{Manifest, Row};
use wav::write_wav;

const RATE: usize = 16_000;

fn report(step: u64) -> StepReport {
    // A healthy run: the loss falls, the scale moves.
    StepReport {
        step,
        steps: 100,
        epoch: 0,
        loss: 3.0 - 0.02 * step as f64,
        pair_loss: 3.0 - 0.02 * step as f64,
        ssl_loss: None,
        learning_rate: 1e-3,
        gradient_norm: 1.0,
        scale: 14.0 + 0.1 * step as f64,
        clips_per_s: 1.0,
    }
}

/// What is said over a run whose steps are changed.
fn run(change: impl Fn(&mut StepReport, &mut [f64; 2])) -> Vec<Diagnosis> {
    let mut doctor = TrainingDoctor::new(10, 100.0);
    let chance = Some(64.0_f64.ln());
    let step = |step| {
        let (mut report, mut cosines) = (report(step), [0.3, 0.4]);
        change(&mut report, &mut cosines);
        doctor.step(&report, chance, cosines)
    };
    (1..=100).flat_map(step).collect()
}

#[track_caller]
fn said_once(found: &[Diagnosis], is: impl Fn(&Diagnosis) -> bool) {
    assert!(matches!(found, [only] if is(only)), "{found:?}");
    // One line, with a remedy behind a semicolon.
    let line = found[0].to_string();
    assert!(!line.contains('\n') && line.contains("; "), "{line}");
}

#[test]
fn a_healthy_run_is_left_alone() {
    assert_eq!(run(|_, _| {}), []);
    // Warm-up may look like anything.
    let warm = |report: &mut StepReport, cosines: &mut [f64; 2]| {
        if report.step <= 10 {
            (report.pair_loss, report.scale, *cosines) = (64.0_f64.ln(), 100.0, [1.0, 1.0]);
        }
    };
    assert_eq!(run(warm), []);
}

#[test]
fn each_rule_of_a_run_speaks_once() {
    said_once(&run(|report, _| report.pair_loss = 64.0_f64.ln() * 1.005), |d| {
        matches!(d, Diagnosis::LossAtChance { .. })
    });
    let audio = |_: &mut StepReport, cosines: &mut [f64; 2]| cosines[0] = 0.995;
    said_once(&run(audio), |d| matches!(d, Diagnosis::Collapsed { tower: Tower::Audio, .. }));
    let text = |_: &mut StepReport, cosines: &mut [f64; 2]| cosines[1] = 0.999;
    said_once(&run(text), |d| matches!(d, Diagnosis::Collapsed { tower: Tower::Text, .. }));
    said_once(&run(|report, _| report.scale = 100.0), |d| matches!(d, Diagnosis::ScaleAtClamp { .. }));
    said_once(&run(|report, _| report.learning_rate = 0.0), |d| matches!(d, Diagnosis::RateZero { .. }));
    // A collapsed model is at chance; only the cause is said.
    let both = |report: &mut StepReport, cosines: &mut [f64; 2]| {
        (report.pair_loss, cosines[0]) = (64.0_f64.ln(), 1.0);
    };
    said_once(&run(both), |d| matches!(d, Diagnosis::Collapsed { .. }));
}

#[test]
fn the_mean_cosine_is_that_of_different_rows() {
    let rows = [1.0, 0.0, 0.0, 1.0, 0.6, 0.8];
    assert!((mean_pairwise_cosine(&rows, 2) - (0.0 + 0.6 + 0.8) / 3.0).abs() < 1e-6);
    assert_eq!(mean_pairwise_cosine(&[1.0, 0.0], 2), 0.0);
}

fn tone(amplitude: f64, seconds: f64) -> impl Iterator<Item = i16> {
    let sample = move |i| (32_767.0 * (amplitude * (f64::from(i) * 0.21).sin()).clamp(-1.0, 1.0)) as i16;
    (0..(seconds * RATE as f64) as i32).map(sample)
}

fn manifest(dir: &Path, name: &str, rows: &[(&str, &str)]) -> Manifest {
    let row = |(audio, caption): &(&str, &str)| Row::new(*audio, dir.join(audio), vec![(*caption).to_owned()]);
    Manifest { rows: rows.iter().map(row).collect(), source: PathBuf::from(name) }
}

/// A float WAV file.
fn write_float_wav(path: &Path, samples: &[f32]) {
    let data: Vec<u8> = samples.iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + data.len() as u32).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x03\0\x01\0");
    bytes.extend((RATE as u32).to_le_bytes());
    bytes.extend((4 * RATE as u32).to_le_bytes());
    bytes.extend(b"\x04\0\x20\0data");
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    fs::write(path, bytes).unwrap();
}

#[test]
fn each_fault_of_a_clip_is_named() {
    let dir = tempfile::tempdir().unwrap();
    write_wav(&dir.path().join("good.wav"), tone(0.5, 2.0));
    write_wav(&dir.path().join("silent.wav"), tone(0.0, 2.0));
    write_wav(&dir.path().join("clipped.wav"), tone(4.0, 2.0));
    write_wav(&dir.path().join("short.wav"), tone(0.5, 0.3));
    let mut samples: Vec<f32> = tone(0.5, 2.0).map(|x| f32::from(x) / 32_768.0).collect();
    samples[20_000] = f32::NAN;
    write_float_wav(&dir.path().join("nan.wav"), &samples);
    let config = ClipConfig::new(RATE as u32, 2 * RATE);
    let check = |audio: &str| {
        let manifest = manifest(dir.path(), "m", &[("good.wav", "a"), (audio, "b")]);
        let found = check_clips(&manifest, &config, |_| {});
        assert!(found.unreadable.is_empty());
        found.diagnoses
    };
    for (audio, expected) in [
        ("silent.wav", ClipFault::Silent),
        ("clipped.wav", ClipFault::Clipped),
        ("short.wav", ClipFault::TooShort),
        ("nan.wav", ClipFault::NotFinite),
    ] {
        let found = check(audio);
        said_once(&found, |d| matches!(d, Diagnosis::Clips { fault, count: 1, clips: 2, .. } if *fault == expected));
        assert!(found[0].to_string().contains(audio));
    }
    assert_eq!(check("good.wav"), []);
    let broken = manifest(dir.path(), "m", &[("absent.wav", "a"), ("good.wav", "b")]);
    let found = check_clips(&broken, &config, |_| {});
    assert!(found.diagnoses.is_empty() && found.unreadable[0].1.to_string().contains("absent.wav"));
}

#[test]
fn half_a_download_is_damaged_wherever_the_clip_lies() {
    let dir = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../muscall-audio/tests/fixtures");
    let sound =
        ["sound.flac", "sound.mp3", "sound.ogg", "sound.opus", "sound.wav", "sound.m4a", "alac.m4a", "sound.aiff"];
    for name in sound {
        fs::copy(fixtures.join(name), dir.path().join(name)).unwrap();
    }
    write_wav(&dir.path().join("long.wav"), tone(0.5, 20.0));
    let long = fs::read(dir.path().join("long.wav")).unwrap();
    fs::write(dir.path().join("half.wav"), &long[..long.len() * 3 / 4]).unwrap();
    let rows: Vec<(&str, &str)> = sound.into_iter().chain(["long.wav", "half.wav"]).map(|name| (name, "a")).collect();
    // The clip in the middle is whole.
    let found = check_clips(&manifest(dir.path(), "m", &rows), &ClipConfig::new(RATE as u32, 2 * RATE), |_| {});
    assert!(found.unreadable.is_empty());
    let [(9, path, repairs)] = &found.repaired[..] else { panic!("{:?}", found.repaired) };
    assert!(path.ends_with("half.wav"));
    assert!(matches!(repairs[..], [Repair::ShorterThanDeclared { .. }]), "{repairs:?}");
}

#[test]
fn what_two_splits_share_is_named() {
    let dir = tempfile::tempdir().unwrap();
    write_wav(&dir.path().join("a.wav"), tone(0.5, 1.0));
    write_wav(&dir.path().join("b.wav"), tone(0.4, 1.0));
    fs::copy(dir.path().join("a.wav"), dir.path().join("copy of a.wav")).unwrap();
    let train = manifest(dir.path(), "train", &[("a.wav", "Slow  blues")]);
    let other = |audio, caption| manifest(dir.path(), "val", &[(audio, caption), ("b.wav", "fast punk")]);
    assert_eq!(leakage(&train, &manifest(dir.path(), "val", &[("b.wav", "fast punk")])), []);
    let shared = leakage(&train, &manifest(dir.path(), "val", &[("b.wav", " slow blues")]));
    said_once(&shared, |d| matches!(d, Diagnosis::SharedCaptions { count: 1, captions: 1, .. }));
    for audio in ["a.wav", "copy of a.wav"] {
        let shared = leakage(&train, &other(audio, "something else"));
        said_once(&shared, |d| matches!(d, Diagnosis::SharedAudio { count: 1, tracks: 2, .. }));
        assert!(shared[0].to_string().contains(audio));
    }
}
