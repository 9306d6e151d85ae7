//! Vectors that take long to compute, in a file that grows.
//!
//! A file begins with what identifies the vectors: another model's are not taken for these. Then come the vectors, one after
//! the other, each with its key and a checksum. A program that is killed leaves at most half of the last one behind, which
//! the next program writes over.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use muscall_files::FileError;

use crate::TrainError;

const MAGIC: &[u8; 16] = b"muscall vectors1";
/// Bytes of a key, and of a checksum.
const KEY: usize = 16;
const CHECKSUM: usize = 4;

/// Vectors by key, in memory and in a file.
#[derive(Debug)]
pub(crate) struct VectorFile {
    path: PathBuf,
    /// Locked: two programs that add to it would write over each other.
    file: File,
    dim: usize,
    places: HashMap<u128, usize>,
    values: Vec<f32>,
}

impl VectorFile {
    /// Opens a file, or begins one where there is none or that of another origin. What is damaged, and whatever follows it,
    /// is forgotten.
    ///
    /// # Errors
    /// [`TrainError::Io`] with the path, and [`TrainError::VectorsInUse`].
    pub(crate) fn open(path: &Path, origin: &str, dim: usize) -> Result<Self, TrainError> {
        let writing = || FileError::writing(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(FileError::writing(folder))?;
        }
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = options.map_err(writing())?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(TrainError::VectorsInUse { path: path.to_owned() }),
            // Where nothing can be locked, nobody else is kept away.
            Err(TryLockError::Error(_)) => {}
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(FileError::reading(path))?;
        let header = header(origin, dim);
        let mut vectors = Self { path: path.to_owned(), file, dim, places: HashMap::new(), values: Vec::new() };
        let mut whole = 0;
        if bytes.starts_with(&header) {
            whole = header.len();
            for record in bytes[whole..].chunks_exact(vectors.record_bytes()) {
                let Some((key, vector)) = read_record(record) else { break };
                vectors.insert(key, &vector);
                whole += record.len();
            }
        }
        vectors.file.set_len(whole as u64).map_err(writing())?;
        vectors.file.seek(SeekFrom::Start(whole as u64)).map_err(writing())?;
        if whole == 0 {
            vectors.write(&header)?;
        }
        Ok(vectors)
    }

    /// A vector, if it is known.
    pub(crate) fn get(&self, key: u128) -> Option<&[f32]> {
        self.places.get(&key).map(|place| &self.values[place * self.dim..][..self.dim])
    }

    /// Adds vectors, which are on the disk when this returns. One that is known stays what it is.
    ///
    /// # Errors
    /// [`TrainError::Io`] with the path.
    pub(crate) fn add<'a>(&mut self, vectors: impl Iterator<Item = (u128, &'a [f32])>) -> Result<(), TrainError> {
        let mut bytes = Vec::new();
        for (key, vector) in vectors {
            if !self.places.contains_key(&key) {
                let start = bytes.len();
                bytes.extend_from_slice(&key.to_le_bytes());
                vector.iter().for_each(|x| bytes.extend_from_slice(&x.to_le_bytes()));
                let checksum = crc32c::crc32c(&bytes[start..]);
                bytes.extend_from_slice(&checksum.to_le_bytes());
                self.insert(key, vector);
            }
        }
        self.write(&bytes)
    }

    fn insert(&mut self, key: u128, vector: &[f32]) {
        self.places.insert(key, self.values.len() / self.dim);
        self.values.extend_from_slice(vector);
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), TrainError> {
        let written: io::Result<()> = self.file.write_all(bytes).and_then(|()| self.file.sync_data());
        Ok(written.map_err(FileError::writing(&self.path))?)
    }

    fn record_bytes(&self) -> usize {
        KEY + self.dim * size_of::<f32>() + CHECKSUM
    }
}

fn header(origin: &str, dim: usize) -> Vec<u8> {
    let mut header = MAGIC.to_vec();
    header.extend_from_slice(&(dim as u64).to_le_bytes());
    header.extend_from_slice(&(origin.len() as u64).to_le_bytes());
    header.extend_from_slice(origin.as_bytes());
    header
}

/// The key and the vector of a record that is whole.
fn read_record(record: &[u8]) -> Option<(u128, Vec<f32>)> {
    let (content, checksum) = record.split_at_checked(record.len().checked_sub(CHECKSUM)?)?;
    if crc32c::crc32c(content).to_le_bytes() != checksum {
        return None;
    }
    let (key, values) = content.split_first_chunk::<KEY>()?;
    let vector = values.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Some((u128::from_le_bytes(*key), vector))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_program_has_written_is_there_up_to_the_last_whole_vector() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("teacher/vectors");
        let vector = |key: u128| [key as f32, 0.5, -1.0];
        let mut file = VectorFile::open(&path, "a", 3).unwrap();
        for key in 0..5 {
            file.add(std::iter::once((key, vector(key).as_slice()))).unwrap();
        }
        drop(file);
        let whole = std::fs::read(&path).unwrap();
        let header = header("a", 3).len();
        let record = (whole.len() - header) / 5;
        for length in 0..=whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let mut file = VectorFile::open(&path, "a", 3).unwrap();
            let known = length.saturating_sub(header) / record;
            for key in 0..5 {
                let expected = vector(key);
                let expected = ((key as usize) < known).then_some(expected.as_slice());
                assert_eq!(file.get(key), expected, "{length} bytes");
            }
            file.add(
                (0..5)
                    .map(|key| (key, [key as f32, 0.5, -1.0]))
                    .collect::<Vec<_>>()
                    .iter()
                    .map(|(key, v)| (*key, v.as_slice())),
            )
            .unwrap();
            drop(file);
            assert_eq!(std::fs::read(&path).unwrap(), whole, "{length} bytes");
        }
    }

    #[test]
    fn what_is_damaged_or_of_another_model_is_computed_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vectors");
        let one = [1.0_f32, 2.0];
        VectorFile::open(&path, "a", 2).unwrap().add([(7, one.as_slice()), (8, &one)].into_iter()).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let last = bytes.len() - 6;
        bytes[last] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let file = VectorFile::open(&path, "a", 2).unwrap();
        assert_eq!((file.get(7), file.get(8)), (Some(one.as_slice()), None));
        // Nobody else may add to it meanwhile.
        assert!(matches!(VectorFile::open(&path, "a", 2), Err(TrainError::VectorsInUse { .. })));
        drop(file);
        assert_eq!(VectorFile::open(&path, "b", 2).unwrap().get(7), None);
        assert_eq!(VectorFile::open(&path, "b", 1).unwrap().get(7), None);
    }
}
