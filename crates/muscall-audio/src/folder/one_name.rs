//! Files that have several names.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Gives each file the one of its names that leads over no link, or else the first, and the other names with it.
pub(super) fn one_name_each(files: Vec<PathBuf>) -> (Vec<PathBuf>, Vec<(PathBuf, PathBuf)>) {
    let ids: Vec<Option<FileId>> = files.iter().map(|file| file_id(file)).collect();
    let mut kept: HashMap<&FileId, usize> = HashMap::with_capacity(files.len());
    for (i, id) in ids.iter().enumerate() {
        let Some(id) = id else { continue };
        kept.entry(id).and_modify(|kept| *kept = better(&files, *kept, i)).or_insert(i);
    }
    let keeper: Vec<usize> =
        ids.iter().enumerate().map(|(i, id)| id.as_ref().and_then(|id| kept.get(id).copied()).unwrap_or(i)).collect();
    let links = keeper.iter().enumerate().filter(|(i, kept)| i != *kept);
    let links = links.map(|(i, &kept)| (files[i].clone(), files[kept].clone())).collect();
    let names = files.into_iter().enumerate().filter(|(i, _)| keeper[*i] == *i);
    (names.map(|(_, file)| file).collect(), links)
}

/// The one of two names of a file to keep: the earlier one, unless only the later one is free of links.
fn better(files: &[PathBuf], earlier: usize, later: usize) -> usize {
    let is_real = |file: &Path| fs::canonicalize(file).is_ok_and(|real| real == file);
    if !is_real(&files[earlier]) && is_real(&files[later]) { later } else { earlier }
}

#[cfg(unix)]
type FileId = (u64, u64, u64, i64, i64);
#[cfg(not(unix))]
type FileId = PathBuf;

/// What names of one file have in common.
#[cfg(unix)]
fn file_id(file: &Path) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(file).ok()?;
    // Size and time keep apart what a network file system gives one number.
    let (changed_s, changed_ns) = (metadata.mtime(), metadata.mtime_nsec());
    (metadata.ino() != 0).then_some((metadata.dev(), metadata.ino(), metadata.len(), changed_s, changed_ns))
}

/// What names of one file have in common: hard links can't be told apart from copies here.
#[cfg(not(unix))]
fn file_id(file: &Path) -> Option<FileId> {
    fs::canonicalize(file).ok()
}
