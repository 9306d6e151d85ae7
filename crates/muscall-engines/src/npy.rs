//! NumPy's own file, with a table of what each row is.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use muscall_files::{FileError, replace};

use crate::{EngineError, Rows, rows};

/// Bytes of the header; NumPy wants a multiple of 64, and this holds any shape.
const HEADER: usize = 128;

/// Writes the vectors as `[rows, dim]` `<f4` in NumPy's format 1.0, and beside them a table
/// `id,path,start_s,model` in the same order under [`ids_path`]; gives the number of rows.
///
/// Only one row at a time is in memory. Each of the two files appears whole or not at all, the
/// table first; a program that ends between the two leaves the new table beside the old vectors, and rows of the
/// table say of which model they are.
///
/// # Errors
/// [`EngineError::Io`], or a row that does not fit; the files that were there are then unchanged, unless
/// it is the last one that cannot be put in its place.
pub fn write_npy(path: &Path, source: &dyn Rows) -> Result<u64, EngineError> {
    rows::check(source)?;
    let ids_path = ids_path(path);
    replace(path, |vectors| replace(&ids_path, |ids| write(source, (path, vectors), (&ids_path, ids))))
}

/// Fills both files; errors name those that they become.
fn write(
    source: &dyn Rows,
    (path, vectors): (&Path, &Path),
    (ids_path, ids): (&Path, &Path),
) -> Result<u64, EngineError> {
    let (io, of_table) = (FileError::writing(path), FileError::writing(ids_path));
    let mut file = BufWriter::new(File::create(vectors).map_err(io)?);
    let mut table = csv::Writer::from_writer(File::create(ids).map_err(of_table)?);
    file.write_all(&[0; HEADER]).map_err(io)?;
    table.write_record(["id", "path", "start_s", "model"]).map_err(|error| of_table(error.into()))?;
    let mut bytes = Vec::with_capacity(4 * source.dim());
    let count = rows::each(source, &mut |row| {
        bytes.clear();
        bytes.extend(row.vector.iter().flat_map(|x| x.to_le_bytes()));
        file.write_all(&bytes).map_err(io)?;
        let (id, start_s) = (row.id.to_string(), row.start_s.to_string());
        let cells = [&id, row.path, &start_s, source.fingerprint()];
        Ok(table.write_record(cells).map_err(|error| of_table(error.into()))?)
    })?;
    file.seek(SeekFrom::Start(0)).map_err(io)?;
    file.write_all(&header(count, source.dim())).map_err(io)?;
    file.flush().map_err(io)?;
    table.flush().map_err(of_table)?;
    Ok(count)
}

/// Where [`write_npy`] puts the table: `music.npy` has `music.ids.csv`.
pub fn ids_path(path: &Path) -> PathBuf {
    path.with_extension("ids.csv")
}

/// Magic, version, the length of what follows, and a Python literal, padded by spaces.
fn header(rows: u64, dim: usize) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(((HEADER - 10) as u16).to_le_bytes());
    bytes.extend(format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {dim}), }}").bytes());
    bytes.resize(HEADER - 1, b' ');
    bytes.push(b'\n');
    bytes
}
