//! What each link of the signal chain does to a clip, measured.
#![allow(clippy::unwrap_used)]

use muscall_audio::{
    AugmentConfig, AugmentParams, BandLimit, BandLimitParams, BandShape, CodecLoss, CodecLossParams, Compression,
    CompressionParams, Equaliser, EqualiserBand, EqualiserParams, MadeRoom, Reverb, ReverbParams, Room, SoftClip,
    SoftClipParams,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const RATE: u32 = 16_000;

fn sine(hz: f32, seconds: f32) -> Vec<f32> {
    let turn = std::f64::consts::TAU * f64::from(hz) / f64::from(RATE);
    (0..(seconds * RATE as f32) as usize).map(|i| 0.5 * (turn * i as f64).sin() as f32).collect()
}

fn level_db(x: &[f32]) -> f64 {
    10.0 * (x.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / x.len() as f64).log10()
}

/// The level without the clip's ends, where filters start and stop.
fn inner_db(x: &[f32]) -> f64 {
    level_db(&x[x.len() / 4..3 * x.len() / 4])
}

/// Amplitude of a sine in the inner half of a clip, dB.
fn tone_db(x: &[f32], hz: f32) -> f64 {
    let x = &x[x.len() / 4..3 * x.len() / 4];
    let turn = std::f64::consts::TAU * f64::from(hz) / f64::from(RATE);
    let (mut re, mut im) = (0.0, 0.0);
    for (i, &sample) in x.iter().enumerate() {
        let (sin, cos) = (turn * i as f64).sin_cos();
        re += f64::from(sample) * cos;
        im += f64::from(sample) * sin;
    }
    20.0 * (2.0 * re.hypot(im) / x.len() as f64).log10()
}

#[test]
fn the_equaliser_has_its_gain_at_its_frequency() {
    let gain_at = |band: &EqualiserBand, hz: f32| {
        let clip = sine(hz, 2.0);
        let mut out = clip.clone();
        EqualiserParams { bands: vec![band.clone()] }.apply(&mut out, RATE);
        inner_db(&out) - inner_db(&clip)
    };
    for gain_db in [-12.0, -3.0, 3.0, 9.0] {
        for hz in [100.0, 1000.0, 5000.0] {
            let band = |shape| EqualiserBand { shape, hz, gain_db, q: 1.0 };
            let peak = gain_at(&band(BandShape::Peak), hz);
            assert!((peak - f64::from(gain_db)).abs() < 0.2, "{hz} Hz, {gain_db} dB: {peak} dB");
            for (shape, inside, outside) in
                [(BandShape::LowShelf, hz / 10.0, 7900.0), (BandShape::HighShelf, 7900.0, hz / 10.0)]
            {
                let [inside, outside, middle] = [inside, outside, hz].map(|hz| gain_at(&band(shape), hz));
                assert!((inside - f64::from(gain_db)).abs() < 0.4, "{shape:?} at {hz} Hz, {gain_db} dB: {inside} dB");
                assert!(outside.abs() < 0.4, "{shape:?} at {hz} Hz, {gain_db} dB: {outside} dB");
                assert!((middle - f64::from(gain_db) / 2.0).abs() < 0.2, "{shape:?} at {hz} Hz: {middle} dB");
            }
        }
    }
    // Bands add up in dB, any number of them.
    let band = EqualiserBand { shape: BandShape::Peak, hz: 1000.0, gain_db: 1.0, q: 1.0 };
    let clip = sine(1000.0, 2.0);
    let mut out = clip.clone();
    EqualiserParams { bands: vec![band; 6] }.apply(&mut out, RATE);
    assert!((inner_db(&out) - inner_db(&clip) - 6.0).abs() < 0.1);
}

#[test]
fn a_compressor_brings_levels_together_and_keeps_the_loudness() {
    // One second loud, one 20 dB quieter.
    let mut clip = sine(440.0, 2.0);
    clip[RATE as usize..].iter_mut().for_each(|sample| *sample *= 0.1);
    let params = CompressionParams { threshold_db: -27.0, ratio: 4.0, attack_ms: 5.0, release_ms: 50.0 };
    let mut out = clip.clone();
    params.apply(&mut out, RATE);
    let ends = |x: &[f32]| level_db(&x[12_000..16_000]) - level_db(&x[28_000..]);
    // Both are above the threshold: a quarter of the distance is left.
    assert!((ends(&clip) - 20.0).abs() < 0.1 && (ends(&out) - 5.0).abs() < 0.5, "{} dB", ends(&out));
    assert!((level_db(&out) - level_db(&clip)).abs() < 0.01);
    // What is below the threshold is left alone, but for the level that is restored.
    let quiet = CompressionParams { threshold_db: 30.0, ..params };
    let mut out = clip.clone();
    quiet.apply(&mut out, RATE);
    assert!(out.iter().zip(&clip).all(|(a, b)| (a - b).abs() < 1e-6));
}

#[test]
fn soft_clipping_adds_odd_overtones_and_keeps_the_loudness() {
    let clip = sine(440.0, 1.0);
    let mut third = Vec::new();
    for drive in [0.1, 1.0, 3.0, 10.0] {
        let mut out = clip.clone();
        SoftClipParams { drive }.apply(&mut out, RATE);
        assert!((level_db(&out) - level_db(&clip)).abs() < 0.01);
        assert!(tone_db(&out, 880.0) < -100.0);
        third.push(tone_db(&out, 1320.0) - tone_db(&out, 440.0));
    }
    assert!(third[0] < -60.0 && third.is_sorted() && third[3] > -15.0, "{third:?} dB");
}

#[test]
fn a_sine_outside_the_band_falls_by_30_db() {
    let left_db = |params: &BandLimitParams, hz: f32| {
        let clip = sine(hz, 3.0);
        let mut out = clip.clone();
        params.apply(&mut out, RATE);
        inner_db(&out) - inner_db(&clip)
    };
    for upper_hz in [2000.0, 4000.0, 6500.0] {
        let params = BandLimitParams { upper_hz: Some(upper_hz), lower_hz: Some(200.0) };
        for hz in [upper_hz * 1.1, 7900.0] {
            assert!(left_db(&params, hz) < -30.0, "{upper_hz} Hz: {} dB at {hz} Hz", left_db(&params, hz));
        }
        assert!(left_db(&params, 60.0) < -15.0, "{} dB", left_db(&params, 60.0));
        for hz in [400.0, upper_hz * 0.9] {
            assert!(left_db(&params, hz).abs() < 0.5, "{upper_hz} Hz: {} dB at {hz} Hz", left_db(&params, hz));
        }
        let half = left_db(&params, upper_hz);
        assert!((half + 6.0).abs() < 0.2, "{half} dB");
    }
}

#[test]
fn a_codec_adds_noise_of_the_ratio_that_was_drawn() {
    let clip: Vec<f32> = {
        let mut noise = ChaCha8Rng::seed_from_u64(4);
        (0..64_000).map(|_| rand::RngExt::random::<f32>(&mut noise) - 0.5).collect()
    };
    let lost_db = |params: &CodecLossParams| {
        let mut out = clip.clone();
        params.apply(&mut out, RATE);
        let difference: Vec<f32> = out.iter().zip(&clip).map(|(a, b)| a - b).collect();
        level_db(&clip) - level_db(&difference)
    };
    let params = CodecLossParams { snr_db: 0.0, holes_hz: 4000.0, holes: 0.0, seed: 1 };
    for snr_db in [10.0, 20.0, 30.0] {
        let measured = lost_db(&CodecLossParams { snr_db, ..params });
        assert!((measured - f64::from(snr_db)).abs() < 1.5, "{snr_db} dB: {measured} dB");
    }
    // All bands above 4 kHz are dropped: half of white noise.
    let half = lost_db(&CodecLossParams { snr_db: 60.0, holes: 1.0, ..params });
    assert!((half - 3.0).abs() < 0.5, "{half} dB");
    // Far above the noise there is no loss.
    let neutral = lost_db(&CodecLossParams { snr_db: 120.0, ..params });
    assert!(neutral > 110.0, "{neutral} dB");
}

#[test]
fn a_codec_loses_what_is_far_below_the_loudest() {
    let mut clip = sine(500.0, 2.0);
    let quiet = sine(5000.0, 2.0);
    clip.iter_mut().zip(&quiet).for_each(|(sample, quiet)| *sample += 1e-5 * quiet);
    CodecLossParams { snr_db: 10.0, holes_hz: 8000.0, holes: 0.0, seed: 0 }.apply(&mut clip, RATE);
    assert!(tone_db(&clip, 5000.0) < -130.0, "{} dB", tone_db(&clip, 5000.0));
    assert!((tone_db(&clip, 500.0) + 6.0).abs() < 1.0, "{} dB", tone_db(&clip, 500.0));
}

#[test]
fn a_room_rings_on_and_keeps_the_loudness() {
    let mut clip = sine(440.0, 3.0);
    clip[RATE as usize..].fill(0.0);
    let dry = level_db(&clip);
    for wet in [0.1, 0.5, 1.0] {
        let mut out = clip.clone();
        let room = Room::Made(MadeRoom { rt60_s: 1.0, damping: 0.0, seed: 3 });
        ReverbParams { wet, room }.apply(&mut out, RATE);
        assert!((level_db(&out) - dry).abs() < 0.01);
        // Half a second later it has fallen by 30 dB.
        let fallen = level_db(&out[17_600..19_200]) - level_db(&out[25_600..27_200]);
        assert!((fallen - 30.0).abs() < 5.0, "{fallen} dB");
    }
}

#[test]
fn recorded_rooms_are_read_once_and_resampled() {
    let folder = tempfile::tempdir().unwrap();
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 32_000,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut file = hound::WavWriter::create(folder.path().join("echo.wav"), spec).unwrap();
    // Silence, the sound itself, and an echo after 100 ms.
    (0..6400).for_each(|i| file.write_sample(if i == 800 || i == 800 + 3200 { 0.9f32 } else { 0.0 }).unwrap());
    file.finalize().unwrap();
    let settings = serde_json::json!({
        "probability": 1.0, "min_wet": 1.0, "max_wet": 1.0, "impulse_responses": folder.path(),
    });
    let config: Reverb = serde_json::from_value(settings).unwrap();
    config.validate().unwrap();
    let params = config.draw(&mut ChaCha8Rng::seed_from_u64(1)).unwrap();
    assert!(matches!(&params.room, Room::Recorded { file, .. } if file.to_str() == Some("echo.wav")));
    let written = serde_json::to_string(&params).unwrap();
    assert_eq!(serde_json::from_str::<ReverbParams>(&written).unwrap(), params);
    // What was read stays when the file is gone.
    std::fs::remove_file(folder.path().join("echo.wav")).unwrap();
    let mut clip = vec![0.0; 8000];
    clip[1000] = 1.0;
    params.apply(&mut clip, RATE);
    let mut loudest: Vec<usize> = (0..clip.len()).collect();
    loudest.sort_by(|&a, &b| clip[b].abs().total_cmp(&clip[a].abs()));
    loudest.truncate(2);
    loudest.sort_unstable();
    assert_eq!(loudest, [1000, 2600]);
    // A folder without audio is named.
    let error = Reverb { impulse_responses: Some(folder.path().join("none").into()), ..Reverb::default() };
    assert!(error.validate().unwrap_err().to_string().contains("none"));
}

#[test]
fn neutral_settings_change_nothing() {
    let clip = sine(440.0, 0.5);
    let bands = [BandShape::Peak, BandShape::LowShelf, BandShape::HighShelf];
    let bands = bands.map(|shape| EqualiserBand { shape, hz: 800.0, gain_db: 0.0, q: 0.7 });
    let neutral = AugmentParams {
        reverb: Some(ReverbParams { wet: 0.0, room: Room::Made(MadeRoom { rt60_s: 1.0, damping: 0.5, seed: 1 }) }),
        equaliser: Some(EqualiserParams { bands: bands.to_vec() }),
        compression: Some(CompressionParams { threshold_db: -20.0, ratio: 1.0, attack_ms: 5.0, release_ms: 50.0 }),
        soft_clip: Some(SoftClipParams { drive: 0.0 }),
        band_limit: Some(BandLimitParams { upper_hz: Some(8000.0), lower_hz: None }),
        ..AugmentParams::default()
    };
    let mut out = clip.clone();
    neutral.apply(&mut out, RATE);
    assert_eq!(out, clip);
}

#[test]
fn settings_that_are_absent_are_not_written() {
    // As configurations and parameters were written before there was a signal chain.
    let before = r#"{"noise":null,"pitch_shift":null,"polarity":{"probability":0.8},"gain":null,"low_pass":null,"high_pass":null}"#;
    let config: AugmentConfig = serde_json::from_str(before).unwrap();
    assert_eq!(serde_json::to_string(&config).unwrap(), before);
    let params = r#"{"noise":null,"pitch_shift":null,"polarity":{},"gain":null,"low_pass":null,"high_pass":null}"#;
    assert_eq!(serde_json::to_string(&serde_json::from_str::<AugmentParams>(params).unwrap()).unwrap(), params);
}

#[test]
fn the_preset_uses_every_link_and_leaves_some_clips_alone() {
    let chain = AugmentConfig::signal_chain();
    chain.validate().unwrap();
    let json = serde_json::to_string(&chain).unwrap();
    assert_eq!(serde_json::from_str::<AugmentConfig>(&json).unwrap(), chain);
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut counts = [0; 7];
    for _ in 0..4000 {
        let drawn = chain.draw(&mut rng);
        let links = [
            drawn.reverb.is_some(),
            drawn.equaliser.is_some(),
            drawn.compression.is_some(),
            drawn.soft_clip.is_some(),
            drawn.band_limit.is_some(),
            drawn.codec.is_some(),
            drawn == AugmentParams::default(),
        ];
        counts.iter_mut().zip(links).for_each(|(count, link)| *count += usize::from(link));
        let json = serde_json::to_string(&drawn).unwrap();
        assert_eq!(serde_json::from_str::<AugmentParams>(&json).unwrap(), drawn);
    }
    for (count, expected) in counts.into_iter().zip([1200, 2000, 1600, 800, 1200, 1200, 132]) {
        assert!(count.abs_diff(expected) < 120, "{counts:?}");
    }
    assert!(counts[6] > 60, "{counts:?}");
}

#[test]
fn validation_names_the_field() {
    let reject = |config: AugmentConfig, field: &str| {
        let error = config.validate().unwrap_err().to_string();
        assert!(error.contains(field), "{error}");
    };
    let none = AugmentConfig::none;
    let reverb = Some(Reverb { min_wet: 0.9, max_wet: 0.1, ..Reverb::default() });
    reject(AugmentConfig { reverb, ..none() }, "reverb: `max_wet`");
    let equaliser = Some(Equaliser { min_bands: 0, ..Equaliser::default() });
    reject(AugmentConfig { equaliser, ..none() }, "equaliser: `min_bands`");
    let compression = Some(Compression { min_ratio: 0.5, ..Compression::default() });
    reject(AugmentConfig { compression, ..none() }, "compression: `min_ratio`");
    let soft_clip = Some(SoftClip { max_drive: f32::NAN, ..SoftClip::default() });
    reject(AugmentConfig { soft_clip, ..none() }, "soft_clip: `max_drive`");
    let band_limit = Some(BandLimit { max_lower_hz: 5000.0, ..BandLimit::default() });
    reject(AugmentConfig { band_limit, ..none() }, "band_limit: `max_lower_hz`");
    let codec = Some(CodecLoss { max_holes: 1.5, ..CodecLoss::default() });
    reject(AugmentConfig { codec, ..none() }, "codec: `max_holes`");
}
