//! The modified discrete cosine transform, in which MP3, AAC and Vorbis keep music.

use std::f64::consts::{FRAC_PI_2, PI};
use std::sync::Arc;

use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftDirection};

use crate::augment::fourier;

/// Frames of `2n` samples under a sine window, `n` samples apart, each with `n` coefficients. What comes back is what
/// went in, since the errors of neighbouring frames cancel.
pub(super) struct Mdct {
    n: usize,
    fft: Arc<dyn Fft<f32>>,
    /// `[n / 2]`, with the root of the scale that makes the transform its own inverse.
    twiddles: Vec<Complex32>,
    /// The rising half, `[n]`.
    window: Vec<f32>,
    folded: Vec<f32>,
    buffer: Vec<Complex32>,
    scratch: Vec<Complex32>,
}

impl Mdct {
    /// `n` is a multiple of 4.
    pub(super) fn new(n: usize) -> Self {
        let fft = fourier(n / 2, FftDirection::Forward);
        // One factor is multiplied in before and one behind the transform, the scale being √(2/n).
        let scale = (2.0 / n as f64).powf(0.25);
        let twiddle = |i: usize| {
            let (sin, cos) = (-PI * (8 * i + 1) as f64 / (8 * n) as f64).sin_cos();
            Complex32::new((scale * cos) as f32, (scale * sin) as f32)
        };
        Self {
            n,
            twiddles: (0..n / 2).map(twiddle).collect(),
            window: (0..n).map(|i| (FRAC_PI_2 * (i as f64 + 0.5) / n as f64).sin() as f32).collect(),
            folded: vec![0.0; n],
            buffer: vec![Complex32::default(); n / 2],
            scratch: vec![Complex32::default(); fft.get_inplace_scratch_len()],
            fft,
        }
    }

    /// Coefficients of a frame.
    ///
    /// # Shapes
    /// - frame: `[2n]`; coefficients: `[n]`.
    #[inline(always)]
    pub(super) fn forward(&mut self, frame: &[f32], coefficients: &mut [f32]) {
        let half = self.n / 2;
        let (rising, falling) = frame.split_at(self.n);
        let (w, last) = (&self.window, self.n - 1);
        // Quarters a, b, c, d fold to −c mirrored − d, a − b mirrored.
        for i in 0..half {
            let (c, d) = (falling[half - 1 - i] * w[half + i], falling[half + i] * w[half - 1 - i]);
            let (a, b) = (rising[i] * w[i], rising[last - i] * w[last - i]);
            self.folded[i] = -c - d;
            self.folded[half + i] = a - b;
        }
        self.cosine();
        coefficients.copy_from_slice(&self.folded);
    }

    /// Adds a frame to a signal.
    ///
    /// # Shapes
    /// - coefficients: `[n]`; sum: `[2n]`.
    #[inline(always)]
    pub(super) fn add_inverse(&mut self, coefficients: &[f32], sum: &mut [f32]) {
        let half = self.n / 2;
        self.folded.copy_from_slice(coefficients);
        self.cosine();
        let (rising, falling) = sum.split_at_mut(self.n);
        let (w, last) = (&self.window, self.n - 1);
        let (first, second) = self.folded.split_at(half);
        for i in 0..half {
            rising[i] += w[i] * second[i];
            rising[last - i] -= w[last - i] * second[i];
            falling[half - 1 - i] -= w[half + i] * first[i];
            falling[half + i] -= w[half - 1 - i] * first[i];
        }
    }

    /// Replaces `folded` by its cosine transform of type IV, which is its own inverse.
    #[inline(always)]
    fn cosine(&mut self) {
        let n = self.n;
        for (i, (value, twiddle)) in self.buffer.iter_mut().zip(&self.twiddles).enumerate() {
            *value = Complex32::new(self.folded[2 * i], self.folded[n - 1 - 2 * i]) * twiddle;
        }
        self.fft.process_with_scratch(&mut self.buffer, &mut self.scratch);
        for (i, (value, twiddle)) in self.buffer.iter().zip(&self.twiddles).enumerate() {
            let value = value * twiddle;
            self.folded[2 * i] = value.re;
            self.folded[n - 1 - 2 * i] = -value.im;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: usize = 32;

    fn signal(length: usize) -> Vec<f32> {
        (0..length).map(|i| ((i * i) as f32 * 0.013).sin()).collect()
    }

    #[test]
    fn coefficients_equal_the_definition() {
        let (mut mdct, frame, mut coefficients) = (Mdct::new(N), signal(2 * N), [0.0; N]);
        mdct.forward(&frame, &mut coefficients);
        for (k, value) in coefficients.iter().enumerate() {
            let term = |(i, x): (usize, &f32)| {
                let window = (PI * (i as f64 + 0.5) / (2 * N) as f64).sin();
                let turn = PI / N as f64 * (i as f64 + 0.5 + N as f64 / 2.0) * (k as f64 + 0.5);
                window * f64::from(*x) * turn.cos()
            };
            let sum: f64 = frame.iter().enumerate().map(term).sum::<f64>() * (2.0 / N as f64).sqrt();
            assert!((f64::from(*value) - sum).abs() < 1e-5, "{k}: {value}, {sum}");
        }
    }

    #[test]
    fn frames_add_up_to_the_signal() {
        let (mut mdct, x, mut coefficients) = (Mdct::new(N), signal(8 * N), [0.0; N]);
        let mut sum = vec![0.0; x.len()];
        for start in (0..=6 * N).step_by(N) {
            mdct.forward(&x[start..start + 2 * N], &mut coefficients);
            mdct.add_inverse(&coefficients, &mut sum[start..start + 2 * N]);
        }
        // The ends are in one frame alone.
        let worst = (N..7 * N).map(|i| (sum[i] - x[i]).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-6, "{worst:e}");
    }
}
