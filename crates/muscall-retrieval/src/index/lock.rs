//! Who may write: one at a time, whatever name of the file they came by.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use muscall_files::FileError;

use crate::RetrievalError;
use crate::index::append::beside;

/// Links that lead to each other, one after the other, at most.
const LINKS: usize = 40;

/// The file that a path leads to, over links and from wherever it is relative to; if it is not there yet, where it
/// will be. The folder is made if it is missing, unless only a link names it.
pub(super) fn real_path(path: &Path) -> Result<PathBuf, RetrievalError> {
    let mut at = path.to_owned();
    for link in 0..LINKS {
        match fs::canonicalize(&at) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            found => return found.map_err(|source| FileError::reading(&at)(source).into()),
        }
        let folder = at.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if let Ok(target) = fs::read_link(&at) {
            at = folder.join(target);
            continue;
        }
        let name = at.file_name().ok_or_else(|| FileError::writing(&at)(ErrorKind::InvalidInput.into()))?;
        if link == 0 {
            fs::create_dir_all(folder).map_err(FileError::writing(folder))?;
        }
        return Ok(fs::canonicalize(folder).map_err(FileError::writing(folder))?.join(name));
    }
    Err(FileError::writing(path)(ErrorKind::NotFound.into()).into())
}

/// The right to write to a file, of its real path, until it is dropped. Waits for nobody.
pub(super) fn lock(path: &Path) -> Result<File, RetrievalError> {
    let name = beside(path, ".lock");
    if path.is_dir() {
        return Err(FileError::writing(path)(ErrorKind::IsADirectory.into()).into());
    }
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&name);
    let file = file.map_err(FileError::writing(&name))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(RetrievalError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(FileError::writing(&name)(source).into()),
    }
}
