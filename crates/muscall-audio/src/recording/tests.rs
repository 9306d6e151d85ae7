//! Signals of which it is known whether they are one recording.
#![allow(clippy::unwrap_used)]

use std::f32::consts::TAU;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

const FULL: u32 = 16_000;

/// The steps of a tune, each with its length in quarters of a second.
fn tune(seed: u64) -> Vec<(f32, usize)> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let steps = [0.0, 2.0, 4.0, 5.0, 7.0, 9.0, 11.0, 12.0];
    (0..30).map(|_| (steps[rng.random_range(0..steps.len())], rng.random_range(1..4))).collect()
}

/// A tune by an instrument, which is what its overtones are and how fast it fades.
fn play(tune: &[(f32, usize)], overtones: &[f32], fading: f32) -> Vec<f32> {
    let mut sound = vec![0.0; tune.iter().map(|&(_, quarters)| quarters * FULL as usize / 4).sum()];
    let mut start = 0;
    for &(step, quarters) in tune {
        let pitch_hz = 220.0 * (step / 12.0).exp2();
        for (i, sample) in sound[start..].iter_mut().enumerate().take(2 * quarters * FULL as usize / 4) {
            let time = i as f32 / FULL as f32;
            let tone: f32 = (1..)
                .zip(overtones)
                .map(|(n, loud): (u8, _)| loud * (TAU * f32::from(n) * pitch_hz * time).sin())
                .sum();
            *sample += 0.2 * tone * (-fading * time).exp();
        }
        start += quarters * FULL as usize / 4;
    }
    sound
}

const PIANO: [f32; 6] = [1.0, 0.4, 0.2, 0.12, 0.09, 0.07];
const REED: [f32; 6] = [0.5, 0.05, 0.6, 0.1, 0.5, 0.1];

fn piano(seed: u64) -> Vec<f32> {
    play(&tune(seed), &PIANO, 3.0)
}

fn heard(samples: Vec<f32>, rate: u32) -> Recording {
    Recording::of_waveform(&Waveform::new(samples, rate)).unwrap()
}

/// As a codec does it: noise in the bands where the sound is, another one every few milliseconds, 8 dB below the sound.
fn coded(samples: &[f32]) -> Vec<f32> {
    const TAPS: usize = 16;
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mut filter = [0.0_f32; TAPS];
    let noisy = |i: usize| {
        if i.is_multiple_of(256) {
            filter.fill_with(|| rng.random_range(-0.17..0.17));
        }
        let before = (0..TAPS.min(i)).map(|tap| samples[i - tap - 1]);
        samples[i] + before.zip(filter).map(|(x, weight)| x * weight).sum::<f32>()
    };
    (0..samples.len()).map(noisy).collect()
}

#[test]
fn a_copy_is_the_recording() {
    let own = piano(1);
    let original = heard(own.clone(), FULL);
    let resampler = crate::Resampler::new(FULL, 11_025).unwrap();
    let quieter = |x: &[f32]| x.iter().map(|x| -0.25 * x).collect::<Vec<_>>();
    let half = FULL as usize / 2;
    let copies = [
        ("coded", coded(&own), FULL, 0.0),
        ("quieter, with the other polarity", quieter(&own), FULL, 0.0),
        ("cut", own[half..].to_vec(), FULL, 0.5),
        ("cut and coded", coded(&own[half..]), FULL, 0.5),
        ("silence in front", [vec![0.0; 2 * half], own.clone()].concat(), FULL, -1.0),
        ("resampled", resampler.resample(&own), 11_025, 0.0),
        ("cut at the end", own[..own.len() - 3 * half].to_vec(), FULL, 0.0),
    ];
    for (name, samples, rate, offset_s) in copies {
        let copy = heard(samples, rate);
        let [there, back] = [original.likeness(&copy), copy.likeness(&original)].map(Option::unwrap);
        assert!(there.is_one_recording() && back.is_one_recording(), "{name}: {there:?} {back:?}");
        assert!((there.offset_s - offset_s).abs() < 1e-3, "{name}: {there:?}");
        assert!((back.offset_s + offset_s).abs() < 1e-3, "{name}: {back:?}");
    }
}

#[test]
fn other_music_is_not() {
    let original = heard(piano(1), FULL);
    // The same tune with a second voice in its second half.
    let (mut accompanied, voice) = (piano(1), play(&tune(2), &REED, 1.0));
    let half = accompanied.len() / 2;
    accompanied[half..].iter_mut().zip(voice).for_each(|(x, voice)| *x += 0.5 * voice);
    let mut higher = tune(1);
    higher.iter_mut().for_each(|(step, _)| *step += 1.0);
    let others = [
        ("another tune", piano(2)),
        ("the same tune by another instrument", play(&tune(1), &REED, 1.0)),
        ("accompanied", accompanied),
        ("a semitone higher", play(&higher, &PIANO, 3.0)),
    ];
    for (name, samples) in others {
        let likeness = original.likeness(&heard(samples, FULL)).unwrap();
        assert!(!likeness.is_one_recording(), "{name}: {likeness:?}");
    }
}

#[test]
fn twenty_pieces_by_one_instrument_are_twenty_recordings() {
    let pieces: Vec<Recording> = (0..20).map(|seed| heard(piano(seed), FULL)).collect();
    for (i, a) in pieces.iter().enumerate() {
        for b in &pieces[..i] {
            assert!(a.likeness(b).unwrap().share < 0.5);
        }
    }
}

#[test]
fn a_long_recording_is_aligned_by_its_loudest_minute() {
    // A minute and a half of near silence, in which there is nothing to align by, and then the music.
    let own = [vec![1e-4; 90 * FULL as usize], piano(4), piano(5), piano(6), piano(7)].concat();
    let likeness = heard(own.clone(), FULL).likeness(&heard(own[FULL as usize..].to_vec(), FULL)).unwrap();
    assert!(likeness.is_one_recording() && (likeness.offset_s - 1.0).abs() < 1e-3, "{likeness:?}");
}

#[test]
fn too_little_sound_tells_nothing() {
    let piano = heard(piano(1), FULL);
    for samples in [vec![], vec![0.0; 9 * FULL as usize], vec![0.5; 100], vec![f32::NAN; 20_000]] {
        let odd = heard(samples, FULL);
        assert_eq!([piano.likeness(&odd), odd.likeness(&piano), odd.likeness(&odd)], [None; 3]);
    }
}

#[test]
fn a_file_is_heard_as_its_samples_are() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.wav");
    let spec =
        hound::WavSpec { channels: 1, sample_rate: FULL, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut file = hound::WavWriter::create(&path, spec).unwrap();
    piano(1).iter().for_each(|x| file.write_sample((x * 20_000.0) as i16).unwrap());
    file.finalize().unwrap();
    let file = Recording::read(&path).unwrap();
    assert_eq!(file.bytes(), heard(piano(1), FULL).bytes());
    assert!(file.likeness(&heard(piano(1), FULL)).unwrap().share > 0.99);
    assert!(Recording::read(&dir.path().join("none.wav")).is_err());
}
