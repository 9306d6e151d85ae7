//! By how much one recording begins later than another.

use std::ops::Range;

use realfft::RealFftPlanner;
use realfft::num_complex::Complex32;

use super::rate::RATE;

/// Recordings may be apart by this.
const FARTHEST: usize = 5 * RATE as usize;
/// As much is laid over the other recording to find the place.
const STRETCH: usize = 60 * RATE as usize;
/// In Hz: bass changes slowly, and the uppermost frequencies are a matter of resamplers.
const HEARD_HZ: Range<f32> = 100.0..3500.0;
/// How far the spectrum is made flat before the comparison, from 0 to 1, so that the bass alone does not decide.
const FLATNESS: f32 = 0.7;

/// The sample of `a` at which `b` begins, below zero if `b` begins before; where they agree best, in whichever polarity.
/// Nothing if one has no samples.
pub(super) fn offset(a: &[i16], b: &[i16]) -> Option<isize> {
    let part = loudest(a)?;
    let around = part.start.saturating_sub(FARTHEST)..(part.end + FARTHEST).min(b.len());
    if around.is_empty() {
        return None;
    }
    // The start of the part of `b`, seen from that of `a`, if both begin together.
    let shift = around.start as isize - part.start as isize;
    let lag = lag(&a[part], &b[around], shift)?;
    Some(lag - shift)
}

/// The stretch with the most energy, by seconds.
fn loudest(x: &[i16]) -> Option<Range<usize>> {
    const STEP: usize = RATE as usize;
    if x.len() <= STRETCH {
        return (!x.is_empty()).then_some(0..x.len());
    }
    let energy = |range: Range<usize>| x[range].iter().map(|&x| i64::from(x).pow(2)).sum::<i64>();
    let mut now = energy(0..STRETCH);
    let (mut best, mut start) = (now, 0);
    for next in (STEP..=x.len() - STRETCH).step_by(STEP) {
        now += energy(next - STEP + STRETCH..next + STRETCH) - energy(next - STEP..next);
        if now > best {
            (best, start) = (now, next);
        }
    }
    Some(start..start + STRETCH)
}

/// The sample of `a` at which `b` begins by the greatest cross-correlation, among those that are `FARTHEST` from `shift` at
/// most.
///
/// # Source
/// Generalised cross-correlation: Knapp and Carter 1976, with part of the weight that makes a spectrum flat.
fn lag(a: &[i16], b: &[i16], shift: isize) -> Option<isize> {
    let size = (a.len() + b.len()).next_power_of_two();
    let mut planner = RealFftPlanner::<f32>::new();
    let (forward, back) = (planner.plan_fft_forward(size), planner.plan_fft_inverse(size));
    let spectrum = |x: &[i16]| {
        let mut padded = forward.make_input_vec();
        padded.iter_mut().zip(x).for_each(|(padded, &x)| *padded = f32::from(x) / f32::from(i16::MAX));
        let mut spectrum = forward.make_output_vec();
        forward.process(&mut padded, &mut spectrum).ok()?;
        Some(spectrum)
    };
    let (mut product, other) = (spectrum(a)?, spectrum(b)?);
    let bin_hz = RATE as f32 / size as f32;
    for (bin, (x, y)) in product.iter_mut().zip(&other).enumerate() {
        let cross = *x * y.conj();
        let size = cross.norm();
        let heard = HEARD_HZ.contains(&(bin as f32 * bin_hz)) && size > f32::MIN_POSITIVE;
        *x = if heard { cross / size.powf(FLATNESS) } else { Complex32::default() };
    }
    let mut correlation = back.make_output_vec();
    back.process(&mut product, &mut correlation).ok()?;
    let at = |lag: isize| correlation[lag.rem_euclid(size as isize) as usize].abs();
    let reach = shift.unsigned_abs() + FARTHEST;
    let reach = isize::try_from(reach).ok()?;
    // Lags beyond both signals would wrap around.
    let lags = (-reach).max(1 - b.len() as isize)..=reach.min(a.len() as isize - 1);
    // Of equals that nearest to the same start.
    lags.filter(|lag| (lag - shift).unsigned_abs() <= FARTHEST)
        .max_by(|&x, &y| at(x).total_cmp(&at(y)).then((y - shift).unsigned_abs().cmp(&(x - shift).unsigned_abs())))
}
