//! Samples that cannot be.

use std::path::Path;

use super::decoded::Decoded;
use crate::{AudioError, Repair, Waveform};

/// Lossy codecs go somewhat beyond ±1; damaged ones reach thousands.
const LIMIT: f32 = 8.0;
/// Share of impossible samples that no longer looks like single errors.
const MOST: f64 = 0.01;
/// Share of samples that are no numbers at which nothing is left to hear.
const MOST_UNREADABLE: f64 = 0.5;

/// Sets single impossible samples to zero; refuses a file that is full of them.
pub(super) fn scrub(path: &Path, decoded: &mut Decoded) -> Result<(), AudioError> {
    let bad = |x: &f32| x.is_nan() || x.abs() > LIMIT;
    let samples = decoded.waveform.samples();
    let count = samples.iter().filter(|x| bad(x)).count();
    if count == 0 {
        return Ok(());
    }
    let finite = samples.iter().filter(|x| x.is_finite());
    let peak = finite.clone().fold(0.0_f32, |peak, x| x.abs().max(peak));
    let loud = finite.filter(|x| bad(x)).count();
    let share = loud as f64 / samples.len() as f64;
    if share > MOST && loud > 8 {
        let path = path.to_owned();
        return Err(AudioError::OutOfScale { path, share: 100.0 * share, limit: LIMIT, peak });
    }
    let share = count as f64 / samples.len() as f64;
    if share > MOST_UNREADABLE {
        return Err(AudioError::NotNumbers { path: path.to_owned(), share: 100.0 * share });
    }
    let sample_rate = decoded.waveform.sample_rate();
    let waveform = std::mem::replace(&mut decoded.waveform, Waveform::new(Vec::new(), sample_rate));
    let mut samples = waveform.into_samples();
    samples.iter_mut().filter(|x| bad(x)).for_each(|x| *x = 0.0);
    decoded.waveform = Waveform::new(samples, sample_rate);
    decoded.repairs.push(Repair::SamplesScrubbed { count: count as u64 });
    Ok(())
}
