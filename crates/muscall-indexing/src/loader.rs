//! What threads of one run share when they load files.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use muscall_audio::FileState;
use muscall_files::Digest;
use muscall_model::Muscall;

use crate::plan::Plan;
use crate::underway::Underway;
use crate::unfinished::Unfinished;

/// What threads of one run have found out.
#[derive(Default)]
pub(crate) struct Decoded {
    /// Contents that were decoded, and the first file of each.
    first: Mutex<HashMap<u128, usize>>,
    /// Hashes of files of which there are parts, each by its state.
    hashes: Mutex<HashMap<PathBuf, (FileState, u128)>>,
}

impl Decoded {
    /// The first file of a content so far, if it is before this one.
    pub(crate) fn before(&self, number: usize, content: u128) -> Option<usize> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).get(&content).copied();
        first.filter(|&first| first < number)
    }

    pub(crate) fn note(&self, number: usize, content: u128) {
        let mut all = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(content).and_modify(|first| *first = number.min(*first)).or_insert(number);
    }

    /// The hash of a file, which is read once for all of its parts.
    pub(crate) fn hash(&self, path: &Path, state: FileState) -> io::Result<u128> {
        let mut all = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get(path) {
            Some((known, hash)) if *known == state => Ok(*hash),
            _ => {
                let hash = hash(path)?;
                all.insert(path.to_owned(), (state, hash));
                Ok(hash)
            }
        }
    }
}

/// What files are loaded for.
#[derive(Clone, Copy)]
pub(crate) struct Loader<'a> {
    pub(crate) model: &'a Muscall,
    pub(crate) plan: &'a Plan,
    pub(crate) decoded: &'a Decoded,
    pub(crate) underway: &'a Underway,
    pub(crate) unfinished: &'a Unfinished,
    /// Threads of the run, each of which loads a file of its own as long as there are as many.
    pub(crate) threads: usize,
}

/// Of all bytes; never 0, which stands for an unknown content.
pub(crate) fn hash(path: &Path) -> io::Result<u128> {
    Ok(Digest::of(File::open(path)?)?.hash_128().max(1))
}
