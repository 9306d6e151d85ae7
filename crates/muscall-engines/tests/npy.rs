//! NumPy's file is what NumPy reads.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::fs;

use common::Made;
use muscall_engines::{EngineError, ids_path, write_npy};

#[test]
fn the_file_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("music.npy");
    let made = Made::new(1001, 13, 1);
    assert_eq!(write_npy(&path, &made).unwrap(), 1001);

    let bytes = fs::read(&path).unwrap();
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    assert_eq!(u16::from_le_bytes([bytes[8], bytes[9]]), 118);
    let header = std::str::from_utf8(&bytes[10..128]).unwrap();
    assert_eq!(header.trim_end(), "{'descr': '<f4', 'fortran_order': False, 'shape': (1001, 13), }");
    assert!(header.ends_with(" \n"));
    let values: Vec<f32> = bytes[128..].chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    assert_eq!(values, made.rows.iter().flat_map(|row| row.3.clone()).collect::<Vec<_>>());

    let mut table = csv::Reader::from_path(ids_path(&path)).unwrap();
    let rows: Vec<(u64, String, f32, String)> = table.deserialize().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 1001);
    for (row, expected) in rows.iter().zip(&made.rows) {
        assert_eq!((row.0, &row.1, row.2.to_bits()), (expected.0, &expected.1, expected.2.to_bits()));
        assert_eq!(row.3, made.fingerprint);
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn numpy_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("music.npy");
    let made = Made::new(500, 24, 2);
    write_npy(&path, &made).unwrap();
    let program = "import csv, sys
x = numpy.load(sys.argv[1], mmap_mode='r', allow_pickle=False)
rows = list(csv.DictReader(open(sys.argv[2], encoding='utf-8', newline='')))
assert x.dtype == '<f4' and len(rows) == len(x), (x.dtype, len(rows))
print(x.shape, float(x.astype('f8').sum()), x[17, 3], rows[17]['path'], rows[17]['start_s'])";
    let files = [path.to_str().unwrap(), &ids_path(&path).display().to_string()].map(str::to_owned);
    let Some(told) = common::python(&["numpy"], program, &[&files[0], &files[1]]) else { return };
    let sum: f64 = made.rows.iter().flat_map(|row| &row.3).map(|x| f64::from(*x)).sum();
    let (_, name, start_s, vector) = &made.rows[17];
    let told: Vec<&str> = told.trim().splitn(5, ' ').collect();
    assert_eq!(told[..2], ["(500,", "24)"]);
    assert!((told[2].parse::<f64>().unwrap() - sum).abs() < 1e-9);
    assert_eq!(told[3].parse::<f32>().unwrap(), vector[3]);
    assert_eq!(told[4], format!("{name} {start_s}"));
}

#[test]
fn bad_rows_leave_the_old_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("music.npy");
    let made = Made::new(40, 8, 3);
    write_npy(&path, &made).unwrap();
    let old = fs::read(&path).unwrap();

    let with = |change: &dyn Fn(&mut Made)| {
        let mut bad = made.clone();
        change(&mut bad);
        let error = write_npy(&path, &bad).unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), old);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
        error
    };
    assert!(matches!(with(&|m| m.rows.clear()), EngineError::Empty));
    assert!(matches!(with(&|m| m.dim = 0), EngineError::NoDimensions));
    assert!(matches!(with(&|m| m.fingerprint.clear()), EngineError::NoFingerprint));
    let short = with(&|m| m.rows[5].3.truncate(7));
    assert!(matches!(short, EngineError::Dimensions { row: 5, expected: 8, actual: 7 }), "{short}");
    let nan = with(&|m| m.rows[6].3[1] = f32::NAN);
    assert!(matches!(nan, EngineError::NotFinite { row: 6, column: "vector" }), "{nan}");
    let late = with(&|m| m.rows[7].2 = f32::INFINITY);
    assert!(matches!(late, EngineError::NotFinite { row: 7, column: "start_s" }), "{late}");
    let gone = with(&|m| m.fails_at = Some(30));
    assert_eq!(gone.to_string(), "the rows cannot be read: the disk is gone");
    let nowhere = write_npy(&dir.path().join("no/where.npy"), &made).unwrap_err();
    assert!(matches!(nowhere, EngineError::Io { .. }), "{nowhere}");
}
