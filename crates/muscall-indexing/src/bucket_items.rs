//! What there is to index in a bucket.

use std::path::Path;
use std::sync::Arc;

use muscall_audio::{FileState, has_audio_extension};
use muscall_bucket::{Bucket, Object};

use crate::{IndexingError, Item, Origin, Scope};

impl Item {
    /// All audio files of a bucket below a prefix, in the order of their keys. They are fetched one by one while an
    /// [`Indexer`](crate::Indexer) reads ahead, into the folder for temporary files, and removed as soon as they are decoded.
    ///
    /// # Errors
    /// [`IndexingError::Bucket`] with what the store says.
    pub fn bucket(bucket: &Arc<Bucket>, prefix: &str) -> Result<Vec<Self>, IndexingError> {
        let mut objects = bucket.list(prefix)?;
        objects.retain(|object| has_audio_extension(Path::new(object.key())));
        Ok(objects.into_iter().map(Self::object).collect())
    }

    fn object(object: Object) -> Self {
        // The tag changes with the content, so that it says what a probe says of a file.
        let (bytes, modified_ns, probe) = (object.bytes(), object.modified_ns(), object.content_tag());
        let state = FileState { bytes, modified_ns, probe, ..FileState::default() };
        Self { part: None, path: object.address(), state, tags: Vec::new(), origin: Origin::Object(object) }
    }
}

impl Scope {
    /// Everything in a bucket below a prefix.
    pub fn bucket(bucket: &Bucket, prefix: &str) -> Self {
        let (address, prefix) = (bucket.address(), prefix.trim_matches('/'));
        Self::Prefix(if prefix.is_empty() { format!("{address}/") } else { format!("{address}/{prefix}/") })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use muscall_audio::FileComparison;
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    use super::*;

    fn put(store: &InMemory, key: &str, bytes: &'static [u8]) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let key = object_store::path::Path::parse(key).unwrap();
        runtime.block_on(store.put(&key, bytes.into())).unwrap();
    }

    #[test]
    fn objects_are_items_and_come_as_files() {
        let store = Arc::new(InMemory::new());
        let bucket = Bucket::new(store.clone(), "s3://music/").unwrap();
        put(&store, "jazz/b.MP3", b"two");
        put(&store, "jazz/a b/é.flac", b"one");
        put(&store, "jazz/notes.txt", b"no");
        put(&store, "jazzy/c.mp3", b"elsewhere");
        let items = Item::bucket(&bucket, "jazz/").unwrap();
        let names: Vec<&str> = items.iter().map(|item| item.path.as_str()).collect();
        assert_eq!(names, ["s3://music/jazz/a b/é.flac", "s3://music/jazz/b.MP3"]);
        assert_eq!(items[1].state.bytes, 3);
        let local = items[0].origin.local().unwrap();
        assert_eq!(fs::read(local.path()).unwrap(), b"one");
        assert_eq!(local.path().extension().unwrap(), "flac");
        let path = local.path().to_owned();
        drop(local);
        assert!(!path.exists());
        assert_eq!(Scope::bucket(&bucket, "jazz"), Scope::Prefix("s3://music/jazz/".into()));
        assert_eq!(Scope::bucket(&bucket, ""), Scope::Prefix("s3://music/".into()));
        // What was replaced since it was listed is another file.
        put(&store, "jazz/b.MP3", b"new");
        assert!(items[1].origin.local().is_err());
        assert_eq!(Item::bucket(&bucket, "").unwrap().len(), 3);
    }

    #[test]
    fn an_object_is_known_by_its_etag() {
        let store = Arc::new(InMemory::new());
        let bucket = Bucket::new(store.clone(), "s3://music/").unwrap();
        let state = |bytes: &'static [u8]| {
            put(&store, "a.mp3", bytes);
            Item::bucket(&bucket, "").unwrap().remove(0).state
        };
        let (before, after) = (state(b"one"), state(b"two"));
        assert!(before.probe != 0 && before.probe != after.probe);
        let after = FileState { modified_ns: before.modified_ns, ..after };
        assert_eq!(before.compare(&before), FileComparison::Same);
        assert_eq!(before.compare(&after), FileComparison::Different);
    }
}
