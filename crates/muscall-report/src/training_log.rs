//! What a training run has written so far.

use std::fs;
use std::path::Path;

use muscall_files::FileError;

use crate::ReportError;

/// The loss of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoggedStep {
    /// From 1.
    pub step: u64,
    /// What is minimised.
    pub loss: f64,
}

/// A validation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoggedValidation {
    /// Steps taken.
    pub step: u64,
    /// R@1, R@5, R@10, mAP@10.
    pub text_to_audio: [f64; 4],
}

/// The log of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrainingLog {
    /// Each step.
    pub steps: Vec<LoggedStep>,
    /// Each validation; none if there is no validation set.
    pub validation: Vec<LoggedValidation>,
}

impl TrainingLog {
    /// Reads `steps.csv` and `validation.csv` of a run. A last line that is still being written is
    /// left out, so that a run can be read while it goes on.
    ///
    /// # Errors
    /// [`ReportError::Io`] or [`ReportError::Log`] with the file.
    pub fn read(run: &Path) -> Result<Self, ReportError> {
        let steps = table(&run.join("steps.csv"), ["step", "loss"])?;
        let columns = ["step", "t2a_r1", "t2a_r5", "t2a_r10", "t2a_map10"];
        let path = run.join("validation.csv");
        let validation = if path.exists() { table(&path, columns)? } else { Vec::new() };
        let validation = validation
            .into_iter()
            .map(|[step, r1, r5, r10, map]| LoggedValidation { step: step as u64, text_to_audio: [r1, r5, r10, map] });
        Ok(Self {
            steps: steps.into_iter().map(|[step, loss]| LoggedStep { step: step as u64, loss }).collect(),
            validation: validation.collect(),
        })
    }

    /// Whether a folder is that of a run.
    pub fn is_in(run: &Path) -> bool {
        run.join("steps.csv").exists()
    }
}

fn table<const N: usize>(path: &Path, columns: [&'static str; N]) -> Result<Vec<[f64; N]>, ReportError> {
    let text = fs::read_to_string(path).map_err(FileError::reading(path))?;
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let wrong = |line: u64, found: &str, expected| ReportError::Log {
        path: path.to_owned(),
        line,
        found: format!("{found:?}"),
        expected,
    };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(whole.as_bytes());
    let header = reader.headers().map_err(|error| wrong(1, &error.to_string(), "a header"))?.clone();
    let mut places = [0; N];
    for (place, column) in places.iter_mut().zip(columns) {
        let found = header.iter().position(|name| name == column);
        *place = found.ok_or_else(|| wrong(1, whole.lines().next().unwrap_or_default(), column))?;
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| wrong(0, &error.to_string(), "a row"))?;
        let line = record.position().map_or(0, csv::Position::line);
        let mut row = [0.0; N];
        for (value, &place) in row.iter_mut().zip(&places) {
            let cell = record.get(place).unwrap_or_default();
            *value = cell.parse().map_err(|_| wrong(line, cell, "a number"))?;
        }
        rows.push(row);
    }
    Ok(rows)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_goes_on_can_be_read() {
        let dir = tempfile::tempdir().unwrap();
        assert!(TrainingLog::read(dir.path()).unwrap_err().to_string().contains("steps.csv"));
        fs::write(dir.path().join("steps.csv"), "step,epoch,loss\n1,0,2.5\n2,0,2.25\n3,0,1.").unwrap();
        let log = TrainingLog::read(dir.path()).unwrap();
        assert_eq!(log.steps.last(), Some(&LoggedStep { step: 2, loss: 2.25 }));
        assert!(log.validation.is_empty());
        fs::write(dir.path().join("steps.csv"), "step,epoch,loss\n1,0,x\n").unwrap();
        let error = TrainingLog::read(dir.path()).unwrap_err().to_string();
        assert!(error.contains("line 2: found \"x\""), "{error}");
    }
}
