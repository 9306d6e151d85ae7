//! Power spectra of overlapping frames, a block of frames at a time.
//!
//! The transform is in float64: in float32 its rounding shows in bands far below the loudest one, and three steps of
//! training in which batch norm amplifies it already end elsewhere.

use std::borrow::Cow;
use std::sync::Arc;

use rustfft::num_complex::Complex64;
use rustfft::{Fft, FftPlanner};

/// Frames of a block. Their powers lie side by side, so that everything after the transform runs over vectors of frames.
pub(super) const BLOCK: usize = 8;

/// Powers of one frequency bin in the frames of a block.
pub(super) type Powers = [f32; BLOCK];

/// Short-time Fourier transform with a periodic Hann window, frames centred, ends mirrored.
#[derive(Clone)]
pub(super) struct Stft {
    window: Vec<f32>,
    hop: usize,
    /// 1 / sum(window²), or 1.
    scale: f64,
    fft: Arc<dyn Fft<f64>>,
}

/// Buffers of one signal's transform.
pub(super) struct Scratch {
    frames: Vec<Complex64>,
    fft: Vec<Complex64>,
    /// `[bins]`, each with the powers of the block's frames.
    pub(super) powers: Vec<Powers>,
}

impl Stft {
    /// `n_fft` is even and positive. With `window_norm` powers are divided by the window's energy.
    pub(super) fn new(n_fft: usize, hop: usize, window_norm: bool) -> Self {
        let window: Vec<f32> = (0..n_fft)
            .map(|i| {
                let turn = std::f64::consts::TAU * i as f64 / n_fft as f64;
                (0.5 - 0.5 * turn.cos()) as f32
            })
            .collect();
        let energy: f64 = window.iter().map(|&w| f64::from(w).powi(2)).sum();
        let scale = if window_norm { 1.0 / energy } else { 1.0 };
        Self { window, hop, scale, fft: FftPlanner::new().plan_fft_forward(n_fft) }
    }

    pub(super) fn window(&self) -> &[f32] {
        &self.window
    }

    pub(super) fn scratch(&self) -> Scratch {
        let n_fft = self.window.len();
        Scratch {
            frames: vec![Complex64::default(); n_fft],
            fft: vec![Complex64::default(); self.fft.get_inplace_scratch_len()],
            powers: vec![[0.0; BLOCK]; n_fft / 2 + 1],
        }
    }

    /// Powers of the `count` ≤ `BLOCK` frames from `first` on; `x` is longer than half a window.
    ///
    /// Two real frames go through one complex transform, one as its real and one as its imaginary part; the symmetry
    /// of a real signal's spectrum takes them apart again.
    pub(super) fn block_powers(&self, x: &[f32], first: usize, count: usize, scratch: &mut Scratch) {
        let n_fft = self.window.len();
        let bins = n_fft / 2 + 1;
        // The two frames are recovered as sums and differences: twice each spectrum, four times its power.
        let scale = 0.25 * self.scale;
        for pair in (0..count).step_by(2) {
            let a = self.frame(x, first + pair);
            // A last frame without a partner is its own; the surplus power is not read.
            let b = if pair + 1 < count { self.frame(x, first + pair + 1) } else { a.clone() };
            let samples = a.iter().zip(b.iter()).zip(&self.window);
            for (z, ((&a, &b), &w)) in scratch.frames.iter_mut().zip(samples) {
                *z = Complex64::new(f64::from(a) * f64::from(w), f64::from(b) * f64::from(w));
            }
            self.fft.process_with_scratch(&mut scratch.frames, &mut scratch.fft);

            let (spectrum, powers) = (&scratch.frames, &mut scratch.powers);
            let zero = spectrum[0];
            powers[0][pair] = (4.0 * zero.re * zero.re * scale) as f32;
            powers[0][pair + 1] = (4.0 * zero.im * zero.im * scale) as f32;
            let mirrored = spectrum[n_fft / 2..].iter().rev();
            let pairs = spectrum[1..bins].iter().zip(mirrored);
            for (power, (up, down)) in powers[1..].iter_mut().zip(pairs) {
                let a = Complex64::new(up.re + down.re, up.im - down.im);
                let b = Complex64::new(up.re - down.re, up.im + down.im);
                power[pair] = (a.norm_sqr() * scale) as f32;
                power[pair + 1] = (b.norm_sqr() * scale) as f32;
            }
        }
    }

    /// The samples under frame `index`, which is centred at sample `index · hop`. Copied only where it reaches over an end.
    fn frame<'a>(&self, x: &'a [f32], index: usize) -> Cow<'a, [f32]> {
        let n_fft = self.window.len();
        let half = n_fft / 2;
        let centre = index * self.hop;
        let inside = centre.checked_sub(half).and_then(|start| x.get(start..start + n_fft));
        match inside {
            Some(samples) => Cow::Borrowed(samples),
            None => {
                let last = x.len() - 1;
                (centre..centre + n_fft)
                    .map(|shifted| {
                        // Mirror at the first and at the last sample, neither of which is repeated.
                        let at = shifted.abs_diff(half);
                        x[if at > last { 2 * last - at } else { at }]
                    })
                    .collect()
            }
        }
    }
}
