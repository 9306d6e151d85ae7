//! Files that are shorter or longer than their manifest says: cut off on the way, or another edition.

use std::path::PathBuf;

use muscall_audio::{AudioError, DecodeOptions};

use super::Diagnosis;
use crate::manifest::Row;

/// Tables round, and encoders pad: a length within a second or 2 % is as the manifest says.
const SLACK_S: f64 = 1.0;
const SLACK_SHARE: f64 = 0.02;

/// Length of a file in seconds, from its header or its packets.
pub(super) fn length_s(row: &Row) -> Result<f64, AudioError> {
    let (sample_rate, frames) = row.source().rate_and_frames(&DecodeOptions::default())?;
    Ok(frames as f64 / f64::from(sample_rate))
}

/// Counts files of another length.
#[derive(Debug, Default)]
pub(super) struct Lengths {
    files: usize,
    others: usize,
    first: Option<(PathBuf, f64, f64)>,
}

impl Lengths {
    pub(super) fn add(&mut self, row: &Row, found_s: Option<f64>) {
        let (Some(length), Some(found_s)) = (row.length, found_s) else { return };
        let expected_s = length.as_secs_f64();
        self.files += 1;
        if (found_s - expected_s).abs() > SLACK_S.max(SLACK_SHARE * expected_s) {
            self.others += 1;
            self.first.get_or_insert_with(|| (row.audio.clone(), found_s, expected_s));
        }
    }

    pub(super) fn diagnosis(self) -> Option<Diagnosis> {
        let (example, found_s, expected_s) = self.first?;
        Some(Diagnosis::OtherLength { count: self.others, files: self.files, example, found_s, expected_s })
    }
}
