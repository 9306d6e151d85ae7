//! Music in a bucket of S3, or of what speaks like it.

mod listing;

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use futures_util::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::{ObjectStore, ObjectStoreExt};
use tempfile::NamedTempFile;
use tokio::runtime::Runtime;

use crate::IndexingError;

/// A bucket. Objects are fetched one by one while an [`Indexer`](crate::Indexer) reads ahead, into the
/// folder for temporary files, and removed as soon as they are decoded.
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    runtime: Runtime,
    url: String,
}

/// An object of a bucket.
#[derive(Clone)]
pub struct Object {
    bucket: Arc<Bucket>,
    key: object_store::path::Path,
}

impl Bucket {
    /// Opens the bucket of an address such as `s3://bucket/prefix` and gives the prefix. Keys, region and endpoint
    /// come from the usual variables (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`,
    /// `AWS_ENDPOINT`, `AWS_ALLOW_HTTP`; `AWS_SKIP_SIGNATURE=true` for a public bucket).
    ///
    /// # Errors
    /// [`IndexingError::Bucket`] if the address is not one or a variable makes no sense.
    pub fn open(address: &str) -> Result<(Arc<Self>, String), IndexingError> {
        let wrong = || IndexingError::Address { found: address.to_owned() };
        let (name, prefix) = address.strip_prefix("s3://").ok_or_else(wrong)?.split_once('/').unwrap_or_else(|| {
            let name = address.trim_start_matches("s3://");
            (name, "")
        });
        if name.is_empty() {
            return Err(wrong());
        }
        let store = AmazonS3Builder::from_env().with_bucket_name(name).build();
        let store = store.map_err(|error| Self::error(address, &error))?;
        Ok((Self::new(Arc::new(store), &format!("s3://{name}"))?, prefix.to_owned()))
    }

    /// A store that is at hand; names in the index start with `url`.
    ///
    /// # Errors
    /// [`IndexingError::Bucket`] if there are no threads to be had for it.
    pub fn new(store: Arc<dyn ObjectStore>, url: &str) -> Result<Arc<Self>, IndexingError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| Self::error(url, &error))?;
        Ok(Arc::new(Self { store, runtime, url: url.trim_end_matches('/').to_owned() }))
    }

    fn error(address: &str, error: &dyn fmt::Display) -> IndexingError {
        IndexingError::Bucket { address: address.to_owned(), reason: error.to_string() }
    }
}

impl Object {
    /// Its bytes, in a file that is removed when dropped. It keeps the extension, by which decoders guess.
    pub(crate) fn fetch(&self) -> io::Result<NamedTempFile> {
        let extension = self.key.extension().unwrap_or_default();
        let mut file = tempfile::Builder::new().prefix("muscall-").suffix(&format!(".{extension}")).tempfile()?;
        let Bucket { store, runtime, .. } = &*self.bucket;
        let fetch = async {
            let mut parts = store.get(&self.key).await?.into_stream();
            while let Some(part) = parts.try_next().await? {
                file.write_all(&part)?;
            }
            file.flush()
        };
        runtime.block_on(fetch)?;
        Ok(file)
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket {{ {} }}", self.url)
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object {{ {}/{} }}", self.bucket.url, self.key)
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        (&self.bucket.url, &self.key) == (&other.bucket.url, &other.key)
    }
}

impl Eq for Object {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use muscall_audio::{FileComparison, FileState};
    use object_store::memory::InMemory;

    use super::*;

    #[test]
    fn objects_are_items_and_come_as_files() {
        let store = Arc::new(InMemory::new());
        let bucket = Bucket::new(store.clone(), "s3://music/").unwrap();
        let put = |key: &str, bytes: &'static [u8]| {
            let key = object_store::path::Path::parse(key).unwrap();
            bucket.runtime.block_on(store.put(&key, bytes.into())).unwrap();
        };
        put("jazz/b.MP3", b"two");
        put("jazz/a b/é.flac", b"one");
        put("jazz/notes.txt", b"no");
        put("jazzy/c.mp3", b"elsewhere");
        let items = bucket.items("jazz/").unwrap();
        let names: Vec<&str> = items.iter().map(|item| item.path.as_str()).collect();
        assert_eq!(names, ["s3://music/jazz/a b/é.flac", "s3://music/jazz/b.MP3"]);
        assert_eq!(items[1].state.bytes, 3);
        let local = items[0].origin.local().unwrap();
        assert_eq!(fs::read(local.path()).unwrap(), b"one");
        assert_eq!(local.path().extension().unwrap(), "flac");
        let path = local.path().to_owned();
        drop(local);
        assert!(!path.exists());
        assert_eq!(bucket.scope("jazz"), crate::Scope::Prefix("s3://music/jazz/".into()));
        bucket.runtime.block_on(store.delete(&"jazz/b.MP3".into())).unwrap();
        assert!(items[1].origin.local().is_err());
        assert_eq!(bucket.items("").unwrap().len(), 2);
    }

    #[test]
    fn an_object_is_known_by_its_etag() {
        let store = Arc::new(InMemory::new());
        let bucket = Bucket::new(store.clone(), "s3://music/").unwrap();
        let put = |bytes: &'static [u8]| {
            bucket.runtime.block_on(store.put(&"a.mp3".into(), bytes.into())).unwrap();
            bucket.items("").unwrap().remove(0).state
        };
        let (before, after) = (put(b"one"), put(b"two"));
        assert!(before.probe != 0 && before.probe != after.probe);
        let after = FileState { modified_ns: before.modified_ns, ..after };
        assert_eq!(before.compare(&before), FileComparison::Same);
        assert_eq!(before.compare(&after), FileComparison::Different);
    }

    #[test]
    fn an_address_names_a_bucket() {
        for wrong in ["s3://", "s3:///x", "music", "http://music"] {
            assert!(matches!(Bucket::open(wrong), Err(IndexingError::Address { .. })), "{wrong}");
        }
        let (bucket, prefix) = Bucket::open("s3://music/a/b").unwrap();
        assert_eq!((bucket.url.as_str(), prefix.as_str()), ("s3://music", "a/b"));
        assert_eq!(Bucket::open("s3://music").unwrap().1, "");
    }
}
