//! Text files of people, which may be in any encoding.

use std::fs;
use std::path::Path;

use muscall_files::FileError;

use crate::DataError;

/// The text of a file, without the mark that some editors put at its beginning.
///
/// # Errors
/// [`DataError::Io`], or [`DataError::NotUtf8`] with the first line that is not.
pub fn read_text(path: &Path) -> Result<String, DataError> {
    let bytes = fs::read(path).map_err(FileError::reading(path))?;
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|&&byte| byte == b'\n').count();
        DataError::NotUtf8 { path: path.to_owned(), line }
    })?;
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    Ok(text)
}
