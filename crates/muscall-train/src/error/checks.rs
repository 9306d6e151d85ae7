//! Errors that are made in several places.

use std::fmt::Display;
use std::path::Path;

use muscall_files::FileError;

use super::TrainError;

impl TrainError {
    /// Of a CSV file: what helps depends on whether it is the disk, the encoding or the commas.
    pub(crate) fn csv(path: &Path, source: csv::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            csv::ErrorKind::Utf8 { pos, .. } => {
                let line = pos.as_ref().map_or(1, csv::Position::line) as usize;
                Self::NotUtf8 { path, line }
            }
            csv::ErrorKind::Io(_) => FileError::reading(&path)(source.into()).into(),
            _ => Self::Csv { path, source },
        }
    }

    pub(crate) fn check(
        valid: bool,
        field: &'static str,
        found: impl Display,
        expected: &'static str,
    ) -> Result<(), Self> {
        if valid {
            return Ok(());
        }
        let found = found.to_string();
        Err(Self::Recipe { field, found, expected })
    }
}
