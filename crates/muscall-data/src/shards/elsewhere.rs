//! A file elsewhere, for tests.

use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use muscall_audio::{FileState, RemoteFile};

/// Keeps the requests, and fails if it is told to.
#[derive(Debug)]
pub(crate) struct Elsewhere {
    address: PathBuf,
    bytes: Vec<u8>,
    requests: Mutex<Vec<Range<u64>>>,
    /// For requests that end behind this byte.
    failure: Mutex<Option<(u64, ErrorKind)>>,
}

#[allow(clippy::unwrap_used)]
impl Elsewhere {
    pub(crate) fn new(address: impl Into<PathBuf>, bytes: Vec<u8>) -> Self {
        Self { address: address.into(), bytes, requests: Mutex::default(), failure: Mutex::default() }
    }

    pub(crate) fn fail_behind(&self, place: u64, kind: ErrorKind) {
        *self.failure.lock().unwrap() = Some((place, kind));
    }

    pub(crate) fn mend(&self) {
        *self.failure.lock().unwrap() = None;
    }

    pub(crate) fn take_requests(&self) -> Vec<Range<u64>> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }
}

#[allow(clippy::unwrap_used)]
impl RemoteFile for Elsewhere {
    fn address(&self) -> &Path {
        &self.address
    }

    fn state(&self) -> FileState {
        FileState { bytes: self.bytes.len() as u64, modified_ns: 1, probe: 1, ..FileState::default() }
    }

    fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        self.requests.lock().unwrap().push(range.clone());
        match *self.failure.lock().unwrap() {
            Some((place, kind)) if range.end > place => Err(kind.into()),
            _ => Ok(self.bytes[range.start as usize..range.end as usize].to_vec()),
        }
    }
}
