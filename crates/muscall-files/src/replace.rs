//! A file that is replaced as a whole or not at all.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::FileError;
use crate::folder::{folder_of, sync_folder};
use crate::new_file::{NewFile, remove_stale};

/// Links that lead to each other, one after the other, at most.
const LINKS: usize = 40;

/// Lets `write` fill an empty file in the folder of `path`, flushes it to the disk and gives it that name; gives what
/// `write` gave.
///
/// Whoever opens `path` meanwhile finds the old file or the new one, and whoever has the old one open, or mapped, keeps it
/// as it is. The new file has the permissions of any that the process makes. If there is a link at `path`, the link is
/// replaced, not the file that it leads to.
///
/// # Errors
/// Those of `write`, and [`FileError`] with `path`; the old file stays then. Only if the folder cannot be flushed, which is
/// last, the new one is there.
///
/// # Example
/// ```
/// use std::fs;
///
/// use muscall_files::{FileError, replace};
///
/// # fn main() -> Result<(), FileError> {
/// # let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("weights.bin");
/// let bytes = replace(&path, |new| fs::copy("Cargo.toml", new).map_err(FileError::writing(&path)))?;
/// assert!(bytes > 0);
/// # Ok(())
/// # }
/// ```
pub fn replace<T, E: From<FileError>>(path: &Path, write: impl FnOnce(&Path) -> Result<T, E>) -> Result<T, E> {
    let error = FileError::writing(path);
    if path.file_name().is_none() {
        return Err(error(ErrorKind::InvalidInput.into()).into());
    }
    let folder = folder_of(path);
    remove_stale(folder);
    let new = NewFile::create(folder).map_err(error)?;
    let written = write(new.path())?;
    new.rename(path).and_then(|()| sync_folder(folder)).map_err(error)?;
    Ok(written)
}

/// [Replaces](replace) a file by these bytes.
///
/// # Errors
/// [`FileError`] with `path`.
pub fn replace_bytes(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), FileError> {
    replace(path, |new| fs::write(new, bytes).map_err(FileError::writing(path)))
}

/// As [`std::fs::write`], but a file that is there is replaced as a whole or not at all.
///
/// If there is a link at `path`, the file that it leads to is replaced. A pipe or a device, such as `/dev/stdout`, is
/// written to as it is.
///
/// # Errors
/// [`FileError`] with `path`, or with the file that it leads to.
pub fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), FileError> {
    let error = FileError::writing(path);
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => fs::write(path, bytes).map_err(error),
        _ => replace_bytes(&end_of_links(path).map_err(error)?, bytes),
    }
}

/// The file that links lead to, whether it is there or not.
fn end_of_links(path: &Path) -> io::Result<PathBuf> {
    let mut at = path.to_owned();
    for _ in 0..LINKS {
        match fs::read_link(&at) {
            Ok(target) => at = folder_of(&at).join(target),
            Err(_) => return Ok(at),
        }
    }
    Err(io::Error::other("its links lead in a circle"))
}
