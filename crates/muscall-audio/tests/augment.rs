//! Augmentations against torch-audiomentations, and their own promises.
#![allow(clippy::unwrap_used)]

use muscall_audio::{
    AugmentConfig, AugmentParams, ColouredNoise, ColouredNoiseParams, Gain, HighPass, HighPassParams, LowPass,
    LowPassParams, PitchShift, PitchShiftParams, Polarity,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use safetensors::SafeTensors;

const RATE: u32 = 16_000;

fn golden(file: &str, name: &str) -> Vec<f32> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/audio/");
    let bytes = std::fs::read(format!("{folder}{file}.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let view = tensors.tensor(name).unwrap();
    let values = view.data().chunks_exact(4);
    values.map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

fn relative_difference(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let energy = |x: &mut dyn Iterator<Item = f64>| x.map(|v| v * v).sum::<f64>().sqrt();
    let difference = energy(&mut a.iter().zip(b).map(|(a, b)| f64::from(a - b)));
    difference / energy(&mut b.iter().map(|&b| f64::from(b)))
}

fn rms(x: &[f32]) -> f64 {
    (x.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / x.len() as f64).sqrt()
}

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

#[test]
fn pitch_shift_equals_torch_pitch_shift() {
    for (numerator, denominator) in [(4, 5), (125, 128), (128, 125), (5, 4)] {
        let params = PitchShiftParams::new(numerator, denominator).unwrap();
        for name in ["input", "short"] {
            let mut clip = golden("pitch_shift", name);
            params.apply(&mut clip, RATE);
            let key = format!("{numerator}.{denominator}.{name}");
            let float32 = golden("pitch_shift", &key);
            let float64 = golden("pitch_shift", &format!("{key}.f64"));
            // A phase vocoder amplifies rounding: PyTorch is 4e-5 to 7e-5 from float64 itself.
            let ours = relative_difference(&clip, &float64);
            let theirs = relative_difference(&float32, &float64);
            assert!(ours < 2e-5, "{key}: {ours:e}, PyTorch {theirs:e}");
        }
    }
}

#[test]
fn pitch_shift_moves_a_tone() {
    for params in PitchShift::default().ratios() {
        let mut tone: Vec<f32> =
            (0..32_000).map(|i| (i as f32 * 440.0 * std::f32::consts::TAU / RATE as f32).sin()).collect();
        params.apply(&mut tone, RATE);
        let crossings = tone[4000..20_000].windows(2).filter(|w| w[0] <= 0.0 && w[1] > 0.0).count() as f64;
        let expected = 440.0 * params.ratio();
        assert!((crossings - expected).abs() < 5.0, "{crossings} Hz, expected {expected}");
    }
}

#[test]
fn pitch_ratios_are_those_that_are_cheap_at_16_khz() {
    let ratios: Vec<f64> = PitchShift::default().ratios().iter().map(PitchShiftParams::ratio).collect();
    assert_eq!(ratios, [4.0 / 5.0, 125.0 / 128.0, 128.0 / 125.0, 5.0 / 4.0]);
    let octave = PitchShift { min_semitones: -12.0, max_semitones: 12.0, ..PitchShift::default() };
    assert_eq!(octave.ratios().len(), 14);
    let narrow = PitchShift { min_semitones: -0.1, max_semitones: 0.1, ..PitchShift::default() };
    assert!(narrow.validate().is_err());
    assert!(narrow.draw(&mut rng(1)).is_none());
}

#[test]
fn filters_equal_torch_audiomentations() {
    let input = golden("filters", "input");
    for cutoff in [150, 1000, 7500] {
        let mut clip = input.clone();
        let cutoff_hz = cutoff as f32;
        LowPassParams { cutoff_hz }.apply(&mut clip, RATE);
        let difference = relative_difference(&clip, &golden("filters", &format!("low_pass.{cutoff}")));
        assert!(difference < 1e-5, "low-pass {cutoff}: {difference:e}");
    }
    for cutoff in [20, 2400] {
        let mut clip = input.clone();
        let cutoff_hz = cutoff as f32;
        HighPassParams { cutoff_hz }.apply(&mut clip, RATE);
        let difference = relative_difference(&clip, &golden("filters", &format!("high_pass.{cutoff}")));
        assert!(difference < 1e-5, "high-pass {cutoff}: {difference:e}");
    }
}

#[test]
fn noise_has_the_level_that_was_drawn() {
    for (snr_db, decay) in [(3.0, -2.0), (10.0, 0.0), (30.0, 2.0)] {
        let clip: Vec<f32> = (0..48_000).map(|i| (i as f32 * 0.05).sin() * 0.3).collect();
        let mut noisy = clip.clone();
        let params = ColouredNoiseParams { snr_db, decay, seed: 7 };
        params.apply(&mut noisy, RATE);
        let noise: Vec<f32> = noisy.iter().zip(&clip).map(|(n, c)| n - c).collect();
        let measured = 20.0 * (rms(&clip) / rms(&noise)).log10();
        assert!((measured - f64::from(snr_db)).abs() < 0.01, "{measured} dB");
        // One second, repeated.
        let far = noise[..16_000].iter().zip(&noise[32_000..]).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(far);
    }
}

#[test]
fn noise_is_a_function_of_its_parameters_and_spares_silence() {
    let params = ColouredNoiseParams { snr_db: 5.0, decay: 1.0, seed: 3 };
    let apply = |seed| {
        let mut clip = vec![0.1; 1000];
        ColouredNoiseParams { seed, ..params.clone() }.apply(&mut clip, RATE);
        clip
    };
    assert_eq!(apply(3), apply(3));
    assert_ne!(apply(3), apply(4));
    let mut silence = vec![0.0; 1000];
    params.apply(&mut silence, RATE);
    assert!(silence.iter().all(|&s| s == 0.0));
}

#[test]
fn draws_stay_in_their_ranges_and_reach_all_of_them() {
    let mut rng = rng(5);
    let always = AugmentConfig {
        noise: Some(ColouredNoise { probability: 1.0, ..ColouredNoise::default() }),
        pitch_shift: Some(PitchShift { probability: 1.0, ..PitchShift::default() }),
        polarity: Some(Polarity { probability: 1.0 }),
        gain: Some(Gain { probability: 1.0, ..Gain::default() }),
        low_pass: Some(LowPass { probability: 1.0, ..LowPass::default() }),
        high_pass: Some(HighPass { probability: 1.0, ..HighPass::default() }),
        ..AugmentConfig::none()
    };
    let draws: Vec<AugmentParams> = (0..2000).map(|_| always.draw(&mut rng)).collect();
    let spread = |values: Vec<f32>, low: f32, high: f32| {
        let min = values.iter().copied().fold(f32::MAX, f32::min);
        let max = values.iter().copied().fold(f32::MIN, f32::max);
        assert!(low <= min && max <= high, "{min} to {max}");
        let slack = 0.02 * (high - low);
        assert!(min < low + slack && high - slack < max, "{min} to {max}");
    };
    let noise = |f: fn(&ColouredNoiseParams) -> f32| draws.iter().map(|d| f(d.noise.as_ref().unwrap())).collect();
    spread(noise(|n| n.snr_db), 3.0, 30.0);
    spread(noise(|n| n.decay), -2.0, 2.0);
    let gains = draws.iter().map(|d| d.gain.as_ref().unwrap().gain_db);
    spread(gains.collect(), -18.0, 6.0);
    let low = draws.iter().map(|d| d.low_pass.as_ref().unwrap().cutoff_hz);
    let low: Vec<f32> = low.collect();
    // Uniform in mel: half of them lie below the frequency in the middle of the mel range.
    let below = low.iter().filter(|&&hz| hz < 1939.0).count();
    assert!((900..1100).contains(&below), "{below}");
    spread(low, 150.0, 7500.0);
    let high = draws.iter().map(|d| d.high_pass.as_ref().unwrap().cutoff_hz);
    spread(high.collect(), 20.0, 2400.0);
    for ratio in PitchShift::default().ratios() {
        let n = draws.iter().filter(|d| d.pitch_shift.as_ref() == Some(&ratio)).count();
        assert!((400..600).contains(&n), "{ratio:?}: {n}");
    }
}

#[test]
fn presets_have_the_papers_probabilities() {
    assert_eq!(AugmentConfig::none(), AugmentConfig::default());
    let mut counts = [0; 6];
    let mut rng = rng(11);
    for _ in 0..10_000 {
        let drawn = AugmentConfig::ssl().draw(&mut rng);
        let applied = [
            drawn.noise.is_some(),
            drawn.pitch_shift.is_some(),
            drawn.polarity.is_some(),
            drawn.gain.is_some(),
            drawn.low_pass.is_some(),
            drawn.high_pass.is_some(),
        ];
        for (count, applied) in counts.iter_mut().zip(applied) {
            *count += usize::from(applied);
        }
    }
    for (count, expected) in counts.into_iter().zip([3000, 4000, 8000, 2000, 0, 0]) {
        assert!(count.abs_diff(expected) < 200, "{counts:?}");
    }
    let muscall = AugmentConfig::muscall();
    assert!(muscall.noise.is_some() && muscall.pitch_shift.is_some());
    assert!(muscall.polarity.is_none() && muscall.gain.is_none());
}

#[test]
fn configuration_is_read_with_defaults_and_knows_its_keys() {
    let json = r#"{"noise": {"probability": 1.0}, "gain": {}}"#;
    let config: AugmentConfig = serde_json::from_str(json).unwrap();
    assert_eq!(config.noise.unwrap().max_snr_db, 30.0);
    assert_eq!(config.gain, Some(Gain::default()));
    assert_eq!(config.pitch_shift, None);
    for typo in [r#"{"noise": {"snr": 3}}"#, r#"{"noises": {}}"#] {
        assert!(serde_json::from_str::<AugmentConfig>(typo).is_err());
    }
    let impossible = r#"{"pitch_shift": {"numerator": 0, "denominator": 5}}"#;
    assert!(serde_json::from_str::<AugmentParams>(impossible).is_err());
}

#[test]
fn parameters_are_written_and_read() {
    let mut rng = rng(2);
    for _ in 0..50 {
        let params = AugmentConfig::ssl().draw(&mut rng);
        let json = serde_json::to_string(&params).unwrap();
        assert_eq!(serde_json::from_str::<AugmentParams>(&json).unwrap(), params);
    }
}

#[test]
fn validation_names_the_field() {
    let reject = |config: AugmentConfig, field: &str| {
        let error = config.validate().unwrap_err().to_string();
        assert!(error.contains(field), "{error}");
    };
    for probability in [-0.1, 1.1, f64::NAN] {
        let polarity = Some(Polarity { probability });
        reject(AugmentConfig { polarity, ..AugmentConfig::none() }, "probability");
    }
    let gain = Some(Gain { min_db: 3.0, max_db: -3.0, ..Gain::default() });
    reject(AugmentConfig { gain, ..AugmentConfig::none() }, "max_db");
    let low_pass = Some(LowPass { min_cutoff_hz: 0.0, ..LowPass::default() });
    reject(AugmentConfig { low_pass, ..AugmentConfig::none() }, "min_cutoff_hz");
    AugmentConfig::ssl().validate().unwrap();
    AugmentConfig::none().validate().unwrap();
}
