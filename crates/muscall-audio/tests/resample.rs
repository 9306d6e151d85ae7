//! The resampler against torchaudio, and its own promises.
#![allow(clippy::unwrap_used)]

use muscall_audio::{AudioError, Resampler, Resampling};
use proptest::prelude::*;
use safetensors::SafeTensors;

fn golden(bytes: &[u8], name: &str) -> Vec<f32> {
    let tensors = SafeTensors::deserialize(bytes).unwrap();
    let view = tensors.tensor(name).unwrap();
    let values = view.data().chunks_exact(4);
    values.map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

#[test]
fn equals_torchaudio() {
    let bytes =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/audio/resample.safetensors")).unwrap();
    for (from, to) in [
        (44_100, 16_000),
        (48_000, 16_000),
        (22_050, 16_000),
        (8_000, 16_000),
        (11_025, 16_000),
        (32_000, 16_000),
        (96_000, 16_000),
        (16_000, 44_100),
    ] {
        let resampler = Resampler::new(from, to).unwrap();
        for name in ["input", "short"] {
            let out = resampler.resample(golden(&bytes, name));
            let expected = golden(&bytes, &format!("{from}.{to}.{name}"));
            assert_eq!(out.len(), expected.len(), "{from} to {to}, {name}");
            let worst = out.iter().zip(&expected).fold(0f32, |worst, (a, b)| worst.max((a - b).abs()));
            assert!(worst < 1e-6, "{from} to {to}, {name}: {worst:e}");
        }
    }
}

#[test]
fn keeps_a_tone_below_and_removes_one_above_the_new_nyquist_frequency() {
    let resampler = Resampler::new(44_100, 16_000).unwrap();
    let level = |frequency: f64| {
        let tone: Vec<f32> =
            (0..44_100).map(|i| (std::f64::consts::TAU * frequency * f64::from(i) / 44_100.0).sin() as f32).collect();
        let out = resampler.resample(&tone);
        let middle = &out[1000..15_000];
        (middle.iter().map(|s| s * s).sum::<f32>() / middle.len() as f32).sqrt()
    };
    assert!((level(1000.0) - 0.5f32.sqrt()).abs() < 1e-3);
    assert!(level(12_000.0) < 5e-3, "{}", level(12_000.0));
}

#[test]
fn equal_rates_copy() {
    let resampler = Resampler::new(16_000, 16_000).unwrap();
    assert_eq!(resampler.resample(&[0.1, -0.2]), [0.1, -0.2]);
    assert_eq!((resampler.reduced(), resampler.margin()), ((1, 1), 0));
}

#[test]
fn refuses_rates_that_no_file_has() {
    for (from, to) in [(0, 16_000), (16_000, 0), (4_000_000_000, 16_000)] {
        let error = Resampler::new(from, to).unwrap_err();
        assert!(matches!(error, AudioError::UnsupportedSampleRate { .. }), "{error}");
    }
}

#[test]
fn reports_the_grid_and_the_length() {
    let resampler = Resampler::new(44_100, 16_000).unwrap();
    assert_eq!(resampler.reduced(), (441, 160));
    assert_eq!(resampler.output_len(441_000), 160_000);
    assert_eq!(resampler.output_len(441_001), 160_001);
    assert_eq!(resampler.output_len(0), 0);
    assert!(resampler.resample(&[]).is_empty());
}

const RATES: [u32; 9] = [8_000, 11_025, 12_000, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The span of a file, decoded with the margin and on the grid, gives the same bits as the whole file.
    #[test]
    fn a_span_with_its_margin_equals_the_whole(
        from in prop::sample::select(&RATES[..]),
        to in prop::sample::select(&RATES[..]),
        first_block in 0usize..6,
        wanted in 1usize..2000,
        seed in any::<u32>(),
        resampling in prop::sample::select(&[Resampling::Torchaudio, Resampling::HighQuality][..]),
    ) {
        let x: Vec<f32> = (0..6000u32)
            .map(|i| (i.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 8) as f32 / 16_777_216.0 - 0.5)
            .collect();
        let resampler = Resampler::with_kernel(from, to, resampling).unwrap();
        let whole = resampler.resample(&x);
        let (grid_in, grid_out) = resampler.reduced();
        let start_out = first_block * grid_out;
        prop_assume!(start_out + wanted <= whole.len());

        let blocks_before = resampler.margin().div_ceil(grid_in).min(first_block);
        let start_in = (first_block - blocks_before) * grid_in;
        let last_in = (first_block * grid_in + (wanted - 1) * grid_in / grid_out + resampler.margin() + 1).min(x.len());
        let part = resampler.resample(&x[start_in..last_in]);
        let part = &part[blocks_before * grid_out..][..wanted];
        prop_assert_eq!(part, &whole[start_out..start_out + wanted]);
    }

    #[test]
    fn any_length_and_rates_give_the_promised_length(
        from in 1u32..200_000,
        to in 1u32..50_000,
        length in 0usize..300,
    ) {
        // Keeps the output short.
        prop_assume!(length as u64 * u64::from(to) / u64::from(from) < 100_000);
        let resampler = Resampler::new(from, to).unwrap();
        let out = resampler.resample(vec![0.5; length]);
        prop_assert_eq!(out.len(), (length as u64 * u64::from(to)).div_ceil(u64::from(from)) as usize);
        prop_assert!(out.iter().all(|s| s.is_finite() && s.abs() < 1.5));
    }
}
