//! How long each augmentation takes on ten seconds at 16 kHz, on one thread.
//!
//! `cargo bench -p muscall-audio --bench augment [-- ROUNDS]`
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use muscall_audio::{
    AugmentConfig, BandLimit, CodecLoss, ColouredNoise, Compression, Equaliser, Gain, HighPass, LogMelConfig, Loudness,
    LowPass, PitchShift, Polarity, Reverb, SoftClip,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const RATE: u32 = 16_000;

fn main() {
    let rounds = std::env::args().find_map(|argument| argument.parse::<usize>().ok()).unwrap_or(40);
    let clip = clip();
    println!("ms per clip of 10 s at 16 kHz: median and longest of {rounds} draws");
    let none = AugmentConfig::none;
    let always = 1.0;
    let longest_room = Reverb { min_rt60_s: 1.5, ..Reverb::default() };
    let most_bands = Equaliser { min_bands: 4, ..Equaliser::default() };
    for (name, config) in [
        ("reverb", AugmentConfig { reverb: Some(Reverb { probability: always, ..Reverb::default() }), ..none() }),
        ("reverb, 1.5 s", AugmentConfig { reverb: Some(Reverb { probability: always, ..longest_room }), ..none() }),
        (
            "equaliser, 4 bands",
            AugmentConfig { equaliser: Some(Equaliser { probability: always, ..most_bands }), ..none() },
        ),
        (
            "compression",
            AugmentConfig {
                compression: Some(Compression { probability: always, ..Compression::default() }),
                ..none()
            },
        ),
        (
            "soft clip",
            AugmentConfig { soft_clip: Some(SoftClip { probability: always, ..SoftClip::default() }), ..none() },
        ),
        (
            "band limit",
            AugmentConfig { band_limit: Some(BandLimit { probability: always, ..BandLimit::default() }), ..none() },
        ),
        ("codec", AugmentConfig { codec: Some(CodecLoss { probability: always, ..CodecLoss::default() }), ..none() }),
        (
            "noise",
            AugmentConfig { noise: Some(ColouredNoise { probability: always, ..ColouredNoise::default() }), ..none() },
        ),
        (
            "pitch shift",
            AugmentConfig { pitch_shift: Some(PitchShift { probability: always, ..PitchShift::default() }), ..none() },
        ),
        ("polarity", AugmentConfig { polarity: Some(Polarity { probability: always }), ..none() }),
        ("gain", AugmentConfig { gain: Some(Gain { probability: always, ..Gain::default() }), ..none() }),
        ("low pass", AugmentConfig { low_pass: Some(LowPass { probability: always, ..LowPass::default() }), ..none() }),
        (
            "high pass",
            AugmentConfig { high_pass: Some(HighPass { probability: always, ..HighPass::default() }), ..none() },
        ),
        ("signal chain, as drawn", AugmentConfig::signal_chain()),
    ] {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut draws = (0..rounds).map(|_| config.draw(&mut rng)).collect::<Vec<_>>().into_iter();
        report(name, rounds, || {
            let mut samples = clip.clone();
            let params = draws.next().unwrap_or_default();
            let started = Instant::now();
            params.apply(&mut samples, RATE);
            (started.elapsed().as_secs_f64(), samples)
        });
    }
    for (name, loudness) in [("gain by rms", Loudness::Rms), ("gain by EBU R128", Loudness::Ebur128)] {
        let config = LogMelConfig::default().with_loudness(loudness);
        report(name, rounds, || {
            let started = Instant::now();
            let gain = config.gain(&clip);
            (started.elapsed().as_secs_f64(), vec![gain])
        });
    }
}

fn report(name: &str, rounds: usize, mut round: impl FnMut() -> (f64, Vec<f32>)) {
    let mut times: Vec<f64> = (0..rounds)
        .map(|_| {
            let (seconds, samples) = round();
            black_box(samples);
            1000.0 * seconds
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("{name}: {:.2}, {:.2}", times[rounds / 2], times[rounds - 1]);
}

/// Noise that swells and fades, so that a compressor has something to do.
fn clip() -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let swell = |i: u32| 0.3 + 0.25 * (i as f32 / 4000.0).sin();
    (0..10 * RATE).map(|i| swell(i) * (rng.random::<f32>() - 0.5)).collect()
}
