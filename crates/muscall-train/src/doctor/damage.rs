//! Files that broke off on the way, or lost something in the middle.

use muscall_audio::{AudioError, Clip, DecodeOptions, Repair};

use crate::manifest::Row;

/// The end of a file that is looked at, in seconds.
const END_S: f64 = 1.0;

/// What had to be mended in the clip of a row, and at the end of its file, where half a download shows. What lies between
/// is decoded only where a format has to be read from its beginning.
pub(super) fn repairs(row: &Row, clip: &Clip) -> Result<Vec<Repair>, AudioError> {
    let repairs = lost(&clip.repairs);
    if !repairs.is_empty() || row.part.is_some() {
        return Ok(repairs);
    }
    let options = DecodeOptions::default();
    let (sample_rate, frames) = row.source().rate_and_frames(&options)?;
    let start = frames.saturating_sub((END_S * f64::from(sample_rate)) as u64);
    Ok(lost(&row.source().decode(&options.with_span(start, u64::MAX))?.repairs))
}

/// Repairs but for samples that are no numbers, which are a fault of the clip.
fn lost(repairs: &[Repair]) -> Vec<Repair> {
    repairs.iter().filter(|repair| !matches!(repair, Repair::SamplesScrubbed { .. })).cloned().collect()
}
