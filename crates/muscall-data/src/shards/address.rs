//! Addresses of what is not on this machine.

use std::path::Path;

/// What begins so is the address of a file, or how other programs come by one.
const FOREIGN: [&str; 6] = ["http://", "https://", "gs://", "hf://", "file://", "pipe:"];
const BUCKET: &str = "s3://";

/// Whether a path is an address in a bucket.
pub(crate) fn is_in_bucket(path: &Path) -> bool {
    path.to_str().is_some_and(|text| text.starts_with(BUCKET))
}

/// Whether a path is an address that is not read.
pub(crate) fn is_foreign(path: &Path) -> bool {
    path.to_str().is_some_and(|text| FOREIGN.iter().any(|scheme| text.starts_with(scheme)))
}
