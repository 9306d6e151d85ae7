//! Files that appear whole or not at all.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::EngineError;

/// Gives every file of this process a name of its own.
static FILES: AtomicU64 = AtomicU64::new(0);

/// A file under another name until it is whole; removed if it never is.
pub(crate) struct NewFile {
    new: PathBuf,
    path: PathBuf,
    kept: bool,
}

impl NewFile {
    /// Makes the file beside its place, empty.
    pub(crate) fn create(path: &Path) -> Result<(Self, File), EngineError> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".new-{}-{}", std::process::id(), FILES.fetch_add(1, Ordering::Relaxed)));
        let new = path.with_file_name(name);
        let file = File::create(&new).map_err(io(path))?;
        Ok((Self { new, path: path.to_owned(), kept: false }, file))
    }

    /// Waits for the disk and moves the file to its place, so that readers see the old or the new.
    pub(crate) fn keep(mut self, file: &File) -> Result<(), EngineError> {
        file.sync_all().and_then(|()| fs::rename(&self.new, &self.path)).map_err(io(&self.path))?;
        self.kept = true;
        sync_folder(&self.path).map_err(io(&self.path))
    }
}

/// A name is safe from a power cut when its folder is on the disk.
#[cfg(unix)]
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> std::io::Result<()> {
    Ok(())
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.new);
        }
    }
}

/// Names the file in an error of the disk.
pub(crate) fn io(path: &Path) -> impl Fn(std::io::Error) -> EngineError + '_ {
    |source| EngineError::Io { path: path.to_owned(), source }
}
