//! The files that the rows of a manifest are read from.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use muscall_audio::{AudioError, Place};
use rayon::prelude::*;

use crate::DataError;
use crate::manifest::Manifest;

/// The files of a manifest. Several rows may be of one: parts of a recording, or members of a shard.
#[derive(Debug)]
pub struct Files {
    /// In the order of their paths, each once.
    pub(crate) places: Vec<Place>,
    /// The place of each row's file among them.
    pub(crate) of_row: Vec<u32>,
}

impl Files {
    /// Of these rows.
    pub fn of_manifest(manifest: &Manifest) -> Self {
        let mut known: HashMap<&[u8], u32> = HashMap::new();
        let mut found: Vec<Place> = Vec::new();
        let mut of_row = Vec::with_capacity(manifest.rows.len());
        for row in &manifest.rows {
            let place = *known.entry(bytes(row.file())).or_insert_with(|| {
                found.push(row.place());
                found.len() as u32 - 1
            });
            of_row.push(place);
        }
        drop(known);
        let mut order: Vec<u32> = (0..found.len() as u32).collect();
        order.par_sort_unstable_by(|&a, &b| bytes(found[a as usize].path()).cmp(bytes(found[b as usize].path())));
        let mut place = vec![0; order.len()];
        (0..).zip(&order).for_each(|(to, &from)| place[from as usize] = to);
        of_row.iter_mut().for_each(|file| *file = place[*file as usize]);
        Self { places: order.into_iter().map(|file| found[file as usize].clone()).collect(), of_row }
    }

    /// The rows whose file cannot be opened now.
    pub fn absent(&self) -> BTreeSet<usize> {
        let is_absent = |place: &Place| match place {
            Place::Disk(path) => open(path).is_err(),
            Place::Remote(_) => look_into(place).is_err_and(|error| is_answer(error.kind())),
        };
        let is_absent: Vec<bool> = self.places.par_iter().map(is_absent).collect();
        (0..self.of_row.len()).filter(|&row| is_absent[self.of_row[row] as usize]).collect()
    }

    pub(crate) fn of(&self, row: usize) -> &Place {
        &self.places[self.of_row[row] as usize]
    }

    /// Whether no answer came from where the file of a row is.
    pub(crate) fn is_unanswered(&self, row: usize, error: &DataError) -> bool {
        match error {
            DataError::Audio(AudioError::Io(error)) => {
                matches!(self.of(row), Place::Remote(_)) && !is_answer(error.source.kind())
            }
            _ => false,
        }
    }
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

/// Whether a file elsewhere is not given since it is gone, refused or another one.
fn is_answer(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::StaleNetworkFileHandle)
}

/// Opens a file that has something in it, and says how much.
pub(crate) fn open(path: &Path) -> io::Result<(File, u64)> {
    let metadata = fs::metadata(path)?;
    // Opening a pipe could wait for ever.
    if !metadata.is_file() || metadata.len() == 0 {
        return Err(ErrorKind::InvalidData.into());
    }
    Ok((File::open(path)?, metadata.len()))
}

/// Reads the first, the middle and the last byte: some of a disk that is gone may still be in memory.
pub(crate) fn look_into(place: &Place) -> io::Result<()> {
    let path = match place {
        Place::Disk(path) => path,
        Place::Remote(file) => return file.read(0..1).map(drop),
    };
    let (mut file, bytes) = open(path)?;
    for at in [0, bytes / 2, bytes - 1] {
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut [0])?;
    }
    Ok(())
}
