//! Change of sample rate with the kernel PyTorch uses by default, as a polyphase filter.
//!
//! Another low-pass kernel moves the top mel bands by 5–26 dB, so a model trained on features made with this one
//! needs this one.

use crate::AudioError;

/// Zero crossings of the sinc on each side of its peak.
const LOWPASS_WIDTH: f64 = 6.0;
/// Cut-off as a part of the lower rate's Nyquist frequency.
const ROLLOFF: f64 = 0.99;
/// Highest rate taken. With it the filter table stays below 40 MB for any pair of rates.
const MAX_RATE: u32 = 768_000;
/// Taps are padded to a multiple of this many, which are summed side by side.
const LANES: usize = 8;
/// Fewest filters in the table; ratios of small numbers, such as 3 to 1, repeat theirs to keep the inner loop long.
const FEWEST_FILTERS: usize = 32;

/// A resampler for one pair of rates; build it once, use it for any number of signals and threads.
///
/// # Source
/// A sinc of six zero crossings under a squared-cosine window, cut off at 0.99 of the lower Nyquist frequency:
/// the defaults of `torchaudio.functional.resample`, with its rounding of the phase to float32.
#[derive(Debug, Clone)]
pub struct Resampler {
    /// Input and output rate over their greatest common divisor: that many input frames carry that many output frames.
    from: usize,
    to: usize,
    /// Input frames that one output frame reaches to each side.
    margin: usize,
    /// Input frames that one pass through the table of filters advances: a multiple of `from`.
    advance: usize,
    /// Taps of each filter, a multiple of `LANES`, zero-padded on the right.
    taps: usize,
    /// First input frame under each filter, relative to where the pass begins. As many as a pass makes output frames.
    starts: Vec<isize>,
    /// `[starts.len(), taps]`.
    kernel: Vec<f32>,
}

impl Resampler {
    /// Builds the filter from `from_hz` to `to_hz`. Equal rates give a resampler that copies.
    ///
    /// # Errors
    /// [`AudioError::UnsupportedSampleRate`] when a rate is 0 or above 768 kHz.
    pub fn new(from_hz: u32, to_hz: u32) -> Result<Self, AudioError> {
        for sample_rate in [from_hz, to_hz] {
            if !(1..=MAX_RATE).contains(&sample_rate) {
                return Err(AudioError::UnsupportedSampleRate { sample_rate, max: MAX_RATE });
            }
        }
        let divisor = gcd(from_hz, to_hz);
        Ok(Self::from_ratio((from_hz / divisor) as usize, (to_hz / divisor) as usize))
    }

    /// `from` input frames become `to` output frames; the two have no common divisor.
    fn from_ratio(from: usize, to: usize) -> Self {
        if from == to {
            return Self { from, to, margin: 0, advance: 0, taps: 0, starts: Vec::new(), kernel: Vec::new() };
        }
        let cutoff = from.min(to) as f64 * ROLLOFF;
        let margin = (LOWPASS_WIDTH * from as f64 / cutoff).ceil() as usize;
        let phases: Vec<_> = (0..to).map(|phase| phase_filter(phase, from, to, cutoff, margin)).collect();
        let longest = phases.iter().map(|(_, taps)| taps.len()).max();
        let taps = longest.unwrap_or(0).next_multiple_of(LANES);
        let repeats = FEWEST_FILTERS.div_ceil(to);
        let mut starts = Vec::with_capacity(repeats * to);
        let mut kernel = Vec::with_capacity(repeats * to * taps);
        for repeat in 0..repeats {
            for (start, values) in &phases {
                starts.push(start + (repeat * from) as isize);
                kernel.extend_from_slice(values);
                kernel.resize(starts.len() * taps, 0.0);
            }
        }
        Self { from, to, margin, advance: repeats * from, taps, starts, kernel }
    }

    /// Resamples a whole signal; outside of it there is silence.
    ///
    /// # Shapes
    /// - x: `[n]`; returns `[ceil(n · to / from)]`.
    pub fn resample(&self, x: &[f32]) -> Vec<f32> {
        if self.from == self.to {
            return x.to_vec();
        }
        let mut out = vec![0.0; self.output_len(x.len())];
        // Where a filter reaches over an end of the signal, its samples are gathered here.
        let mut edge = vec![0.0; self.taps];
        for (pass, out) in out.chunks_mut(self.starts.len()).enumerate() {
            let begin = (pass * self.advance) as isize;
            let filters = self.starts.iter().zip(self.kernel.chunks_exact(self.taps));
            for (sample, (offset, taps)) in out.iter_mut().zip(filters) {
                let start = begin + offset;
                // A negative start wraps to one far behind the end.
                let inside = x.get(start as usize..).and_then(|x| x.get(..self.taps));
                *sample = match inside {
                    Some(samples) => dot(samples, taps),
                    None => {
                        gather(x, start, &mut edge);
                        dot(&edge, taps)
                    }
                };
            }
        }
        out
    }

    /// Length of the output for `samples` input frames: exactly `ceil(samples · to / from)`.
    pub fn output_len(&self, samples: usize) -> usize {
        // 128 bits: a declared length near 2^63 must not wrap.
        (samples as u128 * self.to as u128).div_ceil(self.from as u128) as usize
    }

    /// Input and output rate over their greatest common divisor. The first number is the phase grid: a span that
    /// starts at a multiple of it has its output at a multiple of the second.
    pub fn reduced(&self) -> (usize, usize) {
        (self.from, self.to)
    }

    /// Input frames needed on each side of a span so that its output equals that of the whole signal.
    pub fn margin(&self) -> usize {
        self.margin
    }
}

/// First input frame (relative to the block) and taps of one output phase.
fn phase_filter(phase: usize, from: usize, to: usize, cutoff: f64, margin: usize) -> (isize, Vec<f32>) {
    // PyTorch forms the phase in float32 and goes on in float64.
    let phase = f64::from(phase as f32 / to as f32);
    let position = |frame: isize| (frame as f64 / from as f64 - phase) * cutoff;
    // Frames at the window's zeros weigh 1e-33 in PyTorch's dense kernel; they are left out. The range is one too wide
    // on each side, the comparison decides.
    let centre = (phase * from as f64) as isize;
    let reach = margin as isize + 1;
    let mut frames =
        (centre - reach..=centre + reach).filter(|&frame| position(frame).abs() < LOWPASS_WIDTH).peekable();
    let first = frames.peek().copied().unwrap_or(0);
    let taps = frames.map(|frame| {
        let t = position(frame) * std::f64::consts::PI;
        let window = (t / LOWPASS_WIDTH / 2.0).cos().powi(2);
        let sinc = if t == 0.0 { 1.0 } else { t.sin() / t };
        (sinc * (window * cutoff / from as f64)) as f32
    });
    (first, taps.collect())
}

/// Fills `out` with the samples from `start` on, zeros where there are none.
fn gather(x: &[f32], start: isize, out: &mut [f32]) {
    for (i, sample) in out.iter_mut().enumerate() {
        *sample = usize::try_from(start + i as isize).ok().and_then(|at| x.get(at).copied()).unwrap_or(0.0);
    }
}

/// Both slices have the same length, a multiple of `LANES`. One running sum a lane is what lets the compiler use
/// vectors; the order of additions is the same for every output, wherever its samples lie.
#[inline]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
