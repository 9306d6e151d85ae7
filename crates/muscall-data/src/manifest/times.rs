//! Which part of a file a row is, and how long its file should be.

use std::path::Path;
use std::time::Duration;

use muscall_audio::Part;

use crate::DataError;

/// Where a part starts, in seconds, in the order of preference.
const STARTS: [&str; 6] = ["start_s", "start_time", "start", "start_sec", "start_seconds", "offset"];
/// Where it ends.
const ENDS: [&str; 5] = ["end_s", "end_time", "end", "end_sec", "end_seconds"];
/// How long it is or, in a row without a start, how long the file is.
const LENGTHS: [&str; 2] = ["duration", "duration_s"];
/// Times of another unit, or whose meaning differs between data sets.
const UNCLEAR: [&str; 14] = [
    "start_ms",
    "end_ms",
    "offset_ms",
    "duration_ms",
    "start_sample",
    "end_sample",
    "start_samples",
    "end_samples",
    "start_frame",
    "end_frame",
    "onset",
    "begin",
    "begin_time",
    "stop",
];

/// Whether a column is one of times.
pub(super) fn is_time(name: &str) -> bool {
    STARTS.iter().chain(&ENDS).chain(&LENGTHS).chain(&UNCLEAR).any(|own| *own == name)
}

/// What the times of a row say.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Times {
    /// The part of the file, if it is not all of it.
    pub(super) part: Option<Part>,
    /// Length of the file.
    pub(super) length: Option<Duration>,
}

impl Times {
    /// From the cells of a row, as text; `None` for a cell that is not there or empty.
    ///
    /// # Errors
    /// [`DataError::WrongType`] for what is not a time in seconds, [`DataError::Times`] for a part that ends before it
    /// starts.
    pub(super) fn read(path: &Path, row: usize, cell: impl Fn(&str) -> Option<String>) -> Result<Self, DataError> {
        let wrong = |key: &str, found: String, expected| DataError::WrongType {
            path: path.to_owned(),
            row,
            key: key.to_owned(),
            found,
            expected,
        };
        if let Some((key, found)) = UNCLEAR.iter().find_map(|key| Some((*key, cell(key)?))) {
            let expected =
                "the times of a part in seconds, as `start_s` and `end_s`: rename the columns and convert them";
            return Err(wrong(key, found, expected));
        }
        let first = |keys: &[&'static str]| keys.iter().find_map(|key| Some((*key, cell(key)?)));
        let seconds = |(key, text): (&str, String)| match text.parse::<f64>() {
            Ok(seconds) if seconds.is_finite() && seconds >= 0.0 => Ok(seconds),
            _ => Err(wrong(key, text, "seconds from the start of the file, as a number")),
        };
        let (start, end) = (first(&STARTS).map(seconds).transpose()?, first(&ENDS).map(seconds).transpose()?);
        if start.is_none() && end.is_none() {
            // Some tables have other things under this name, which are theirs to keep.
            let length = first(&LENGTHS).and_then(|(_, text)| Duration::try_from_secs_f64(text.parse().ok()?).ok());
            return Ok(Self { part: None, length: length.filter(|length| !length.is_zero()) });
        }
        let start_s = start.unwrap_or(0.0);
        let end_s = match end {
            Some(end_s) => Some(end_s),
            None => first(&LENGTHS).map(seconds).transpose()?.map(|duration_s| start_s + duration_s),
        };
        match Part::new(start_s, end_s) {
            Ok(part) => Ok(Self { part: Some(part), length: None }),
            Err(source) => Err(DataError::Times { path: path.to_owned(), row, start_s, end_s, source }),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(cells: &[(&str, &str)]) -> Result<Times, String> {
        let cell = |key: &str| cells.iter().find(|cell| cell.0 == key).map(|cell| cell.1.to_owned());
        Times::read(Path::new("m.csv"), 7, cell).map_err(|error| error.to_string())
    }

    fn part(start_s: f64, end_s: Option<f64>) -> Times {
        Times { part: Some(Part::new(start_s, end_s).unwrap()), length: None }
    }

    #[test]
    fn columns_of_known_data_sets_are_parts() {
        let twenty = part(10.0, Some(20.0));
        assert_eq!(read(&[("start_s", "10"), ("end_s", "20")]), Ok(twenty));
        assert_eq!(read(&[("start_time", "10.0"), ("end_time", "20.0"), ("duration", "300")]), Ok(twenty));
        assert_eq!(read(&[("start", "10"), ("end", "20")]), Ok(twenty));
        assert_eq!(read(&[("offset", "10"), ("duration", "10")]), Ok(twenty));
        assert_eq!(read(&[("start", "10")]), Ok(part(10.0, None)));
        assert_eq!(read(&[("end", "10")]), Ok(part(0.0, Some(10.0))));
    }

    #[test]
    fn a_duration_alone_is_the_length_of_the_file() {
        let length = |text| read(&[("duration", text)]).unwrap();
        assert_eq!(length("120.5"), Times { part: None, length: Some(Duration::from_millis(120_500)) });
        for unknown in ["2:00", "0", "-1", "nan", "unknown"] {
            assert_eq!(length(unknown), Times::default(), "{unknown}");
        }
    }

    #[test]
    fn what_is_unclear_is_named() {
        for (cells, parts) in [
            (&[("start", "0:30")][..], ["`start`", "0:30", "as a number"]),
            (&[("start_s", "-1"), ("end_s", "2")], ["`start_s`", "-1", "as a number"]),
            (&[("start_s", "20"), ("end_s", "10")], ["from 20", "to 10 s", "row 7"]),
            (&[("start_ms", "1000"), ("end_ms", "2000")], ["`start_ms`", "1000", "`start_s`"]),
            (&[("onset", "1"), ("offset", "2")], ["`onset`", "is 1", "`end_s`"]),
        ] {
            let message = read(cells).unwrap_err();
            assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        }
    }
}
