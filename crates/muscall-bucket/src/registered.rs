//! Buckets that a program opens in its own way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::Bucket;

static REGISTERED: Mutex<BTreeMap<String, Arc<Bucket>>> = Mutex::new(BTreeMap::new());

impl Bucket {
    /// Makes this the bucket that [`open`](Self::open) gives for its address from now on, in this process: for a store that
    /// isn't described by environment variables, such as one with its own credentials, or one in memory.
    pub fn register(self: &Arc<Self>) {
        let mut all = REGISTERED.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(self.address().to_owned(), self.clone());
    }

    /// The bucket that was registered for an address such as `s3://bucket`.
    pub(crate) fn registered(address: &str) -> Option<Arc<Self>> {
        REGISTERED.lock().unwrap_or_else(PoisonError::into_inner).get(address).cloned()
    }
}
