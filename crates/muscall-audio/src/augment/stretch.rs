//! Another duration at the same pitch: a phase vocoder.

use std::sync::Arc;

use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftDirection};

use super::fourier;
use muscall_kernels::Level;

/// Powers below this have no direction that float32 could tell.
const SMALLEST_POWER: f32 = 1e-36;

/// Changes the duration by `1 / rate`, rate between 1/4 and 4. `x` is longer than half a window of `n_fft` ≥ 2 samples;
/// `hop` is between 1 and `n_fft`.
///
/// # Source
/// The phase vocoder of torchaudio between `torch.stft` and `torch.istft` with their default window, the rectangle. It
/// adds up differences of angles; here the unit phasors are multiplied, which needs no trigonometry.
pub(super) fn stretch(x: &[f32], rate: f64, n_fft: usize, hop: usize) -> Vec<f32> {
    Level::best().vectorise(
        #[inline(always)]
        || vocode(x, rate, n_fft, hop),
    )
}

#[inline(always)]
fn vocode(x: &[f32], rate: f64, n_fft: usize, hop: usize) -> Vec<f32> {
    let mut analysis = Analysis::new(x, n_fft, hop);
    let steps = (analysis.frames as f64 / rate).ceil() as usize;
    let mut synthesis = Synthesis::new(n_fft, hop, steps);
    let mut phase = Vectors::new(n_fft / 2 + 1);
    for step in 0..steps {
        // PyTorch rounds the time to float32.
        let time = (step as f64 * rate) as f32;
        let (first, part) = (time as usize, time.fract());
        analysis.advance_to(first + 1);
        let (before, after) = (analysis.frame(first), analysis.frame(first + 1));
        if step == 0 {
            phase.clone_from(&before.direction);
        }
        let out = synthesis.spectrum(step);
        scale_between(&phase, &before.magnitude, &after.magnitude, part, out);
        synthesis.write(step);
        turn(&mut phase, &before.direction, &after.direction);
    }
    synthesis.finish()
}

/// `out = phase · (part · after + (1 − part) · before)`.
#[inline(always)]
fn scale_between(phase: &Vectors, before: &[f32], after: &[f32], part: f32, out: &mut Vectors) {
    let phase = phase.re.iter().zip(&phase.im);
    let magnitudes = before.iter().zip(after);
    let out = out.re.iter_mut().zip(&mut out.im);
    for (((re, im), (phase_re, phase_im)), (before, after)) in out.zip(phase).zip(magnitudes) {
        let magnitude = part * after + (1.0 - part) * before;
        *re = magnitude * phase_re;
        *im = magnitude * phase_im;
    }
}

/// Turns `phase` by the angle from `before` to `after`, all of length 1.
#[inline(always)]
fn turn(phase: &mut Vectors, before: &Vectors, after: &Vectors) {
    let phase = phase.re.iter_mut().zip(&mut phase.im);
    let before = before.re.iter().zip(&before.im);
    let after = after.re.iter().zip(&after.im);
    for (((re, im), (b_re, b_im)), (a_re, a_im)) in phase.zip(before).zip(after) {
        let (by_re, by_im) = (a_re * b_re + a_im * b_im, a_im * b_re - a_re * b_im);
        let (new_re, new_im) = (*re * by_re - *im * by_im, *re * by_im + *im * by_re);
        // One step of Newton's method towards 1/sqrt keeps the length at 1.
        let correction = 1.5 - 0.5 * (new_re * new_re + new_im * new_im);
        *re = new_re * correction;
        *im = new_im * correction;
    }
}

/// Complex numbers, real and imaginary parts apart, as loops over them like it.
#[derive(Clone)]
struct Vectors {
    re: Vec<f32>,
    im: Vec<f32>,
}

impl Vectors {
    fn new(length: usize) -> Self {
        Self { re: vec![0.0; length], im: vec![0.0; length] }
    }
}

/// A spectrum, magnitude and direction apart.
struct Polar {
    magnitude: Vec<f32>,
    direction: Vectors,
}

