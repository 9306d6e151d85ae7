//! Where an item's bytes are, and how they come to this machine.

use std::io;
use std::path::{Path, PathBuf};

#[cfg(feature = "s3")]
use muscall_bucket::Object;

/// Where the bytes of an item are.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// On a disk of this machine.
    File(PathBuf),
    /// In a bucket.
    #[cfg(feature = "s3")]
    Object(Object),
}

/// A file of this machine; what was fetched is removed when dropped.
pub(crate) enum Local<'a> {
    Disk(&'a Path),
    #[cfg(feature = "s3")]
    Fetched(tempfile::NamedTempFile),
}

impl Origin {
    /// The bytes as a file of this machine.
    pub(crate) fn local(&self) -> io::Result<Local<'_>> {
        match self {
            Self::File(path) => Ok(Local::Disk(path)),
            #[cfg(feature = "s3")]
            Self::Object(object) => object.fetch().map(Local::Fetched),
        }
    }
}

impl Local<'_> {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Disk(path) => path,
            #[cfg(feature = "s3")]
            Self::Fetched(file) => file.path(),
        }
    }
}
