//! What holds for every augmentation, every clip and every draw.
#![allow(clippy::unwrap_used)]

use muscall_audio::{
    AugmentConfig, AugmentParams, BandLimitParams, BandShape, CodecLossParams, ColouredNoise, ColouredNoiseParams,
    CompressionParams, EqualiserBand, EqualiserParams, Gain, GainParams, HighPassParams, LowPassParams, MadeRoom,
    PitchShift, Polarity, PolarityParams, ReverbParams, Room, SoftClipParams,
};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const RATE: u32 = 16_000;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Every link of the signal chain at once, with any parameters.
fn any_chain() -> impl Strategy<Value = AugmentParams> {
    let room = (0.01f32..3.0, 0f32..1.0, any::<u64>());
    let room = room.prop_map(|(rt60_s, damping, seed)| Room::Made(MadeRoom { rt60_s, damping, seed }));
    let reverb = (0f32..=1.0, room).prop_map(|(wet, room)| ReverbParams { wet, room });
    let shape = prop::sample::select(vec![BandShape::Peak, BandShape::LowShelf, BandShape::HighShelf]);
    let band = (shape, 1f32..20_000.0, -24f32..24.0, 0.1f32..10.0);
    let band = band.prop_map(|(shape, hz, gain_db, q)| EqualiserBand { shape, hz, gain_db, q });
    let equaliser = prop::collection::vec(band, 0..6).prop_map(|bands| EqualiserParams { bands });
    let compression = (-40f32..20.0, 1f32..100.0, 0.1f32..100.0, 0.1f32..1000.0).prop_map(
        |(threshold_db, ratio, attack_ms, release_ms)| CompressionParams { threshold_db, ratio, attack_ms, release_ms },
    );
    let soft_clip = (0f32..100.0).prop_map(|drive| SoftClipParams { drive });
    let band_limit = (prop::option::of(1f32..20_000.0), prop::option::of(1f32..1000.0));
    let band_limit = band_limit.prop_map(|(upper_hz, lower_hz)| BandLimitParams { upper_hz, lower_hz });
    let codec = (0f32..120.0, 0f32..10_000.0, 0f32..=1.0, any::<u64>());
    let codec = codec.prop_map(|(snr_db, holes_hz, holes, seed)| CodecLossParams { snr_db, holes_hz, holes, seed });
    (
        prop::option::of(reverb),
        prop::option::of(equaliser),
        prop::option::of(compression),
        prop::option::of(soft_clip),
        prop::option::of(band_limit),
        prop::option::of(codec),
    )
        .prop_map(|(reverb, equaliser, compression, soft_clip, band_limit, codec)| AugmentParams {
            reverb,
            equaliser,
            compression,
            soft_clip,
            band_limit,
            codec,
            ..AugmentParams::default()
        })
}

/// Every augmentation at once, with any parameters.
fn any_params() -> impl Strategy<Value = AugmentParams> {
    let noise = (-20f32..60.0, -2f32..2.0, any::<u64>());
    let noise = noise.prop_map(|(snr_db, decay, seed)| ColouredNoiseParams { snr_db, decay, seed });
    let octave = PitchShift { min_semitones: -12.0, max_semitones: 12.0, ..PitchShift::default() };
    let pitch = prop::sample::select(octave.ratios());
    let gain = (-60f32..20.0).prop_map(|gain_db| GainParams { gain_db });
    let low = (1f32..10_000.0).prop_map(|cutoff_hz| LowPassParams { cutoff_hz });
    let high = (1f32..10_000.0).prop_map(|cutoff_hz| HighPassParams { cutoff_hz });
    (
        prop::option::of(noise),
        prop::option::of(pitch),
        prop::option::of(Just(PolarityParams {})),
        prop::option::of(gain),
        prop::option::of(low),
        prop::option::of(high),
        any_chain(),
    )
        .prop_map(|(noise, pitch_shift, polarity, gain, low_pass, high_pass, chain)| AugmentParams {
            noise,
            pitch_shift,
            polarity,
            gain,
            low_pass,
            high_pass,
            ..chain
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_clip_keeps_its_length_and_stays_finite(
        clip in prop::collection::vec(-4f32..4.0, 0..600),
        params in any_params(),
        rate in prop::sample::select(vec![1u32, 63, 1000, 8000, 16_000, 44_100]),
    ) {
        let mut out = clip.clone();
        params.apply(&mut out, rate);
        prop_assert_eq!(out.len(), clip.len());
        prop_assert!(out.iter().all(|s| s.is_finite()));
        let mut again = clip.clone();
        params.apply(&mut again, rate);
        prop_assert_eq!(out, again);
    }

    #[test]
    fn silence_stays_silent(length in 0usize..600, params in any_params()) {
        let mut clip = vec![0.0; length];
        params.apply(&mut clip, RATE);
        prop_assert!(clip.iter().all(|&s| s == 0.0));
    }

    #[test]
    fn rooms_compressors_and_soft_clipping_keep_the_level(
        clip in prop::collection::vec(-1f32..1.0, 200..2000),
        chain in any_chain(),
    ) {
        let level = |x: &[f32]| (x.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / x.len() as f64).log10() * 10.0;
        let params = AugmentParams { equaliser: None, band_limit: None, codec: None, ..chain };
        let mut out = clip.clone();
        params.apply(&mut out, RATE);
        prop_assert!((level(&out) - level(&clip)).abs() < 0.1);
    }

    #[test]
    fn gain_is_exact(clip in prop::collection::vec(-2f32..2.0, 0..100), gain_db in -18f32..6.0) {
        let mut out = clip.clone();
        GainParams { gain_db }.apply(&mut out, RATE);
        let factor = 10f64.powf(f64::from(gain_db) / 20.0) as f32;
        let expected: Vec<f32> = clip.iter().map(|s| s * factor).collect();
        prop_assert_eq!(out, expected);
    }

    #[test]
    fn polarity_twice_is_nothing(clip in prop::collection::vec(-2f32..2.0, 0..100)) {
        let mut out = clip.clone();
        PolarityParams {}.apply(&mut out, RATE);
        prop_assert!(out.iter().zip(&clip).all(|(a, b)| *a == -b));
        PolarityParams {}.apply(&mut out, RATE);
        prop_assert_eq!(out, clip);
    }

    #[test]
    fn probability_0_is_never_and_1_always(seed in any::<u64>()) {
        let mut rng = rng(seed);
        let polarity = |probability| Polarity { probability };
        prop_assert!(polarity(0.0).draw(&mut rng).is_none());
        prop_assert!(polarity(1.0).draw(&mut rng).is_some());
        let gain = |probability| Gain { probability, ..Gain::default() };
        prop_assert!(gain(0.0).draw(&mut rng).is_none());
        prop_assert!(gain(1.0).draw(&mut rng).is_some());
        let noise = |probability| ColouredNoise { probability, ..ColouredNoise::default() };
        prop_assert!(noise(0.0).draw(&mut rng).is_none());
        prop_assert!(noise(1.0).draw(&mut rng).is_some());
        let pitch = |probability| PitchShift { probability, ..PitchShift::default() };
        prop_assert!(pitch(0.0).draw(&mut rng).is_none());
        prop_assert!(pitch(1.0).draw(&mut rng).is_some());
    }

    #[test]
    fn the_same_seed_draws_the_same(seed in any::<u64>()) {
        for config in [AugmentConfig::ssl(), AugmentConfig::signal_chain()] {
            let draw = || config.draw(&mut rng(seed));
            prop_assert_eq!(draw(), draw());
        }
    }
}
