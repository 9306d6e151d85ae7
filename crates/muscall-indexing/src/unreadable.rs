//! What could not be indexed, and why.

use std::fs;
use std::path::Path;

use muscall_audio::FileState;
use muscall_files::{FileError, write};

use crate::IndexingError;

/// A file that could not be indexed, or a folder that could not be looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The file or folder.
    pub path: String,
    /// Why, and what to do.
    pub reason: String,
    /// The file as it was, if it is its content that is bad: the same file would be refused again. Nothing if that may
    /// pass, as with permissions.
    pub state: Option<FileState>,
}

impl Unreadable {
    /// For a reason that may pass.
    pub fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), reason: reason.into(), state: None }
    }

    /// A folder without anything in it, below which the index has tracks.
    pub(crate) fn empty_folder(folder: &Path, tracks: usize) -> Self {
        let reason = format!(
            "this folder is empty, as if its disk were not mounted; the {tracks} tracks that the index has from it are \
             kept: if they are gone for good, delete the folder, or remove them from the index (--forget)"
        );
        Self::new(folder.display().to_string(), reason)
    }
}

/// Writes the list, a line each: the path, a tab, the reason. Without any, an older list is removed.
///
/// # Errors
/// [`IndexingError::Io`].
pub fn write_unreadable(path: &Path, unreadable: &[Unreadable]) -> Result<(), IndexingError> {
    let io = FileError::writing(path);
    if unreadable.is_empty() {
        return match fs::remove_file(path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(io(source).into()),
            _ => Ok(()),
        };
    }
    let line = |text: &str| text.replace(['\t', '\n', '\r'], " ");
    let lines = unreadable.iter().map(|file| format!("{}\t{}\n", line(&file.path), line(&file.reason)));
    Ok(write(path, lines.collect::<String>())?)
}
