//! Where a file lies: on a disk of this machine, or elsewhere.

use std::fmt::Debug;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::FileState;

/// Where a file lies.
#[derive(Debug, Clone)]
pub enum Place {
    /// On a disk of this machine.
    Disk(Arc<Path>),
    /// Where stretches of it can be asked for.
    Remote(Arc<dyn RemoteFile>),
}

/// A file that is not on this machine, such as an object in a bucket, as it was when it was found.
pub trait RemoteFile: Debug + Send + Sync {
    /// Its address, such as `s3://music/music-000.tar`.
    fn address(&self) -> &Path;

    /// Size, time of the last change and, in the place of a probe, what changes with its content.
    fn state(&self) -> FileState;

    /// These of its bytes, all of which it has.
    ///
    /// # Errors
    /// [`StaleNetworkFileHandle`](io::ErrorKind::StaleNetworkFileHandle) if it was replaced since it was found,
    /// [`NotFound`](io::ErrorKind::NotFound) if it was removed,
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) if it is refused; any other kind means that no answer came.
    fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>>;
}

impl Place {
    /// Its path, or its address.
    pub fn path(&self) -> &Path {
        match self {
            Self::Disk(path) => path,
            Self::Remote(file) => file.address(),
        }
    }
}

/// By path or address.
impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        let is_remote = |place: &Self| matches!(place, Self::Remote(_));
        is_remote(self) == is_remote(other) && self.path() == other.path()
    }
}

impl Eq for Place {}

impl From<&Path> for Place {
    fn from(path: &Path) -> Self {
        Self::Disk(path.into())
    }
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        Self::Disk(path.into())
    }
}
