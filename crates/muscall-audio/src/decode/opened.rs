//! Files that are opened, and what kind they are.

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::Path;

use muscall_files::FileError;

use super::npy;
use crate::AudioError;

/// An open file with its length in bytes.
pub(super) struct Opened<'a> {
    pub(super) path: &'a Path,
    pub(super) file: File,
    pub(super) bytes: u64,
}

impl Opened<'_> {
    /// The same file for a second reading, of which no other may be open any more: both have one position.
    pub(super) fn again(&self) -> Result<Self, AudioError> {
        let file = self.file.try_clone().map_err(FileError::reading(self.path))?;
        Ok(Self { path: self.path, file, bytes: self.bytes })
    }

    /// From its start.
    pub(super) fn rewound(mut self) -> Result<Self, AudioError> {
        self.file.rewind().map_err(FileError::reading(self.path))?;
        Ok(self)
    }
}

/// Opens a regular file; opening a pipe could wait for ever.
pub(super) fn open(path: &Path) -> Result<Opened<'_>, AudioError> {
    let io = FileError::reading(path);
    let metadata = fs::metadata(path).map_err(io)?;
    let kind = metadata.file_type();
    if !kind.is_file() {
        let found = if kind.is_dir() { "directory" } else { "pipe, socket or device" };
        return Err(AudioError::NotAFile { path: path.to_owned(), found });
    }
    if metadata.len() == 0 {
        return Err(AudioError::EmptyFile { path: path.to_owned() });
    }
    Ok(Opened { path, file: File::open(path).map_err(io)?, bytes: metadata.len() })
}

/// What a reader gives, in a temporary file.
pub(super) fn spooled(name: &Path, mut reader: impl Read) -> Result<Opened<'_>, AudioError> {
    let io = FileError::reading(name);
    let mut file = tempfile::tempfile().map_err(io)?;
    let bytes = std::io::copy(&mut reader, &mut file).map_err(io)?;
    if bytes == 0 {
        return Err(AudioError::EmptyFile { path: name.to_owned() });
    }
    file.rewind().map_err(io)?;
    Ok(Opened { path: name, file, bytes })
}

pub(super) fn is_npy(opened: &Opened<'_>) -> Result<bool, AudioError> {
    let io = FileError::reading(opened.path);
    let mut magic = Vec::with_capacity(npy::MAGIC.len());
    let mut file = opened.file.try_clone().map_err(io)?;
    file.by_ref().take(npy::MAGIC.len() as u64).read_to_end(&mut magic).map_err(io)?;
    // The clone shares its position with the original.
    file.rewind().map_err(io)?;
    Ok(magic == npy::MAGIC)
}
