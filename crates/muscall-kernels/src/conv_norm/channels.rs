//! Loops over channels that are long where there are few of them.

/// What a loop over channels goes over at least: where a pixel has fewer values, some pixels together.
const STRETCH: usize = 64;

/// One value per channel, again and again for some pixels.
pub(super) fn stretched(channels: &[f32]) -> Vec<f32> {
    channels.repeat(STRETCH.div_ceil(channels.len().max(1)))
}

/// One sum per channel, over some pixels.
pub(super) fn folded(sums: &[f32], channels: usize) -> Vec<f32> {
    let (first, others) = sums.split_at(channels);
    let mut folded = first.to_vec();
    for other in others.chunks_exact(channels) {
        folded.iter_mut().zip(other).for_each(|(sum, x)| *sum += x);
    }
    folded
}

/// Sums of parts in double precision, in their order.
pub(super) fn total(parts: &[Vec<f32>], len: usize) -> Vec<f64> {
    let mut total = vec![0.0; len];
    for part in parts {
        total.iter_mut().zip(part).for_each(|(total, &x)| *total += f64::from(x));
    }
    total
}
