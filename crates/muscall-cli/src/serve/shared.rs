//! What all requests share: the newest state of the library.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use axum::body::Bytes;
use muscall::library::Library;

use crate::serve::failure::Failure;

/// What all requests share.
pub struct Shared {
    library: RwLock<Arc<Library>>,
    /// The names that are accepted as host, if not all are.
    pub hosts: Option<Vec<String>>,
    /// The last file that was decoded for a browser that cannot: its identity and the WAV.
    pub decoded: Mutex<Option<(String, Bytes)>>,
    has_complained: AtomicBool,
}

impl Shared {
    pub fn new(library: Library, hosts: Option<Vec<String>>) -> Self {
        Self {
            library: RwLock::new(Arc::new(library)),
            hosts,
            decoded: Mutex::new(None),
            has_complained: AtomicBool::new(false),
        }
    }

    /// The newest committed state; one request works with one of them.
    fn library(&self) -> Arc<Library> {
        let current = self.library.read().unwrap_or_else(PoisonError::into_inner).clone();
        match current.refreshed() {
            Ok(None) => current,
            Ok(Some(newer)) => {
                let newer = Arc::new(newer);
                *self.library.write().unwrap_or_else(PoisonError::into_inner) = newer.clone();
                newer
            }
            Err(error) => {
                if !self.has_complained.swap(true, Ordering::Relaxed) {
                    eprintln!("continuing with the index that is in memory until the next start: {error}");
                }
                current
            }
        }
    }

    /// Lets a thread that may wait do some work on the library.
    pub async fn with_library<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Library) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let shared = self.clone();
        tokio::task::spawn_blocking(move || work(&shared.library())).await.map_err(Failure::internal)?
    }
}
