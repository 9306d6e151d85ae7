//! Folders of files.

use std::io;
use std::path::Path;

/// The folder that a path lies in; the current one for a bare name.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes durable which names a folder has: without this, a power cut may undo a rename that has returned.
///
/// It does nothing where the system cannot do it: on Windows, in a folder that may be written and not read, and on some
/// network drives.
///
/// # Errors
/// If the disk fails, or the folder is not there.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
        match std::fs::File::open(folder).and_then(|folder| folder.sync_all()) {
            Err(error) if matches!(error.kind(), InvalidInput | PermissionDenied | Unsupported) => Ok(()),
            done => done,
        }
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        Ok(())
    }
}
