//! A quieter copy of a clip has the same spectrogram, where the frontend is told so.
#![allow(clippy::unwrap_used)]

use muscall_audio::{LogMelConfig, Loudness};
use proptest::prelude::*;

const RATE: usize = 16_000;
const MEASURES: [Loudness; 2] = [Loudness::Rms, Loudness::Ebur128];

fn with(loudness: Loudness) -> LogMelConfig {
    LogMelConfig::new(64).with_loudness(loudness)
}

/// Bursts of a chord with pauses between them, as music has them.
fn music(length: usize, hz: f32, pause: f32) -> Vec<f32> {
    let sample = |i: usize| {
        let t = i as f32 / RATE as f32;
        let loud = if (t * 3.0).fract() < pause { 0.003 } else { 0.3 };
        let sine = |hz: f32| (std::f32::consts::TAU * hz * t).sin();
        loud * (sine(hz) + 0.5 * sine(1.5 * hz) + 0.25 * sine(4.1 * hz))
    };
    (0..length).map(sample).collect()
}

fn scaled(samples: &[f32], db: f32) -> Vec<f32> {
    let factor = 10f32.powf(db / 20.0);
    samples.iter().map(|sample| sample * factor).collect()
}

fn rms_dbfs(samples: &[f32]) -> f64 {
    let energy: f64 = samples.iter().map(|&sample| f64::from(sample).powi(2)).sum();
    10.0 * (energy / samples.len() as f64).log10()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn copies_of_any_level_have_one_spectrogram(
        length in 400usize..48_000,
        hz in 60f32..1500.0,
        pause in 0f32..0.8,
        db in -30f32..20.0,
    ) {
        let clip = music(length, hz, pause);
        // Neither silence nor in need of more than 40 dB.
        prop_assume!(rms_dbfs(&clip) + f64::from(db.min(0.0)) > -50.0);
        for loudness in MEASURES {
            let frontend = with(loudness).init().unwrap();
            let (mel, copy) = (frontend.extract(&clip).unwrap(), frontend.extract(&scaled(&clip, db)).unwrap());
            let worst = mel.values().iter().zip(copy.values()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            prop_assert!(worst < 0.01, "{loudness:?}, {db} dB: {worst} dB");
        }
    }

    #[test]
    fn gains_are_bounded_and_silence_is_left_alone(level_db in -140f32..40.0) {
        let clip = scaled(&music(RATE, 220.0, 0.0), level_db);
        for loudness in MEASURES {
            let gain = with(loudness).gain(&clip);
            prop_assert!((0.01 - 1e-6..=100.0 + 1e-3).contains(&gain), "{gain}");
            prop_assert!(rms_dbfs(&clip) >= -70.0 || gain == 1.0, "{gain}");
        }
    }
}

#[test]
fn root_mean_square_comes_to_what_is_wanted() {
    let clip = music(2 * RATE, 220.0, 0.5);
    for wanted in [-30.0, -14.0] {
        let gain = with(Loudness::Rms).with_loudness_db(wanted).gain(&clip);
        let levelled: Vec<f32> = clip.iter().map(|sample| sample * gain).collect();
        assert!((rms_dbfs(&levelled) - f64::from(wanted)).abs() < 1e-3);
    }
}

#[test]
fn loudness_is_that_of_the_standard() {
    // EBU Tech 3341: a sine of 1 kHz at −23 dBFS (peak) in both channels is at −23 LUFS. One channel alone is 3 dB
    // less.
    let peak = 10f32.powf(-23.0 / 20.0);
    let rate = 48_000;
    let tone: Vec<f32> =
        (0..10 * rate).map(|i| peak * (std::f32::consts::TAU * (i % 48) as f32 / 48.0).sin()).collect();
    let config = with(Loudness::Ebur128).with_sample_rate(48_000).with_loudness_db(-26.0);
    let gain_db = 20.0 * config.gain(&tone).log10();
    assert!((gain_db - 0.01).abs() < 0.1, "{gain_db} dB");
    // Pauses do not count.
    let mut paused = tone.clone();
    paused.resize(30 * rate, 0.0);
    let paused_db = 20.0 * config.gain(&paused).log10();
    assert!((paused_db - gain_db).abs() < 0.15, "{paused_db} dB");
}

#[test]
fn what_cannot_be_measured_is_left_to_the_root_mean_square() {
    for loudness in MEASURES {
        assert_eq!(with(loudness).gain(&[]), 1.0);
        assert_eq!(with(loudness).gain(&[0.0; 100]), 1.0);
        // A few samples, and a constant, which the filters take away.
        for clip in [vec![0.1; 3], vec![0.1; 3 * RATE]] {
            let gain = with(loudness).gain(&clip);
            assert!(gain.is_finite() && gain >= 1.0 - 1e-6, "{gain}");
        }
    }
}

#[test]
fn settings_are_read_written_and_part_of_the_fingerprint() {
    let none = LogMelConfig::default();
    // A literal: what was written before there was a loudness keeps its name.
    assert_eq!(none.fingerprint(), "926439332d72eebd");
    assert_eq!(none.clone().with_loudness_db(-14.0).fingerprint(), none.fingerprint());
    assert!(!serde_json::to_string(&none).unwrap().contains("loudness"));
    let json = r#"{"loudness": "ebur128", "loudness_db": -23.0}"#;
    let config: LogMelConfig = serde_json::from_str(json).unwrap();
    assert_eq!(config, none.clone().with_loudness(Loudness::Ebur128).with_loudness_db(-23.0));
    assert_eq!(serde_json::from_str::<LogMelConfig>(&serde_json::to_string(&config).unwrap()).unwrap(), config);
    let mut prints = vec![none.fingerprint(), config.fingerprint()];
    prints.extend(MEASURES.map(|loudness| none.clone().with_loudness(loudness).fingerprint()));
    prints.sort();
    prints.dedup();
    assert_eq!(prints.len(), 4);
}

#[test]
fn validation_names_the_field() {
    let refusal = |config: LogMelConfig| config.validate().unwrap_err().to_string();
    assert!(refusal(LogMelConfig::default().with_loudness_db(3.0)).contains("loudness_db"));
    let slow = LogMelConfig::default().with_sample_rate(4000).with_f_max(2000.0);
    assert!(slow.validate().is_ok());
    assert!(refusal(slow.with_loudness(Loudness::Ebur128)).contains("sample_rate"));
}
