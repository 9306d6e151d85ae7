//! Shards in buckets.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use muscall_audio::{FileState, Place, RemoteFile};
use muscall_bucket::{Bucket, Object};

use super::tar_name::is_shard;
use crate::DataError;

/// Buckets that were opened, and objects that were found.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    opened: Mutex<HashMap<String, Arc<Bucket>>>,
    found: Mutex<HashMap<PathBuf, Place>>,
}

/// An object as a file whose bytes can be asked for.
#[derive(Debug)]
struct RemoteObject {
    address: PathBuf,
    object: Object,
}

impl RemoteFile for RemoteObject {
    fn address(&self) -> &Path {
        &self.address
    }

    fn state(&self) -> FileState {
        let Self { object, .. } = self;
        let (bytes, modified_ns, probe) = (object.bytes(), object.modified_ns(), object.content_tag());
        FileState { bytes, modified_ns, probe, ..FileState::default() }
    }

    fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        self.object.read(range)
    }
}

impl Buckets {
    /// The object of an address.
    pub(super) fn object(&self, address: &Path) -> Result<Place, DataError> {
        if let Some(found) = self.found.lock().unwrap_or_else(PoisonError::into_inner).get(address) {
            return Ok(found.clone());
        }
        let (bucket, key) = self.bucket(address)?;
        Ok(self.note(address.to_owned(), bucket.object(&key)?))
    }

    /// The addresses of all shards below one: those right there come first, as in a folder.
    pub(super) fn shards_below(&self, address: &Path) -> Result<Vec<PathBuf>, DataError> {
        let (bucket, prefix) = self.bucket(address)?;
        let prefix = prefix.trim_end_matches('/');
        let mut shards = Vec::new();
        for object in bucket.list(prefix)? {
            let inner = PathBuf::from(object.key().strip_prefix(prefix).unwrap_or_default().trim_start_matches('/'));
            if is_shard(&inner) {
                let address = PathBuf::from(object.address());
                self.note(address.clone(), object);
                shards.push((inner.components().count() > 1, inner, address));
            }
        }
        shards.sort_unstable();
        Ok(shards.into_iter().map(|(.., address)| address).collect())
    }

    fn note(&self, address: PathBuf, object: Object) -> Place {
        let place = Place::Remote(Arc::new(RemoteObject { address: address.clone(), object }));
        self.found.lock().unwrap_or_else(PoisonError::into_inner).insert(address, place.clone());
        place
    }

    /// The bucket of an address, and what follows its name.
    fn bucket(&self, address: &Path) -> Result<(Arc<Bucket>, String), DataError> {
        let address = address.to_string_lossy();
        let (name, key) = split(&address);
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = opened.get(name) {
            return Ok((bucket.clone(), key.to_owned()));
        }
        let (bucket, key) = Bucket::open(&address)?;
        opened.insert(name.to_owned(), bucket.clone());
        Ok((bucket, key))
    }
}

/// An address as that of its bucket, and what follows.
fn split(address: &str) -> (&str, &str) {
    let start = address.find("://").map_or(0, |at| at + 3);
    match address[start..].find('/') {
        Some(slash) => (&address[..start + slash], &address[start + slash + 1..]),
        None => (address, ""),
    }
}
