//! Triangles on the HTK mel scale, with torchaudio's roundings.

use super::mel::BankShape;

/// The weights of each band over all bins, band by band.
///
/// # Source
/// `torchaudio.functional.melscale_fbanks`, whose roundings are followed step by step: the end points are converted in
/// float64, the rest is float32.
pub(super) fn triangles(shape: BankShape) -> impl Iterator<Item = Vec<f32>> {
    let BankShape { sample_rate, bins, n_mels, f_min, f_max, area_norm } = shape;
    let frequencies = linspace(0.0, (sample_rate / 2) as f32, bins);
    let corners: Vec<f32> =
        linspace(hz_to_mel(f_min), hz_to_mel(f_max), n_mels + 2).into_iter().map(mel_to_hz).collect();
    (0..n_mels).map(move |band| {
        let corner = &corners[band..band + 3];
        let mut triangle: Vec<f32> = frequencies
            .iter()
            .map(|&f| {
                let rising = -(corner[0] - f) / (corner[1] - corner[0]);
                let falling = (corner[2] - f) / (corner[2] - corner[1]);
                rising.min(falling).max(0.0)
            })
            .collect();
        if area_norm {
            let height = 2.0 / (corner[2] - corner[0]);
            triangle.iter_mut().for_each(|weight| *weight *= height);
        }
        triangle
    })
}

fn hz_to_mel(hz: f32) -> f32 {
    (2595.0 * (1.0 + f64::from(hz) / 700.0).log10()) as f32
}

fn mel_to_hz(mel: f32) -> f32 {
    700.0 * (10f64.powf(f64::from(mel / 2595.0)) as f32 - 1.0)
}

/// `n` ≥ 2 evenly spaced values as PyTorch computes them: with fused multiply-adds, the second half from the end backwards.
fn linspace(start: f32, end: f32, n: usize) -> Vec<f32> {
    let step = (end - start) / (n - 1) as f32;
    (0..n)
        .map(|i| if i < n / 2 { step.mul_add(i as f32, start) } else { (-step).mul_add((n - 1 - i) as f32, end) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same bank in float64, from the other form of the scale: 1127·ln(1 + f/700).
    fn independent(shape: BankShape) -> Vec<Vec<f64>> {
        let BankShape { sample_rate, bins, n_mels, f_min, f_max, area_norm } = shape;
        let factor = 2595.0 / 10f64.ln();
        let mel = |hz: f64| factor * (hz / 700.0).ln_1p();
        let hz = |mel: f64| 700.0 * (mel / factor).exp_m1();
        let (low, high) = (mel(f64::from(f_min)), mel(f64::from(f_max)));
        let corner = |i: usize| hz(low + (high - low) * i as f64 / (n_mels as f64 + 1.0));
        let band = |band: usize| {
            let (left, centre, right) = (corner(band), corner(band + 1), corner(band + 2));
            let height = if area_norm { 2.0 / (right - left) } else { 1.0 };
            let weight = |bin: usize| {
                let f = bin as f64 * f64::from(sample_rate) / 2.0 / (bins - 1) as f64;
                match f {
                    f if f <= left || f >= right => 0.0,
                    f if f < centre => height * (f - left) / (centre - left),
                    f => height * (right - f) / (right - centre),
                }
            };
            (0..bins).map(weight).collect()
        };
        (0..n_mels).map(band).collect()
    }

    #[test]
    fn equals_an_independent_formula() {
        let paper =
            BankShape { sample_rate: 16_000, bins: 513, n_mels: 128, f_min: 0.0, f_max: 8000.0, area_norm: false };
        let wide = BankShape { sample_rate: 48_000, n_mels: 64, f_min: 50.0, f_max: 14_000.0, ..paper };
        for shape in [paper, wide] {
            for area_norm in [false, true] {
                let shape = BankShape { area_norm, ..shape };
                for (band, (found, expected)) in triangles(shape).zip(independent(shape)).enumerate() {
                    let scale = expected.iter().copied().fold(0.0, f64::max).max(1e-3);
                    for (bin, (found, expected)) in found.iter().zip(&expected).enumerate() {
                        let off = (f64::from(*found) - expected).abs() / scale;
                        assert!(off < 1e-4, "{shape:?}, band {band}, bin {bin}: {found} for {expected}");
                    }
                }
            }
        }
    }
}
