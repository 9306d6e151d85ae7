//! The long resampling kernel against soxr, and its own promises.
#![allow(clippy::unwrap_used)]

use std::f64::consts::TAU;

use muscall_audio::{Resampler, Resampling};
use safetensors::SafeTensors;

/// As `make_soxr_golden.py` makes it.
fn noise(samples: usize) -> Vec<f32> {
    let mut state = 1_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 16_777_216.0 - 0.5
    };
    (0..samples).map(next).collect()
}

fn sine(frequency: f64, rate: u32) -> Vec<f32> {
    (0..rate).map(|i| (TAU * frequency * f64::from(i) / f64::from(rate)).sin() as f32).collect()
}

fn rms(x: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = x.len() as f64;
    (x.map(|x| x * x).sum::<f64>() / n).sqrt()
}

fn resampler(from: u32, to: u32) -> Resampler {
    Resampler::with_kernel(from, to, Resampling::HighQuality).unwrap()
}

#[test]
fn agrees_with_soxr() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/audio/soxr.safetensors");
    let bytes = std::fs::read(path).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    for from in [22_050, 44_100, 96_000] {
        let data = tensors.tensor(&from.to_string()).unwrap().data();
        let expected: Vec<f32> = data.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let x = noise(from as usize / 20);
        // soxr rounds the length to the nearest.
        let differences = |resampling: Resampling| {
            let out = Resampler::with_kernel(from, 48_000, resampling).unwrap().resample(&x);
            assert!(out.len().abs_diff(expected.len()) <= 1);
            let pairs = out.iter().zip(&expected).map(|(a, b)| f64::from(a - b));
            // soxr is off its own response in the first samples.
            pairs.collect::<Vec<f64>>()[4..expected.len() - 4].to_vec()
        };
        let found = differences(Resampling::HighQuality);
        let worst = found.iter().fold(0.0_f64, |worst, x| worst.max(x.abs()));
        // What is left are the slopes of the two between 0.913 and 1 of the lower Nyquist frequency.
        let off = rms(found.into_iter());
        assert!(off < 6e-4 && worst < 2e-3, "{from}: {off:e}, at worst {worst:e}");
        let short = rms(differences(Resampling::Torchaudio).into_iter());
        assert!(short > 50.0 * off, "{from}: {short:e} with the short kernel");
    }
}

#[test]
fn tones_that_both_rates_can_carry_keep_amplitude_and_phase() {
    for (from, to) in [(22_050, 48_000), (44_100, 48_000), (96_000, 48_000), (44_100, 16_000), (8000, 44_100)] {
        let resampler = resampler(from, to);
        let nyquist = f64::from(from.min(to)) / 2.0;
        for share in [0.01, 0.3, 0.6, 0.8, 0.9] {
            let out = resampler.resample(sine(share * nyquist, from));
            assert_eq!(out.len(), to as usize);
            let expected = sine(share * nyquist, to);
            let middle = out.len() / 10..out.len() * 9 / 10;
            let off = rms(middle.map(|n| f64::from(out[n] - expected[n])));
            assert!(off < 2e-6, "{from} to {to}, {share} of the Nyquist frequency: {off:e}");
        }
    }
}

#[test]
fn nothing_comes_from_above_the_nyquist_frequency_of_either_side() {
    for (from, to) in [(96_000, 48_000), (44_100, 16_000), (48_000, 44_100)] {
        let resampler = resampler(from, to);
        for share in [1.0, 1.05, 1.3, 1.8] {
            let frequency = share * f64::from(to) / 2.0;
            if frequency < f64::from(from) / 2.0 {
                let out = resampler.resample(sine(frequency, from));
                let left = rms(out[out.len() / 10..out.len() * 9 / 10].iter().map(|&x| f64::from(x)));
                assert!(left < 2e-6, "{from} to {to}, {frequency} Hz: {left:e}");
            }
        }
    }
}

#[test]
fn a_click_stays_where_it_is() {
    for (from, to, at) in [(44_100, 48_000, 441), (22_050, 48_000, 441), (96_000, 48_000, 2000), (44_100, 16_000, 882)]
    {
        let mut x = vec![0.0; 4000];
        x[at] = 1.0;
        let out = resampler(from, to).resample(&x);
        let place = at * to as usize / from as usize;
        let peak = (0..out.len()).max_by(|&a, &b| out[a].total_cmp(&out[b])).unwrap();
        assert_eq!(peak, place, "{from} to {to}");
        // Linear phase: the same to both sides.
        for n in 1..place.min(300) {
            let (left, right) = (out[place - n], out[place + n]);
            assert!((left - right).abs() < 1e-6, "{from} to {to}, {n}: {left} and {right}");
        }
    }
}

#[test]
fn rates_without_a_table_give_what_others_give() {
    // 96,001 filters of 400 taps would be 154 MB: each is computed when it is needed.
    let odd = Resampler::with_kernel(96_001, 48_000, Resampling::HighQuality).unwrap();
    let x = sine(1000.0, 96_001);
    let out = odd.resample(&x[..20_000]);
    assert_eq!(out.len(), odd.output_len(20_000));
    let expected = sine(1000.0, 48_000);
    assert!((500..9000).all(|n| (out[n] - expected[n]).abs() < 1e-5));
}
