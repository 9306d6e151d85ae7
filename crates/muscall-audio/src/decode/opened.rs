//! Files that are opened, and what kind they are.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use muscall_files::FileError;

use super::npy;
use crate::stretch::Stretch;
use crate::{AudioError, AudioSource, Member, Place, RemoteFile};

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
    if bytes == 0 {
        return Err(AudioError::EmptyFile { path: path.to_owned() });
    }
    let check = |length: u64| match at.checked_add(bytes) {
        Some(end) if end <= length => Ok(at..end),
        _ => {
            let archive = archive.path().to_owned();
            Err(AudioError::BeyondArchive { path: path.to_owned(), archive, at, bytes, length })
        }
    };
    let file = match archive {
        Place::Disk(archive) => {
            let (file, length) = regular(archive)?;
            check(length)?;
            Stretch::of(Arc::new(file), at, bytes)
        }
        Place::Remote(archive) => fetched(path, &**archive, check(archive.state().bytes)?)?,
    };
    Ok(Opened { path, file })
}

/// A member of an archive that is not on this machine: all of it, in one request.
fn fetched(path: &Path, archive: &dyn RemoteFile, place: Range<u64>) -> Result<Stretch, AudioError> {
    let bytes = archive.read(place).map_err(|error| match error.kind() {
        ErrorKind::StaleNetworkFileHandle => {
            AudioError::ArchiveReplaced { path: path.to_owned(), archive: archive.address().to_owned() }
        }
        _ => FileError::reading(path)(error).into(),
    })?;
    Ok(Stretch::of_memory(bytes))
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
