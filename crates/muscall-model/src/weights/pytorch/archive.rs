//! The zip file around a checkpoint: entries are stored, not compressed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use muscall_files::FileError;
use zip::{CompressionMethod, ZipArchive};

use super::PytorchError;

/// Pickles are small: tensors are outside. Anything larger is not a checkpoint.
const LARGEST_PICKLE: u64 = 32 << 20;

/// Where an entry's bytes are.
#[derive(Debug, Clone, Copy)]
struct Place {
    start: u64,
    size: u64,
}

/// The entries of a file, by the name behind the archive's own folder.
#[derive(Debug)]
pub(super) struct Archive {
    path: PathBuf,
    file: File,
    places: BTreeMap<String, Place>,
}

impl Archive {
    pub(super) fn open(path: &Path) -> Result<Self, PytorchError> {
        let io = FileError::reading(path);
        let file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let not = |reason: String| PytorchError::NotAnArchive { path: path.to_owned(), reason };
        let mut zip = ZipArchive::new(&file).map_err(|error| not(error.to_string()))?;
        let mut places = BTreeMap::new();
        for i in 0..zip.len() {
            let entry = zip.by_index_raw(i).map_err(|error| not(error.to_string()))?;
            let name = entry.name().map_err(|error| not(error.to_string()))?.into_owned();
            let wrong = |reason| PytorchError::Entry { path: path.to_owned(), entry: name.clone(), reason };
            let escapes = name.starts_with('/') || name.contains('\\') || name.split('/').any(|part| part == "..");
            if escapes {
                return Err(wrong("points outside the archive"));
            }
            if entry.compression() != CompressionMethod::Stored || entry.encrypted() {
                return Err(wrong("is compressed or encrypted"));
            }
            let (start, size) = (entry.data_start().unwrap_or(u64::MAX), entry.size());
            let fits = start.checked_add(size).is_some_and(|end| end <= length) && entry.compressed_size() == size;
            if !fits {
                return Err(wrong("claims to be larger than the file"));
            }
            let own = name.split_once('/').map_or(name.as_str(), |(_, own)| own);
            if places.insert(own.to_owned(), Place { start, size }).is_some() {
                return Err(wrong("is there twice"));
            }
        }
        drop(zip);
        let mut archive = Self { path: path.to_owned(), file, places };
        if archive.places.contains_key("byteorder") {
            let order = archive.read("byteorder", 0, archive.size("byteorder").unwrap_or(0).min(16))?;
            if order != b"little" {
                return Err(not("its numbers are big-endian".to_owned()));
            }
        }
        Ok(archive)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of all entries together.
    pub(super) fn total_size(&self) -> usize {
        self.places.values().map(|place| place.size as usize).fold(0, usize::saturating_add)
    }

    /// Bytes of an entry.
    pub(super) fn size(&self, name: &str) -> Option<usize> {
        usize::try_from(self.places.get(name)?.size).ok()
    }

    /// The pickle.
    pub(super) fn pickle(&mut self) -> Result<Vec<u8>, PytorchError> {
        const NAME: &str = "data.pkl";
        let Some(place) = self.places.get(NAME) else {
            let reason = "there is no data.pkl in it".to_owned();
            return Err(PytorchError::NotAnArchive { path: self.path.clone(), reason });
        };
        if place.size > LARGEST_PICKLE {
            let (path, entry) = (self.path.clone(), NAME.to_owned());
            return Err(PytorchError::Entry { path, entry, reason: "is larger than 32 MiB" });
        }
        let size = place.size as usize;
        self.read(NAME, 0, size)
    }

    /// A part of an entry, which is known to have it.
    pub(super) fn read(&mut self, name: &str, offset: usize, length: usize) -> Result<Vec<u8>, PytorchError> {
        let path = self.path.clone();
        let inside = |place: &&Place| offset.checked_add(length).is_some_and(|end| end as u64 <= place.size);
        let Some(place) = self.places.get(name).filter(inside) else {
            return Err(PytorchError::Entry { path, entry: name.to_owned(), reason: "is too short" });
        };
        let io = FileError::reading(&path);
        self.file.seek(SeekFrom::Start(place.start + offset as u64)).map_err(io)?;
        let mut bytes = vec![0; length];
        self.file.read_exact(&mut bytes).map_err(io)?;
        Ok(bytes)
    }
}
