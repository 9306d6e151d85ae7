//! What is in a bucket.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use futures_util::TryStreamExt;
use muscall_audio::{FileState, has_audio_extension};
use object_store::ObjectMeta;
use xxhash_rust::xxh3::xxh3_64;

use super::{Bucket, Object};
use crate::{IndexingError, Item, Origin};

impl Bucket {
    /// All audio files below a prefix, in the order of their keys.
    ///
    /// # Errors
    /// [`IndexingError::Bucket`] with what the store says.
    pub fn items(self: &Arc<Self>, prefix: &str) -> Result<Vec<Item>, IndexingError> {
        let error = |error: &dyn fmt::Display| Self::error(&format!("{}/{prefix}", self.url), error);
        let prefix = object_store::path::Path::parse(prefix.trim_end_matches('/')).map_err(|e| error(&e))?;
        let list = self.store.list(Some(&prefix)).try_collect::<Vec<ObjectMeta>>();
        let mut objects = self.runtime.block_on(list).map_err(|e| error(&e))?;
        objects.retain(|object| has_audio_extension(Path::new(object.location.as_ref())));
        objects.sort_by(|a, b| a.location.cmp(&b.location));
        Ok(objects.into_iter().map(|object| self.item(object)).collect())
    }

    /// What stands before the names of this bucket's items below a prefix.
    pub fn scope(&self, prefix: &str) -> crate::Scope {
        let prefix = prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { format!("{}/", self.url) } else { format!("{}/{prefix}/", self.url) };
        crate::Scope::Prefix(prefix)
    }

    fn item(self: &Arc<Self>, object: ObjectMeta) -> Item {
        let modified_ns = object.last_modified.timestamp_nanos_opt().and_then(|ns| u64::try_from(ns).ok());
        // It changes with the content, so that it says what a probe says of a file. 0 stands for none.
        let probe = object.e_tag.map_or(0, |tag| xxh3_64(tag.as_bytes()).max(1));
        let modified_ns = modified_ns.unwrap_or_default();
        Item {
            part: None,
            path: format!("{}/{}", self.url, object.location),
            state: FileState { bytes: object.size, modified_ns, probe, ..FileState::default() },
            tags: Vec::new(),
            origin: Origin::Object(Object { bucket: self.clone(), key: object.location }),
        }
    }
}
