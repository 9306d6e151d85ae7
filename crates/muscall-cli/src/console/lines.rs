//! Files of texts, one per line.

use std::fs;
use std::path::Path;

/// The lines of a UTF-8 file.
///
/// # Errors
/// With the file, if it cannot be read.
pub fn lines(path: &Path) -> Result<Vec<String>, String> {
    let text = fs::read_to_string(path)
        .map_err(|error| format!("{}: {error}; expected UTF-8, one text per line", path.display()))?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// The same without empty lines.
///
/// # Errors
/// As [`lines`].
pub fn queries(path: &Path) -> Result<Vec<String>, String> {
    Ok(lines(path)?.into_iter().filter(|line| !line.trim().is_empty()).collect())
}
