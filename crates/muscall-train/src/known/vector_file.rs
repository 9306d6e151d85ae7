//! Vectors that take long to compute, in a file that grows.
//!
//! A file begins with what identifies the vectors: another model's are not taken for these. Then come the vectors, one after
//! the other, each with its key and a checksum. A program that is killed leaves at most half of the last one behind, which
//! the next program writes over.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
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
    header: Vec<u8>,
    dim: usize,
    places: HashMap<u128, usize>,
    values: Vec<f32>,
    /// Once there is something to add. It is locked: two programs that add to a file would write over each other, while any
    /// number may read it.
    writer: Option<File>,
}

impl VectorFile {
    /// Reads a file, if there is one of that origin. What is damaged, and whatever follows it, is as if it were not there.
    ///
    /// # Errors
    /// [`TrainError::Io`] with the path.
    pub(crate) fn open(path: &Path, origin: &str, dim: usize) -> Result<Self, TrainError> {
        let header = header(origin, dim);
        let (path, places, values, writer) = (path.to_owned(), HashMap::new(), Vec::new(), None);
        let mut vectors = Self { path, header, dim, places, values, writer };
        match fs::read(&vectors.path) {
            Ok(bytes) => {
                vectors.take(&bytes);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(FileError::reading(&vectors.path)(error).into()),
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
    /// [`TrainError::Io`] with the path, and [`TrainError::VectorsInUse`].
    pub(crate) fn add<'a>(&mut self, vectors: impl Iterator<Item = (u128, &'a [f32])>) -> Result<(), TrainError> {
        if self.writer.is_none() {
            self.writer = Some(self.begin_to_write()?);
        }
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
        match &mut self.writer {
            Some(file) => Ok(write(file, &bytes).map_err(FileError::writing(&self.path))?),
            None => Ok(()),
        }
    }

    /// Locks the file, takes what others have added meanwhile, and cuts off what is not whole.
    fn begin_to_write(&mut self) -> Result<File, TrainError> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(FileError::writing(folder))?;
        }
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&self.path);
        let mut file = opened.map_err(FileError::writing(&self.path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(TrainError::VectorsInUse { path: self.path.clone() }),
            // Where nothing can be locked, nobody else is kept away.
            Err(TryLockError::Error(_)) => {}
        }
        let mut bytes = Vec::new();
        let whole = file.read_to_end(&mut bytes).map(|_| self.take(&bytes));
        let begun = whole.and_then(|whole| {
            file.set_len(whole as u64)?;
            file.seek(SeekFrom::Start(whole as u64))?;
            if whole == 0 { write(&mut file, &self.header) } else { Ok(()) }
        });
        begun.map_err(FileError::writing(&self.path))?;
        Ok(file)
    }

    /// Takes what is whole in a file, and how many bytes that is.
    fn take(&mut self, bytes: &[u8]) -> usize {
        if !bytes.starts_with(&self.header) {
            return 0;
        }
        let mut whole = self.header.len();
        for record in bytes[whole..].chunks_exact(KEY + self.dim * size_of::<f32>() + CHECKSUM) {
            let Some((key, vector)) = read_record(record) else { break };
            if !self.places.contains_key(&key) {
                self.insert(key, &vector);
            }
            whole += record.len();
        }
        whole
    }

    fn insert(&mut self, key: u128, vector: &[f32]) {
        self.places.insert(key, self.values.len() / self.dim);
        self.values.extend_from_slice(vector);
    }
}

/// Writes, and waits for the disk.
fn write(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_data()
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
        let mut file = VectorFile::open(&path, "a", 2).unwrap();
        assert_eq!((file.get(7), file.get(8)), (Some(one.as_slice()), None));
        let mut other = VectorFile::open(&path, "a", 2).unwrap();
        file.add(std::iter::once((9, one.as_slice()))).unwrap();
        // Others may read it, and not add to it.
        assert_eq!(VectorFile::open(&path, "a", 2).unwrap().get(9), Some(one.as_slice()));
        let added = other.add(std::iter::once((10, one.as_slice())));
        assert!(matches!(added, Err(TrainError::VectorsInUse { .. })));
        drop(file);
        // Then they find what has been added since they looked.
        other.add([(9, [5.0_f32, 5.0].as_slice()), (10, &one)].into_iter()).unwrap();
        assert_eq!(other.get(9), Some(one.as_slice()));
        drop(other);
        assert_eq!(VectorFile::open(&path, "b", 2).unwrap().get(7), None);
        assert_eq!(VectorFile::open(&path, "b", 1).unwrap().get(7), None);
    }
}