impl Polar {
    /// Takes the spectrum out of `direction`, which it leaves at length 1; nothing points along the real axis, as in
    /// PyTorch.
    #[inline(always)]
    fn split(&mut self, scale: f32) {
        let direction = self.direction.re.iter_mut().zip(&mut self.direction.im);
        for (magnitude, (re, im)) in self.magnitude.iter_mut().zip(direction) {
            let power = *re * *re + *im * *im;
            // Arithmetic in place of a branch, so that the loop vectorises.
            let tiny = f32::from(u8::from(power < SMALLEST_POWER));
            let root = (power + tiny).sqrt();
            let inverse = (1.0 - tiny) / root;
            *magnitude = power * inverse * scale;
            *re = *re * inverse + tiny;
            *im *= inverse;
        }
    }
}

/// The spectra of a signal's frames, one after the other. Two frames go through one complex transform, as its real and
/// imaginary part.
struct Analysis {
    /// The signal, mirrored at both ends.
    padded: Vec<f32>,
    zeros: Vec<f32>,
    n_fft: usize,
    hop: usize,
    frames: usize,
    fft: Arc<dyn Fft<f32>>,
    buffer: Vec<Complex32>,
    scratch: Vec<Complex32>,
    /// The last two pairs of frames; pair p is at p mod 2.
    pairs: [[Polar; 2]; 2],
    /// Frames transformed so far, even.
    done: usize,
}

impl Analysis {
    fn new(x: &[f32], n_fft: usize, hop: usize) -> Self {
        let half = n_fft / 2;
        let last = x.len() - 1;
        let mut padded = Vec::with_capacity(x.len() + n_fft);
        padded.extend((1..=half).rev().map(|i| x[i]));
        padded.extend_from_slice(x);
        padded.extend((1..=half).map(|i| x[last - i]));
        let frames = 1 + (padded.len() - n_fft) / hop;
        let fft = fourier(n_fft, FftDirection::Forward);
        Self {
            padded,
            zeros: vec![0.0; n_fft],
            n_fft,
            hop,
            frames,
            buffer: vec![Complex32::default(); n_fft],
            scratch: vec![Complex32::default(); fft.get_inplace_scratch_len()],
            fft,
            pairs: std::array::from_fn(|_| {
                std::array::from_fn(|_| Polar { magnitude: vec![0.0; half + 1], direction: Vectors::new(half + 1) })
            }),
            done: 0,
        }
    }

    /// Makes frame `index` and the one before it available. Frames after the last are silent.
    #[inline(always)]
    fn advance_to(&mut self, index: usize) {
        while self.done <= index {
            self.transform_pair();
            self.done += 2;
        }
    }

    fn frame(&self, index: usize) -> &Polar {
        &self.pairs[index / 2 % 2][index % 2]
    }

    #[inline(always)]
    fn transform_pair(&mut self) {
        // The samples of a frame; `None` after the last one and where all of them are zero.
        let frame = |index: usize| {
            let inside = index < self.frames;
            let samples = inside.then(|| &self.padded[index * self.hop..][..self.n_fft])?;
            samples.iter().any(|&s| s != 0.0).then_some(samples)
        };
        let (a, b) = (frame(self.done), frame(self.done + 1));
        let zeros = &self.zeros[..];
        let samples = a.unwrap_or(zeros).iter().zip(b.unwrap_or(zeros));
        for (z, (&a, &b)) in self.buffer.iter_mut().zip(samples) {
            *z = Complex32::new(a, b);
        }
        let silent = [a.is_none(), b.is_none()];
        self.fft.process_with_scratch(&mut self.buffer, &mut self.scratch);
        let [a, b] = &mut self.pairs[self.done / 2 % 2];
        // Twice the two spectra, by the symmetry of a real signal's spectrum.
        let mirrored = self.buffer[1..].iter().rev();
        let pairs = self.buffer.iter().zip(std::iter::once(&self.buffer[0]).chain(mirrored));
        let a_parts = a.direction.re.iter_mut().zip(&mut a.direction.im);
        let b_parts = b.direction.re.iter_mut().zip(&mut b.direction.im);
        for ((up, down), ((a_re, a_im), (b_re, b_im))) in pairs.zip(a_parts.zip(b_parts)) {
            *a_re = up.re + down.re;
            *a_im = up.im - down.im;
            *b_re = up.im + down.im;
            *b_im = down.re - up.re;
        }
        // 0.5 undoes the doubling, 1/n_fft belongs to the inverse transform.
        let scale = 0.5 / self.n_fft as f32;
        for (polar, silent) in [a, b].into_iter().zip(silent) {
            // Rounding leaves a trace of a frame in its partner, which would give a direction to silence.
            if silent {
                polar.direction.re.fill(0.0);
                polar.direction.im.fill(0.0);
            }
            polar.split(scale);
        }
    }
}

