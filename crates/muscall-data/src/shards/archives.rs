//! Tar files by their paths and addresses.

use std::path::{Path, PathBuf};

use muscall_audio::Place;
use rayon::ThreadPoolBuilder;

use super::address::is_in_bucket;
use crate::DataError;

/// Files in a bucket that are looked at together: what takes time is the way there.
const TOGETHER: usize = 32;

/// Opens tar files of one manifest: each bucket once, and what was listed or looked for before is not looked for again.
#[derive(Debug, Default)]
pub(crate) struct Archives {
    #[cfg(feature = "s3")]
    buckets: super::buckets::Buckets,
}

impl Archives {
    /// A tar file on a disk or in a bucket. Of one on a disk nothing is looked at.
    ///
    /// # Errors
    /// [`DataError`] for one in a bucket that cannot be found.
    pub(crate) fn open(&self, path: &Path) -> Result<Place, DataError> {
        if is_in_bucket(path) { self.object(path) } else { Ok(path.into()) }
    }

    #[cfg(feature = "s3")]
    fn object(&self, address: &Path) -> Result<Place, DataError> {
        self.buckets.object(address)
    }

    /// The addresses of all tar files below one, in the order in which a folder has them.
    ///
    /// # Errors
    /// [`DataError`] if the bucket cannot be listed.
    #[cfg(feature = "s3")]
    pub(crate) fn below(&self, address: &Path) -> Result<Vec<PathBuf>, DataError> {
        self.buckets.shards_below(address)
    }

    #[cfg(not(feature = "s3"))]
    fn object(&self, address: &Path) -> Result<Place, DataError> {
        Err(DataError::NoBuckets { path: address.to_owned() })
    }

    #[cfg(not(feature = "s3"))]
    pub(crate) fn below(&self, address: &Path) -> Result<Vec<PathBuf>, DataError> {
        Err(DataError::NoBuckets { path: address.to_owned() })
    }
}

/// Runs what works in parallel, with as many threads as go well with a bucket if that `is_remote`.
pub(crate) fn together<T: Send>(is_remote: bool, work: impl FnOnce() -> T + Send) -> T {
    match is_remote.then(|| ThreadPoolBuilder::new().num_threads(TOGETHER).build()) {
        Some(Ok(pool)) => pool.install(work),
        // Without threads of its own it takes longer.
        Some(Err(_)) | None => work(),
    }
}
