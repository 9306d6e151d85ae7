//! A bucket, and what is in it.

use std::fmt;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path as Key;
use tokio::runtime::Runtime;

use crate::BucketError;

/// How addresses of S3 begin.
const SCHEME: &str = "s3://";

/// A bucket.
pub struct Bucket {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) runtime: Runtime,
    address: String,
}

impl Bucket {
    /// Opens the bucket of an address such as `s3://bucket/prefix` and gives the prefix. Keys, region and endpoint
    /// come from the usual variables (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`,
    /// `AWS_ENDPOINT`, `AWS_ALLOW_HTTP`; `AWS_SKIP_SIGNATURE=true` for a public bucket), unless the bucket was
    /// [registered](Self::register).
    ///
    /// # Errors
    /// [`BucketError`] if the address is not one or a variable makes no sense.
    pub fn open(address: &str) -> Result<(Arc<Self>, String), BucketError> {
        let wrong = || BucketError::Address { found: address.to_owned() };
        let place = address.strip_prefix(SCHEME).ok_or_else(wrong)?;
        let (name, prefix) = place.split_once('/').unwrap_or((place, ""));
        if name.is_empty() {
            return Err(wrong());
        }
        let bucket = format!("{SCHEME}{name}");
        if let Some(registered) = Self::registered(&bucket) {
            return Ok((registered, prefix.to_owned()));
        }
        let store = AmazonS3Builder::from_env().with_bucket_name(name).build();
        let store = store.map_err(|error| BucketError::of_store(address, &error))?;
        Ok((Self::new(Arc::new(store), &bucket)?, prefix.to_owned()))
    }

    /// A store that is at hand; addresses of its objects start with `address`.
    ///
    /// # Errors
    /// [`BucketError::Store`] if there are no threads to be had for it.
    pub fn new(store: Arc<dyn ObjectStore>, address: &str) -> Result<Arc<Self>, BucketError> {
        let address = address.trim_end_matches('/').to_owned();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        match runtime {
            Ok(runtime) => Ok(Arc::new(Self { store, runtime, address })),
            Err(error) => Err(BucketError::Store { address, reason: error.to_string() }),
        }
    }

    /// What the addresses of its objects start with, such as `s3://bucket`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A key as the store has it, and the address that it stands for.
    pub(crate) fn key(&self, key: &str) -> Result<(String, Key), BucketError> {
        let address = format!("{}/{key}", self.address);
        match Key::parse(key) {
            Ok(key) => Ok((address, key)),
            Err(error) => Err(BucketError::Store { address, reason: error.to_string() }),
        }
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket {{ {} }}", self.address)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    #[test]
    fn an_address_names_a_bucket() {
        for wrong in ["s3://", "s3:///x", "music", "http://music"] {
            assert!(matches!(Bucket::open(wrong), Err(BucketError::Address { .. })), "{wrong}");
        }
        let (bucket, prefix) = Bucket::open("s3://music/a/b").unwrap();
        assert_eq!((bucket.address(), prefix.as_str()), ("s3://music", "a/b"));
        assert_eq!(Bucket::open("s3://music").unwrap().1, "");
    }

    #[test]
    fn a_registered_bucket_is_the_one_that_is_opened() {
        let bucket = Bucket::new(Arc::new(InMemory::new()), "s3://registered/").unwrap();
        bucket.register();
        let (opened, prefix) = Bucket::open("s3://registered/a").unwrap();
        assert!(Arc::ptr_eq(&opened, &bucket) && prefix == "a");
        assert!(!Arc::ptr_eq(&Bucket::open("s3://another").unwrap().0, &bucket));
    }
}
