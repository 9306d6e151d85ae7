//! Change of sample rate as a polyphase filter.

mod kernel;
mod stream;

use std::borrow::Cow;

use kernel::Kernel;
pub use kernel::Resampling;
use muscall_kernels::Level;
pub(crate) use stream::Progress;
pub use stream::ResampleStream;

use crate::AudioError;

/// Highest rate taken.
const MAX_RATE: u32 = 768_000;
/// Fewest filters in the table; ratios of small numbers, such as 3 to 1, repeat theirs to keep the inner loop long.
const FEWEST_FILTERS: usize = 32;
/// Most taps in the table, 64 MB. Rates that have no common divisor to speak of, such as 96,001 and 48,000 Hz, would
/// have more under a long kernel: their filters are computed again for each output.
const MOST_TAPS: usize = 1 << 24;

/// A resampler for one pair of rates; build it once, use it for any number of signals and threads. The same samples
/// give the same bits on all machines.
#[derive(Debug, Clone)]
pub struct Resampler {
    /// Input and output rate over their greatest common divisor: that many input frames carry that many output frames.
    from: usize,
    to: usize,
    /// None where the rates are equal.
    kernel: Option<Kernel>,
    /// Input frames that one pass through the table of filters advances: a multiple of `from`.
    advance: usize,
    /// Taps of each filter, a multiple of the lanes, zero-padded on the right.
    taps: usize,
    /// First input frame under each filter, relative to where the pass begins. As many as a pass makes output frames;
    /// none if there is no table.
    starts: Vec<isize>,
    /// `[starts.len(), taps]`.
    table: Vec<f32>,
}

impl Resampler {
    /// Builds the filter from `from_hz` to `to_hz` with torchaudio's kernel. Equal rates give a resampler that copies.
    ///
    /// # Errors
    /// [`AudioError::UnsupportedSampleRate`] when a rate is 0 or above 768 kHz.
    pub fn new(from_hz: u32, to_hz: u32) -> Result<Self, AudioError> {
        Self::with_kernel(from_hz, to_hz, Resampling::Torchaudio)
    }

    /// As [`new`](Self::new), with another kernel.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_kernel(from_hz: u32, to_hz: u32, resampling: Resampling) -> Result<Self, AudioError> {
        for sample_rate in [from_hz, to_hz] {
            if !(1..=MAX_RATE).contains(&sample_rate) {
                return Err(AudioError::UnsupportedSampleRate { sample_rate, max: MAX_RATE });
            }
        }
        let divisor = gcd(from_hz, to_hz);
        Ok(Self::from_ratio((from_hz / divisor) as usize, (to_hz / divisor) as usize, resampling))
    }

    /// `from` input frames become `to` output frames; the two have no common divisor.
    fn from_ratio(from: usize, to: usize, resampling: Resampling) -> Self {
        let (starts, table) = (Vec::new(), Vec::new());
        if from == to {
            return Self { from, to, kernel: None, advance: 0, taps: 0, starts, table };
        }
        let kernel = Kernel::new(resampling, from, to);
        let mut resampler = Self { from, to, kernel: Some(kernel), advance: from, taps: 0, starts, table };
        if kernel.taps().saturating_mul(to) > MOST_TAPS {
            resampler.taps = kernel.taps();
        } else {
            resampler.tabulate(&kernel);
        }
        resampler
    }

    fn tabulate(&mut self, kernel: &Kernel) {
        let phases: Vec<_> = (0..self.to).map(|phase| kernel.filter(phase)).collect();
        let longest = phases.iter().map(|(_, taps)| taps.len()).max();
        self.taps = longest.unwrap_or(0).next_multiple_of(kernel.resampling.lanes());
        let repeats = FEWEST_FILTERS.div_ceil(self.to);
        self.starts.reserve(repeats * self.to);
        self.table.reserve(repeats * self.to * self.taps);
        for repeat in 0..repeats {
            for (start, values) in &phases {
                self.starts.push(start + (repeat * self.from) as isize);
                self.table.extend_from_slice(values);
                self.table.resize(self.starts.len() * self.taps, 0.0);
            }
        }
        self.advance = repeats * self.from;
    }

    /// Resamples a whole signal; outside of it there is silence.
    ///
    /// Samples that are given away are given back as they are where the rates are equal.
    ///
    /// # Shapes
    /// - x: `[n]`; returns `[ceil(n · to / from)]`.
    pub fn resample<'x>(&self, x: impl Into<Cow<'x, [f32]>>) -> Vec<f32> {
        let x = x.into();
        let Some(kernel) = &self.kernel else {
            return x.into_owned();
        };
        let mut out = vec![0.0; self.output_len(x.len())];
        self.passes(kernel, &x, 0, &mut out);
        out
    }

    /// Output frames of one pass through the filters.
    fn pass_len(&self) -> usize {
        if self.starts.is_empty() { self.to } else { self.starts.len() }
    }

    /// Passes of which the first begins at frame `begin` of `x`; what is not in `x` is silence.
    fn passes(&self, kernel: &Kernel, x: &[f32], begin: isize, out: &mut [f32]) {
        Level::best().vectorise(
            #[inline(always)]
            || match kernel.resampling {
                Resampling::Torchaudio => self.filter::<8>(kernel, x, begin, out),
                Resampling::HighQuality => self.filter::<32>(kernel, x, begin, out),
            },
        );
    }

    /// `LANES` are those of the kernel.
    #[inline(always)]
    fn filter<const LANES: usize>(&self, kernel: &Kernel, x: &[f32], first: isize, out: &mut [f32]) {
        // Where a filter reaches over an end of the signal, its samples are gathered here.
        let mut edge = vec![0.0; self.taps];
        if self.starts.is_empty() {
            for (block, out) in out.chunks_mut(self.to).enumerate() {
                let begin = first + (block * self.from) as isize;
                for (phase, sample) in out.iter_mut().enumerate() {
                    let (offset, mut taps) = kernel.filter(phase);
                    taps.resize(self.taps, 0.0);
                    *sample = dot::<LANES>(samples(x, begin + offset, &mut edge), &taps);
                }
            }
            return;
        }
        for (pass, out) in out.chunks_mut(self.starts.len()).enumerate() {
            let begin = first + (pass * self.advance) as isize;
            let filters = self.starts.iter().zip(self.table.chunks_exact(self.taps));
            for (sample, (offset, taps)) in out.iter_mut().zip(filters) {
                *sample = dot::<LANES>(samples(x, begin + offset, &mut edge), taps);
            }
        }
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
        self.kernel.map_or(0, |kernel| kernel.margin)
    }
}

/// As many samples from `start` on as `edge` has, zeros where there are none.
#[inline(always)]
fn samples<'a>(x: &'a [f32], start: isize, edge: &'a mut [f32]) -> &'a [f32] {
    // A negative start wraps to one far behind the end.
    let inside = x.get(start as usize..).and_then(|x| x.get(..edge.len()));
    inside.unwrap_or_else(|| {
        for (i, sample) in edge.iter_mut().enumerate() {
            *sample = usize::try_from(start + i as isize).ok().and_then(|at| x.get(at).copied()).unwrap_or(0.0);
        }
        edge
    })
}

/// Both slices have the same length, a multiple of `LANES`, which is a power of two. One running sum a lane is what lets
/// the compiler use vectors; the order of additions is the same for every output, wherever its samples lie.
#[inline(always)]
fn dot<const LANES: usize>(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    for (a, b) in a.as_chunks::<LANES>().0.iter().zip(b.as_chunks::<LANES>().0) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
    }
    sums[0]
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
