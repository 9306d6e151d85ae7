//! Matrices that are read where they lie: in memory, or in a file.

use std::ops::Range;
use std::sync::Arc;

use half::f16;
use half::slice::HalfFloatSliceExt;
use pulp::bytemuck::{cast_slice, try_cast_slice};

use crate::MappedFile;

/// In which numbers a file holds a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredAs {
    /// 32 bits, little-endian.
    F32,
    /// IEEE 754's 16 bits, little-endian.
    F16,
}

impl StoredAs {
    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => size_of::<f32>(),
            Self::F16 => size_of::<f16>(),
        }
    }
}

/// A matrix `[rows, columns]`, row after row. Clones share it.
///
/// Of a mapped one, memory holds what has been read, and the system may take it back at any time: an embedding table of
/// which a few rows are needed costs a few pages.
#[derive(Debug, Clone)]
pub struct Rows {
    storage: Storage,
    rows: usize,
    columns: usize,
}

#[derive(Debug, Clone)]
enum Storage {
    Memory(Arc<[f32]>),
    File { file: Arc<MappedFile>, start: usize, stored_as: StoredAs },
}

impl Rows {
    /// # Shapes
    /// - values: `[rows, columns]`.
    ///
    /// # Panics
    /// If these are not whole rows.
    pub fn new(values: impl Into<Arc<[f32]>>, columns: usize) -> Self {
        let values = values.into();
        assert!(columns > 0 && values.len().is_multiple_of(columns), "whole rows of {columns} values");
        let rows = values.len() / columns;
        Self { storage: Storage::Memory(values), rows, columns }
    }

    /// The matrix that begins at byte `start` of a file. None if the file ends before it does, if its numbers do not lie at
    /// multiples of their size, or on a machine that has their bytes in another order.
    pub fn mapped(
        file: Arc<MappedFile>,
        start: usize,
        [rows, columns]: [usize; 2],
        stored_as: StoredAs,
    ) -> Option<Self> {
        let bytes = rows.checked_mul(columns)?.checked_mul(stored_as.bytes())?;
        let found = file.bytes().get(start..start.checked_add(bytes)?)?;
        let aligned = match stored_as {
            StoredAs::F32 => try_cast_slice::<u8, f32>(found).is_ok(),
            StoredAs::F16 => try_cast_slice::<u8, u16>(found).is_ok(),
        };
        let fits = aligned && columns > 0 && cfg!(target_endian = "little");
        fits.then_some(Self { storage: Storage::File { file, start, stored_as }, rows, columns })
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Values of a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Some rows. They are borrowed if they are there in 32 bits; otherwise `room` comes to hold them.
    ///
    /// # Panics
    /// If there are fewer rows.
    pub fn get<'a>(&'a self, rows: Range<usize>, room: &'a mut Vec<f32>) -> &'a [f32] {
        let values = rows.start * self.columns..rows.end * self.columns;
        match &self.storage {
            Storage::Memory(all) => &all[values],
            Storage::File { file, start, stored_as } => {
                let size = stored_as.bytes();
                let bytes = &file.bytes()[start + values.start * size..start + values.end * size];
                match stored_as {
                    StoredAs::F32 => cast_slice(bytes),
                    StoredAs::F16 => {
                        let bits: &[u16] = cast_slice(bytes);
                        room.resize(bits.len(), 0.0);
                        half::slice::HalfBitsSliceExt::reinterpret_cast::<f16>(bits).convert_to_f32_slice(room);
                        room
                    }
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    #[test]
    fn rows_of_a_file_are_those_of_memory() {
        let values: Vec<f32> = (0..12).map(|i| i as f32 - 5.5).collect();
        let folder = std::env::temp_dir().join(format!("muscall-rows-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("matrix");
        let mut bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        bytes.extend(values.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()));
        fs::write(&path, &bytes).unwrap();
        let file = Arc::new(MappedFile::open(&File::open(&path).unwrap(), bytes.len()).unwrap());
        let memory = Rows::new(values, 3);
        let single = Rows::mapped(file.clone(), 0, [4, 3], StoredAs::F32).unwrap();
        let halves = Rows::mapped(file.clone(), 48, [4, 3], StoredAs::F16).unwrap();
        for rows in [0..4, 1..3, 2..2] {
            let expected = memory.get(rows.clone(), &mut Vec::new()).to_vec();
            assert_eq!(single.get(rows.clone(), &mut Vec::new()), expected);
            assert_eq!(halves.get(rows, &mut Vec::new()), expected);
        }
        let refused = [(1, 4, StoredAs::F32), (48, 4, StoredAs::F32), (0, usize::MAX, StoredAs::F16)];
        for (start, rows, stored_as) in refused {
            assert!(Rows::mapped(file.clone(), start, [rows, 3], stored_as).is_none(), "{start} {rows}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