/// Adds up frames, two of them by one complex transform.
struct Synthesis {
    n_fft: usize,
    hop: usize,
    steps: usize,
    fft: Arc<dyn Fft<f32>>,
    buffer: Vec<Complex32>,
    scratch: Vec<Complex32>,
    /// Spectra of an even step and the odd one after it.
    pair: [Vectors; 2],
    sum: Vec<f32>,
}

impl Synthesis {
    fn new(n_fft: usize, hop: usize, steps: usize) -> Self {
        let fft = fourier(n_fft, FftDirection::Inverse);
        Self {
            n_fft,
            hop,
            steps,
            buffer: vec![Complex32::default(); n_fft],
            scratch: vec![Complex32::default(); fft.get_inplace_scratch_len()],
            fft,
            pair: std::array::from_fn(|_| Vectors::new(n_fft / 2 + 1)),
            sum: vec![0.0; n_fft + hop * steps.saturating_sub(1)],
        }
    }

    /// Where the spectrum of a step is put before `write`.
    fn spectrum(&mut self, step: usize) -> &mut Vectors {
        &mut self.pair[step % 2]
    }

    /// Adds a step to the signal; an even one waits for its partner, unless it is the last.
    #[inline(always)]
    fn write(&mut self, step: usize) {
        let odd = step % 2 == 1;
        if !odd && step + 1 < self.steps {
            return;
        }
        let [a, b] = &mut self.pair;
        if !odd {
            b.re.fill(0.0);
            b.im.fill(0.0);
        }
        // a + i·b, continued to the negative frequencies. At 0 Hz, and at the Nyquist frequency if there is one, only
        // the real parts count.
        let n_fft = self.n_fft;
        self.buffer[0] = Complex32::new(a.re[0], b.re[0]);
        let inner = 1..n_fft.div_ceil(2);
        let (up, down) = self.buffer.split_at_mut(n_fft / 2 + 1);
        let a_inner = a.re[inner.clone()].iter().zip(&a.im[inner.clone()]);
        let b_inner = b.re[inner.clone()].iter().zip(&b.im[inner.clone()]);
        let ends = up[inner].iter_mut().zip(down.iter_mut().rev());
        for ((up, down), ((a_re, a_im), (b_re, b_im))) in ends.zip(a_inner.zip(b_inner)) {
            *up = Complex32::new(a_re - b_im, a_im + b_re);
            *down = Complex32::new(a_re + b_im, b_re - a_im);
        }
        if n_fft.is_multiple_of(2) {
            let nyquist = n_fft / 2;
            self.buffer[nyquist] = Complex32::new(a.re[nyquist], b.re[nyquist]);
        }
        self.fft.process_with_scratch(&mut self.buffer, &mut self.scratch);

        let even_step = step - usize::from(odd);
        for (sum, z) in self.sum[even_step * self.hop..].iter_mut().zip(&self.buffer) {
            *sum += z.re;
        }
        if odd {
            for (sum, z) in self.sum[step * self.hop..].iter_mut().zip(&self.buffer) {
                *sum += z.im;
            }
        }
    }

    /// The signal without the mirrored ends, divided by the number of frames that lie over each sample.
    #[inline(always)]
    fn finish(mut self) -> Vec<f32> {
        let (mut over, mut begun, mut ended) = (0u32, 0, 0);
        for (i, sum) in self.sum.iter_mut().enumerate() {
            if begun < self.steps && i == begun * self.hop {
                begun += 1;
                over += 1;
            }
            if i == ended * self.hop + self.n_fft {
                ended += 1;
                over -= 1;
            }
            *sum /= over as f32;
        }
        let half = self.n_fft / 2;
        let end = self.sum.len() - half;
        self.sum.truncate(end);
        self.sum.split_off(half.min(end))
    }
}
