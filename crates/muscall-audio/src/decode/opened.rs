//! Files that are opened, and what kind they are.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use muscall_files::FileError;

use super::npy;
use crate::stretch::Stretch;
use crate::{AudioError, AudioSource, Member};

/// An open file, or a member of an archive. A clone is read from the start, on its own.
#[derive(Clone)]
pub(crate) struct Opened<'a> {
    /// What it is called.
    pub(super) path: &'a Path,
    /// At its start.
    pub(super) file: Stretch,
}

impl Opened<'_> {
    /// Its length.
    pub(super) fn bytes(&self) -> u64 {
        self.file.len()
    }
}

/// Opens a file or a member of an archive.
pub(crate) fn open<'a>(source: impl Into<AudioSource<'a>>) -> Result<Opened<'a>, AudioError> {
    let AudioSource { path, member, .. } = source.into();
    let Some(Member { archive, at, bytes }) = member else {
        let (file, bytes) = regular(path)?;
        return Ok(Opened { path, file: Stretch::of(Arc::new(file), 0, bytes) });
    };
    let (file, length) = regular(archive)?;
    if bytes == 0 {
        return Err(AudioError::EmptyFile { path: path.to_owned() });
    }
    if at.checked_add(bytes).is_none_or(|end| end > length) {
        return Err(AudioError::BeyondArchive {
            path: path.to_owned(),
            archive: archive.to_owned(),
            at,
            bytes,
            length,
        });
    }
    Ok(Opened { path, file: Stretch::of(Arc::new(file), at, bytes) })
}

/// A regular file and its length; opening a pipe could wait for ever.
fn regular(path: &Path) -> Result<(File, u64), AudioError> {
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
    Ok((File::open(path).map_err(io)?, metadata.len()))
}

/// What a reader gives, in a temporary file.
pub(super) fn spooled(name: &Path, mut reader: impl Read) -> Result<Opened<'_>, AudioError> {
    let io = FileError::reading(name);
    let mut file = tempfile::tempfile().map_err(io)?;
    let bytes = std::io::copy(&mut reader, &mut file).map_err(io)?;
    if bytes == 0 {
        return Err(AudioError::EmptyFile { path: name.to_owned() });
    }
    Ok(Opened { path: name, file: Stretch::of(Arc::new(file), 0, bytes) })
}

pub(super) fn is_npy(opened: &Opened<'_>) -> Result<bool, AudioError> {
    let io = FileError::reading(opened.path);
    let mut magic = Vec::with_capacity(npy::MAGIC.len());
    opened.file.clone().take(npy::MAGIC.len() as u64).read_to_end(&mut magic).map_err(io)?;
    Ok(magic == npy::MAGIC)
}
