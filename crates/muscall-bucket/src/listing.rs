//! What is in a bucket.

use std::sync::Arc;

use futures_util::TryStreamExt;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use crate::{Bucket, BucketError, Object};

impl Bucket {
    /// All objects below a prefix, in the order of their keys.
    ///
    /// # Errors
    /// [`BucketError`] with what the store says.
    pub fn list(self: &Arc<Self>, prefix: &str) -> Result<Vec<Object>, BucketError> {
        let (address, key) = self.key(prefix.trim_end_matches('/'))?;
        let list = self.store.list(Some(&key)).try_collect::<Vec<ObjectMeta>>();
        let mut found = self.runtime.block_on(list).map_err(|error| BucketError::of_store(&address, &error))?;
        found.sort_by(|a, b| a.location.cmp(&b.location));
        Ok(found.into_iter().map(|meta| Object { bucket: self.clone(), meta }).collect())
    }

    /// The object of a key.
    ///
    /// # Errors
    /// [`BucketError`] if there is none, or with what the store says.
    pub fn object(self: &Arc<Self>, key: &str) -> Result<Object, BucketError> {
        let (address, key) = self.key(key)?;
        let meta = self.runtime.block_on(self.store.head(&key));
        let meta = meta.map_err(|error| BucketError::of_store(&address, &error))?;
        Ok(Object { bucket: self.clone(), meta })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use object_store::memory::InMemory;
    use object_store::path::Path as Key;

    use super::*;

    #[test]
    fn objects_are_listed_below_a_prefix_and_found_by_their_keys() {
        let store = Arc::new(InMemory::new());
        let bucket = Bucket::new(store.clone(), "s3://music/").unwrap();
        for key in ["jazz/b.mp3", "jazz/a b/é.flac", "jazzy/c.mp3"] {
            bucket.runtime.block_on(store.put(&Key::parse(key).unwrap(), "bytes".into())).unwrap();
        }
        let addresses =
            |prefix: &str| -> Vec<String> { bucket.list(prefix).unwrap().iter().map(Object::address).collect() };
        assert_eq!(addresses("jazz/"), ["s3://music/jazz/a b/é.flac", "s3://music/jazz/b.mp3"]);
        assert_eq!(addresses("jazz"), addresses("jazz/"));
        assert_eq!(addresses("").len(), 3);
        assert_eq!(bucket.object("jazzy/c.mp3").unwrap().bytes(), 5);
        let error = bucket.object("jazz/none.mp3").unwrap_err();
        assert!(matches!(error, BucketError::Missing { .. }), "{error}");
        assert!(error.to_string().starts_with("s3://music/jazz/none.mp3: nothing is there"), "{error}");
    }
}
