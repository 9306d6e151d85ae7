//! Samples that cannot be.

use std::path::Path;

use crate::{AudioError, Repair};

/// Lossy codecs go somewhat beyond ±1; damaged ones reach thousands.
const LIMIT: f32 = 8.0;
/// Share of impossible samples that no longer looks like single errors.
const MOST: f64 = 0.01;
/// Share of samples that are no numbers at which nothing is left to hear.
const MOST_UNREADABLE: f64 = 0.5;

/// Sets impossible samples of a file to zero, and counts them.
#[derive(Debug, Default)]
pub(super) struct Scrubber {
    samples: u64,
    count: u64,
    /// Of these, the ones that are numbers.
    loud: u64,
    /// Of all samples that are numbers.
    peak: f32,
}

impl Scrubber {
    /// The next samples.
    pub(super) fn scrub(&mut self, samples: &mut [f32]) {
        let bad = |x: &f32| x.is_nan() || x.abs() > LIMIT;
        self.samples += samples.len() as u64;
        if !samples.iter().any(bad) {
            return;
        }
        for sample in samples.iter_mut().filter(|x| bad(x)) {
            self.count += 1;
            if sample.is_finite() {
                self.loud += 1;
                self.peak = self.peak.max(sample.abs());
            }
            *sample = 0.0;
        }
    }

    /// What was mended; refuses a file that is full of impossible samples.
    pub(super) fn finish(self, path: &Path) -> Result<Option<Repair>, AudioError> {
        let Self { samples, count, loud, peak } = self;
        if count == 0 {
            return Ok(None);
        }
        let share = loud as f64 / samples as f64;
        if share > MOST && loud > 8 {
            let path = path.to_owned();
            return Err(AudioError::OutOfScale { path, share: 100.0 * share, limit: LIMIT, peak });
        }
        let share = count as f64 / samples as f64;
        if share > MOST_UNREADABLE {
            return Err(AudioError::NotNumbers { path: path.to_owned(), share: 100.0 * share });
        }
        Ok(Some(Repair::SamplesScrubbed { count }))
    }
}
