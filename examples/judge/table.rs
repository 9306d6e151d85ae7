//! Two columns of a CSV file.

use std::fmt::Display;
use std::path::Path;

/// The values of these columns, row by row.
pub fn columns(path: &Path, names: [&'static str; 2]) -> Result<Vec<[String; 2]>, String> {
    let [one, other] = names;
    let named = |found: &dyn Display| format!("{}: {found}; expected the columns {one} and {other}", path.display());
    let mut table = csv::Reader::from_path(path).map_err(|error| named(&error))?;
    let headers = table.headers().map_err(|error| named(&error))?.clone();
    let place = |name| headers.iter().position(|header| header == name).ok_or_else(|| named(&format!("no `{name}`")));
    let (one, other) = (place(one)?, place(other)?);
    let row = |row: csv::Result<csv::StringRecord>| {
        row.map(|row| [row[one].to_owned(), row[other].to_owned()]).map_err(|error| named(&error))
    };
    table.records().map(row).collect()
}
