//! An object of a bucket.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::ops::Range;
use std::sync::Arc;

use futures_util::TryStreamExt;
use object_store::{GetOptions, ObjectMeta, ObjectStore};
use tempfile::NamedTempFile;
use xxhash_rust::xxh3::xxh3_64;

use crate::Bucket;

/// An object of a bucket, as it was when it was found there.
#[derive(Clone)]
pub struct Object {
    pub(crate) bucket: Arc<Bucket>,
    pub(crate) meta: ObjectMeta,
}

impl Object {
    /// Its key, such as `jazz/0017.mp3`.
    pub fn key(&self) -> &str {
        self.meta.location.as_ref()
    }

    /// Its address, such as `s3://music/jazz/0017.mp3`.
    pub fn address(&self) -> String {
        format!("{}/{}", self.bucket.address(), self.meta.location)
    }

    /// How many bytes it has.
    pub fn bytes(&self) -> u64 {
        self.meta.size
    }

    /// When it was written, in ns since 1970; 0 if that is unknown.
    pub fn modified_ns(&self) -> u64 {
        let time = self.meta.last_modified.timestamp_nanos_opt();
        time.and_then(|ns| u64::try_from(ns).ok()).unwrap_or_default()
    }

    /// A hash of its ETag, which changes with its content; 0 if the store gives none.
    pub fn content_tag(&self) -> u64 {
        self.meta.e_tag.as_ref().map_or(0, |tag| xxh3_64(tag.as_bytes()).max(1))
    }

    /// These of its bytes, in one request.
    ///
    /// # Errors
    /// [`ErrorKind::StaleNetworkFileHandle`] if it was replaced since it was found, [`ErrorKind::NotFound`] if it was
    /// removed, [`ErrorKind::PermissionDenied`] if the store refuses it; any other kind means that no answer came, though
    /// the request was repeated.
    pub fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = range.end - range.start;
        let options = GetOptions { range: Some(range.into()), ..self.as_it_was() };
        let Bucket { store, runtime, .. } = &*self.bucket;
        let read = async { store.get_opts(&self.meta.location, options).await?.bytes().await };
        let bytes = runtime.block_on(read).map_err(into_io)?;
        match bytes.len() as u64 {
            found if found == wanted => Ok(bytes.into()),
            found => {
                let told = format!("{found} bytes came, and {wanted} were asked for");
                Err(io::Error::new(ErrorKind::UnexpectedEof, told))
            }
        }
    }

    /// All of its bytes, in a file that is removed when dropped. It keeps the extension, by which decoders guess.
    ///
    /// # Errors
    /// As [`read`](Self::read), or if the file cannot be written.
    pub fn fetch(&self) -> io::Result<NamedTempFile> {
        let extension = self.meta.location.extension().unwrap_or_default();
        let mut file = tempfile::Builder::new().prefix("muscall-").suffix(&format!(".{extension}")).tempfile()?;
        let Bucket { store, runtime, .. } = &*self.bucket;
        let fetch = async {
            let found = store.get_opts(&self.meta.location, self.as_it_was()).await.map_err(into_io)?;
            let mut parts = found.into_stream();
            while let Some(part) = parts.try_next().await.map_err(into_io)? {
                file.write_all(&part)?;
            }
            file.flush()
        };
        runtime.block_on(fetch)?;
        Ok(file)
    }

    /// Only if it is what it was when it was found.
    fn as_it_was(&self) -> GetOptions {
        match &self.meta.e_tag {
            Some(tag) => GetOptions { if_match: Some(tag.clone()), ..GetOptions::default() },
            None => GetOptions { if_unmodified_since: Some(self.meta.last_modified), ..GetOptions::default() },
        }
    }
}

/// With the kind that tells what the store has answered, or whether it has.
fn into_io(error: object_store::Error) -> io::Error {
    use object_store::Error;
    let kind = match &error {
        Error::NotFound { .. } => ErrorKind::NotFound,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => ErrorKind::PermissionDenied,
        Error::Precondition { .. } => {
            return io::Error::new(ErrorKind::StaleNetworkFileHandle, "it was replaced since it was found");
        }
        _ => ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object {{ {} }}", self.address())
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        (self.bucket.address(), self.key()) == (other.bucket.address(), other.key())
    }
}

impl Eq for Object {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    use super::*;

    fn bucket() -> (Arc<InMemory>, Arc<Bucket>) {
        let store = Arc::new(InMemory::new());
        let bucket = Bucket::new(store.clone(), "s3://music").unwrap();
        (store, bucket)
    }

    fn put(store: &InMemory, bucket: &Arc<Bucket>, bytes: &'static [u8]) -> Object {
        bucket.runtime.block_on(store.put(&"a b/one.FLAC".into(), bytes.into())).unwrap();
        bucket.object("a b/one.FLAC").unwrap()
    }

    #[test]
    fn an_object_comes_as_a_file_or_in_part() {
        let (store, bucket) = bucket();
        let object = put(&store, &bucket, b"before the middle behind");
        assert_eq!(object.read(7..17).unwrap(), b"the middle");
        assert_eq!(object.read(3..3).unwrap(), b"");
        let file = object.fetch().unwrap();
        assert_eq!(fs::read(file.path()).unwrap(), b"before the middle behind");
        assert_eq!(file.path().extension().unwrap(), "FLAC");
        let path = file.path().to_owned();
        drop(file);
        assert!(!path.exists());
        // Bytes that it does not have are not made up.
        assert!(object.read(20..30).is_err() && object.read(30..40).is_err());
    }

    #[test]
    fn an_object_that_was_replaced_or_removed_is_not_read() {
        let (store, bucket) = bucket();
        let before = put(&store, &bucket, b"one");
        let after = put(&store, &bucket, b"two");
        assert!(before.content_tag() != 0 && before.content_tag() != after.content_tag());
        assert_eq!(after.read(0..3).unwrap(), b"two");
        for error in [before.read(0..3).unwrap_err(), before.fetch().unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::StaleNetworkFileHandle, "{error}");
        }
        bucket.runtime.block_on(store.delete(&after.meta.location)).unwrap();
        assert_eq!(after.read(0..3).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
