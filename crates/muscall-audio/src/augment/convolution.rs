//! Convolution by Fourier transforms.

use std::cell::RefCell;
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

/// Shortest transform; shorter ones cost more in calls than in sums.
const SHORTEST_TRANSFORM: usize = 1024;

/// All of the convolution of a clip with a response, of which neither is empty: `x.len() + response.len() − 1` samples.
///
/// Overlap-add: the clip goes through the transform a block at a time, and the tails of the blocks are added up.
pub(super) fn convolve(x: &[f32], response: &[f32]) -> Vec<f32> {
    let length = x.len() + response.len() - 1;
    let size = best_size(x.len(), response.len());
    let block = size + 1 - response.len();
    let Transforms { forward, inverse } = Transforms::new(size);
    let mut input = forward.make_input_vec();
    let mut spectrum = forward.make_output_vec();
    let mut scratch = vec![Complex32::default(); forward.get_scratch_len().max(inverse.get_scratch_len())];
    let transform = |input: &mut [f32], spectrum: &mut [Complex32], scratch: &mut [Complex32]| {
        // Lengths come from the plan, so that this cannot fail.
        let done = forward.process_with_scratch(input, spectrum, scratch);
        debug_assert!(done.is_ok());
    };

    let scale = 1.0 / size as f32;
    for (value, tap) in input.iter_mut().zip(response) {
        *value = tap * scale;
    }
    let mut weights = spectrum.clone();
    transform(&mut input, &mut weights, &mut scratch);

    let mut out = vec![0.0; length];
    for (i, samples) in x.chunks(block).enumerate() {
        input[..samples.len()].copy_from_slice(samples);
        input[samples.len()..].fill(0.0);
        transform(&mut input, &mut spectrum, &mut scratch);
        for (value, weight) in spectrum.iter_mut().zip(&weights) {
            *value *= weight;
        }
        // Both ends of a real signal's spectrum are real; what is left there is rounding.
        spectrum[0].im = 0.0;
        spectrum[size / 2].im = 0.0;
        let done = inverse.process_with_scratch(&mut spectrum, &mut input, &mut scratch);
        debug_assert!(done.is_ok());
        for (sum, value) in out[i * block..].iter_mut().zip(&input) {
            *sum += value;
        }
    }
    out
}

/// The power of two with the fewest operations, as far as they are told by `n · log2(n)` per block.
fn best_size(clip: usize, response: usize) -> usize {
    let longest = (clip + response - 1).next_power_of_two().max(SHORTEST_TRANSFORM);
    let mut best = (u64::MAX, longest);
    let mut size = (response + 1).next_power_of_two().max(SHORTEST_TRANSFORM);
    while size <= longest {
        let blocks = clip.div_ceil(size + 1 - response) as u64;
        let cost = blocks.saturating_mul(size as u64).saturating_mul(u64::from(size.ilog2()));
        best = best.min((cost, size));
        size *= 2;
    }
    best.1
}

/// Both directions of one length.
struct Transforms {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
}

impl Transforms {
    /// Planned once per thread and length.
    fn new(size: usize) -> Self {
        thread_local! {
            static PLANNER: RefCell<RealFftPlanner<f32>> = RefCell::new(RealFftPlanner::new());
        }
        PLANNER.with_borrow_mut(|planner| Self {
            forward: planner.plan_fft_forward(size),
            inverse: planner.plan_fft_inverse(size),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_sum() {
        let signal = |length: usize, step: f32| -> Vec<f32> {
            (0..length).map(|i| ((i * i % 1009) as f32 * step).sin()).collect()
        };
        for (clip, response) in [(1, 1), (1, 50), (50, 1), (700, 600), (5000, 33), (9000, 1100), (40, 3000)] {
            let (x, h) = (signal(clip, 0.01), signal(response, 0.37));
            let fast = convolve(&x, &h);
            assert_eq!(fast.len(), clip + response - 1);
            let norm = h.iter().map(|h| f64::from(*h).powi(2)).sum::<f64>().sqrt().max(1.0);
            for at in [0, clip / 3, clip / 2, response / 2, fast.len() - 1] {
                let terms = (0..response).filter(|&j| j <= at && at - j < clip);
                let sum: f64 = terms.map(|j| f64::from(h[j]) * f64::from(x[at - j])).sum();
                assert!((f64::from(fast[at]) - sum).abs() < 3e-6 * norm, "{clip}, {response}, {at}");
            }
        }
    }

    #[test]
    fn a_block_is_longer_than_nothing() {
        for response in [1, 1023, 1024, 1025, 70_000] {
            for clip in [1, 1024, 160_000] {
                assert!(best_size(clip, response) >= response, "{clip}, {response}");
            }
        }
    }
}
