//! What tar files are called.

use std::path::Path;

/// Whether a file is a shard, by its name.
pub(super) fn is_shard(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    is_tar(&name) && !name.starts_with('.')
}

pub(super) fn is_tar(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tar"))
}
