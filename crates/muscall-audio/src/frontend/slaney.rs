//! Triangles on Slaney's mel scale, in float64 as in librosa and in transformers.

use super::mel::BankShape;

/// Where the scale turns from linear to logarithmic.
const KNEE_HZ: f64 = 1000.0;
const KNEE_MEL: f64 = 15.0;
const HZ_PER_MEL: f64 = 200.0 / 3.0;

/// The weights of each band over all bins, band by band.
///
/// # Source
/// `librosa.filters.mel`.
pub(super) fn triangles(shape: BankShape) -> impl Iterator<Item = Vec<f32>> {
    let BankShape { sample_rate, bins, n_mels, f_min, f_max, area_norm } = shape;
    let hz_per_bin = f64::from(sample_rate) / (2 * (bins - 1)) as f64;
    let (low, high) = (hz_to_mel(f64::from(f_min)), hz_to_mel(f64::from(f_max)));
    let corner = move |i: usize| mel_to_hz(low + (high - low) * i as f64 / (n_mels + 1) as f64);
    (0..n_mels).map(move |band| {
        let [left, centre, right] = [0, 1, 2].map(|i| corner(band + i));
        let height = if area_norm { 2.0 / (right - left) } else { 1.0 };
        let weight = |bin: usize| {
            let f = bin as f64 * hz_per_bin;
            let rising = (f - left) / (centre - left);
            let falling = (right - f) / (right - centre);
            (rising.min(falling).max(0.0) * height) as f32
        };
        (0..bins).map(weight).collect()
    })
}

fn hz_to_mel(hz: f64) -> f64 {
    if hz < KNEE_HZ { hz / HZ_PER_MEL } else { KNEE_MEL + (hz / KNEE_HZ).ln() * 27.0 / 6.4f64.ln() }
}

fn mel_to_hz(mel: f64) -> f64 {
    if mel < KNEE_MEL { mel * HZ_PER_MEL } else { KNEE_HZ * ((mel - KNEE_MEL) * 6.4f64.ln() / 27.0).exp() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_that_of_the_auditory_toolbox() {
        // librosa.hz_to_mel of 60, 440, 1000, 6400 and 14000 Hz.
        for (hz, mel) in [(60.0, 0.9), (440.0, 6.6), (1000.0, 15.0), (6400.0, 42.0), (14_000.0, 53.385_296)] {
            assert!((hz_to_mel(hz) - mel).abs() < 1e-6, "{hz} Hz: {}", hz_to_mel(hz));
            assert!((mel_to_hz(mel) / hz - 1.0).abs() < 1e-6, "{mel}: {} Hz", mel_to_hz(mel));
        }
    }

    #[test]
    fn with_area_norm_each_band_has_the_area_of_one() {
        let shape =
            BankShape { sample_rate: 48_000, bins: 16_385, n_mels: 64, f_min: 50.0, f_max: 14_000.0, area_norm: true };
        let hz_per_bin = 24_000.0 / 16_384.0;
        let plain: Vec<Vec<f32>> = triangles(BankShape { area_norm: false, ..shape }).collect();
        for (band, weights) in triangles(shape).enumerate() {
            let area = weights.iter().map(|&w| f64::from(w)).sum::<f64>() * hz_per_bin;
            assert!((area - 1.0).abs() < 2e-3, "band {band}: {area}");
            let peak = plain[band].iter().copied().fold(0.0, f32::max);
            assert!(peak > 0.95 && peak <= 1.0, "band {band}: {peak}");
        }
    }
}
