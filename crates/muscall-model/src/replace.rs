//! A file that is replaced as a whole or not at all.

use std::fs;
use std::path::Path;

use crate::ModelError;

/// Lets `write` make a file beside its place, then moves it there.
///
/// # Errors
/// Those of `write`, and [`ModelError::Io`]; the file that was there stays then.
pub(crate) fn replace(path: &Path, write: impl FnOnce(&Path) -> Result<(), ModelError>) -> Result<(), ModelError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| ModelError::Io { path, source }
    };
    let new = path.with_extension("new");
    write(&new)?;
    fs::File::open(&new).and_then(|file| file.sync_all()).map_err(io(&new))?;
    fs::rename(&new, path).map_err(io(path))
}
