//! A signal that comes piece by piece at another rate.

use super::Resampler;

/// Resamples a signal as it arrives, in memory that does not grow with it. What comes out is what
/// [`Resampler::resample`] gives for the whole signal, to the bit.
#[derive(Debug)]
pub struct ResampleStream<'a> {
    resampler: &'a Resampler,
    progress: Progress,
}

/// How far a signal is resampled, for who keeps the resampler elsewhere. All calls take the same one.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Input from frame `origin` on.
    x: Vec<f32>,
    origin: usize,
    /// Input frames so far.
    total: usize,
    /// Passes through the filters so far.
    pass: usize,
}

impl Resampler {
    /// Starts on a signal.
    pub fn stream(&self) -> ResampleStream<'_> {
        ResampleStream { resampler: self, progress: Progress::default() }
    }
}

impl ResampleStream<'_> {
    /// Takes the next frames, and adds what follows from all so far to `out`.
    pub fn push(&mut self, frames: &[f32], out: &mut Vec<f32>) {
        self.progress.push(self.resampler, frames, out);
    }

    /// Ends the signal; behind it there is silence.
    pub fn finish(self, out: &mut Vec<f32>) {
        self.progress.finish(self.resampler, out);
    }
}

impl Progress {
    pub(crate) fn push(&mut self, resampler: &Resampler, frames: &[f32], out: &mut Vec<f32>) {
        if resampler.kernel.is_none() {
            out.extend_from_slice(frames);
            return;
        }
        self.x.extend_from_slice(frames);
        self.total += frames.len();
        let reach = resampler.margin() + resampler.taps;
        let ready = (self.total.saturating_sub(reach) / resampler.advance).saturating_sub(self.pass);
        self.passes(resampler, ready * resampler.pass_len(), out);
        self.pass += ready;
        // A filter may begin before its pass.
        let keep = (self.pass * resampler.advance).saturating_sub(reach).max(self.origin);
        self.x.drain(..keep - self.origin);
        self.origin = keep;
    }

    pub(crate) fn finish(self, resampler: &Resampler, out: &mut Vec<f32>) {
        if resampler.kernel.is_some() {
            let left = resampler.output_len(self.total) - self.pass * resampler.pass_len();
            self.passes(resampler, left, out);
        }
    }

    fn passes(&self, resampler: &Resampler, count: usize, out: &mut Vec<f32>) {
        let Some(kernel) = &resampler.kernel else { return };
        let begin = (self.pass * resampler.advance) as isize - self.origin as isize;
        let before = out.len();
        out.resize(before + count, 0.0);
        resampler.passes(kernel, &self.x, begin, &mut out[before..]);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::Resampling;

    #[test]
    fn pieces_give_what_the_whole_signal_gives_to_the_bit() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let rates =
            [(44_100, 16_000), (48_000, 16_000), (16_000, 16_000), (8000, 48_000), (96_001, 48_000), (22_050, 16_000)];
        for resampling in [Resampling::Torchaudio, Resampling::HighQuality] {
            for (from, to) in rates {
                let resampler = Resampler::with_kernel(from, to, resampling).unwrap();
                // Filters without a table are computed anew for each output.
                let most = if from == 96_001 { 3000 } else { 50_000 };
                for length in [0, 1, 147, most] {
                    let x: Vec<f32> = (0..length).map(|_| rng.random::<f32>() - 0.5).collect();
                    let (mut stream, mut out, mut rest) = (resampler.stream(), Vec::new(), x.as_slice());
                    while !rest.is_empty() {
                        let (piece, left) = rest.split_at(rng.random_range(1..=rest.len().min(9000)));
                        stream.push(piece, &mut out);
                        rest = left;
                    }
                    stream.finish(&mut out);
                    let expected = resampler.resample(x.as_slice());
                    assert!(out.iter().map(|x| x.to_bits()).eq(expected.iter().map(|x| x.to_bits())), "{from} to {to}");
                }
            }
        }
    }
}
