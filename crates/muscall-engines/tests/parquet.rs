//! What is written to Parquet comes back bit for bit, here and elsewhere.
#![cfg(feature = "parquet")]
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::fs;
use std::path::Path;

use common::Made;
use muscall_engines::{EngineError, ParquetRows, Rows, write_npy, write_parquet};

type Told = Vec<(u64, String, u32, Vec<u32>)>;

/// All rows, floats as bits.
fn told(rows: &dyn Rows) -> Told {
    let mut told = Told::new();
    rows.each(&mut |row| {
        let vector = row.vector.iter().map(|x| x.to_bits()).collect();
        told.push((row.id, row.path.to_owned(), row.start_s.to_bits(), vector));
        Ok(())
    })
    .unwrap();
    told
}

fn written(made: &Made) -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("music.parquet");
    assert_eq!(write_parquet(&path, made).unwrap(), made.rows.len() as u64);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    (dir, path)
}

#[test]
fn every_bit_comes_back() {
    let mut made = Made::new(3000, 37, 1);
    made.rows[0].0 = u64::MAX;
    made.rows[1].1 = "a\u{0}b\n\"漢字\"".into();
    made.rows[2].2 = -0.0;
    made.rows[3].3[..4].copy_from_slice(&[f32::MIN_POSITIVE / 3.0, -0.0, f32::MAX, f32::EPSILON]);
    let (_dir, path) = written(&made);
    let back = ParquetRows::open(&path).unwrap();
    assert_eq!((back.dim(), back.len(), back.is_empty(), back.fingerprint()), (37, 3000, false, &*made.fingerprint));
    assert_eq!(told(&back), told(&made));
    assert_eq!(told(&back), told(&back));

    // A source like any other: rows taken from the file, written again.
    let again = path.with_file_name("again.parquet");
    write_parquet(&again, &back).unwrap();
    assert_eq!(told(&ParquetRows::open(&again).unwrap()), told(&made));
    write_npy(&path.with_extension("npy"), &back).unwrap();
}

#[test]
fn many_row_groups_of_bounded_size() {
    // 32 MiB are 4,096 rows of 2,048 dimensions; batches of 2 MiB are 256 rows.
    let mut made = Made::new(1, 2048, 2);
    made.rows = (0..4500).map(|id| (id, "one.wav".into(), id as f32, vec![id as f32 / 4500.0; 2048])).collect();
    let (_dir, path) = written(&made);
    assert_eq!(told(&ParquetRows::open(&path).unwrap()), told(&made));
    let bytes = fs::metadata(&path).unwrap().len();
    assert!(bytes < 4500 * 2048 * 4 * 102 / 100, "{bytes} bytes");
    let program = "import sys
f = pyarrow.parquet.ParquetFile(sys.argv[1])
print([f.metadata.row_group(i).num_rows for i in range(f.num_row_groups)])";
    if let Some(groups) = common::python(&["pyarrow.parquet"], program, &[path.to_str().unwrap()]) {
        assert_eq!(groups.trim(), "[4096, 404]");
    }
}

#[test]
fn arrow_reads_it() {
    let made = Made::new(700, 16, 3);
    let (_dir, path) = written(&made);
    let program = "import sys
t = pyarrow.parquet.read_table(sys.argv[1])
print(*[f'{f.name}:{f.type}:{f.nullable}' for f in t.schema], sep='|')
v = t['vector'].combine_chunks().flatten().to_numpy()
print(v.tobytes().hex())
print(t['id'].to_pylist() == [3 * i + 1 for i in range(700)], t.schema.metadata[b'muscall.fingerprint'].decode())
print(t['path'][21].as_py(), t['start_s'][21].as_py())";
    let Some(told) = common::python(&["pyarrow.parquet"], program, &[path.to_str().unwrap()]) else { return };
    let told: Vec<&str> = told.lines().collect();
    let vector = "vector:fixed_size_list<element: float not null>[16]:False";
    assert_eq!(told[0], format!("id:uint64:False|path:string:False|start_s:float:False|{vector}"));
    let bytes = made.rows.iter().flat_map(|row| row.3.iter().flat_map(|x| x.to_le_bytes()));
    assert_eq!(told[1], bytes.map(|b| format!("{b:02x}")).collect::<String>());
    assert_eq!(told[2], format!("True {}", made.fingerprint));
    assert_eq!(told[3], format!("{} {}", made.rows[21].1, f64::from(made.rows[21].2)));
}

#[test]
fn duckdb_searches_it() {
    let made = Made::new(2000, 32, 4);
    let (_dir, path) = written(&made);
    let query = &made.queries(1, 5)[0];
    let program = "import sys
best = duckdb.sql(f\"select id from '{sys.argv[1]}' order by list_dot_product(vector, {sys.argv[2]}::float[]) desc, id limit 10\")
print([row[0] for row in best.fetchall()])";
    let Some(ids) = common::python(&["duckdb"], program, &[path.to_str().unwrap(), &format!("{query:?}")]) else {
        return;
    };
    let expected: Vec<u64> = made.best(query, 10).iter().map(|hit| hit.0).collect();
    assert_eq!(ids.trim(), format!("{expected:?}"));
}

/// Files that others put together are sources too, as long as they keep the columns and the model.
#[test]
fn arrow_merges_and_we_read() {
    let (mut one, mut two) = (Made::new(100, 8, 9), Made::new(50, 8, 10));
    let (dir, first) = written(&one);
    two.rows.iter_mut().for_each(|row| row.0 += 1000);
    let second = dir.path().join("two.parquet");
    write_parquet(&second, &two).unwrap();
    let program = "import sys
tables = [pyarrow.parquet.read_table(name) for name in sys.argv[1:3]]
pyarrow.parquet.write_table(pyarrow.concat_tables(tables), sys.argv[1])";
    let files = [first.to_str().unwrap(), second.to_str().unwrap()];
    if common::python(&["pyarrow", "pyarrow.parquet"], program, &files).is_some() {
        one.rows.append(&mut two.rows);
        let merged = ParquetRows::open(&first).unwrap();
        assert_eq!((told(&merged), merged.fingerprint()), (told(&one), &*one.fingerprint));
    }
}

#[test]
fn a_file_under_a_former_name_is_read() {
    let path = common::former("music.parquet");
    let rows = ParquetRows::open_for(&path, common::space()).unwrap();
    assert_eq!((rows.dim(), rows.len(), told(&rows).len()), (8, 34, 34));
    let error = ParquetRows::open_for(&path, "v2-1-2").map(|_| ()).unwrap_err();
    assert!(matches!(&error, EngineError::Fingerprint { found, .. } if found == rows.fingerprint()), "{error}");
}

#[test]
fn what_is_not_ours_is_refused() {
    let made = Made::new(300, 8, 6);
    let (dir, path) = written(&made);
    let whole = fs::read(&path).unwrap();
    let open = |path: &Path| ParquetRows::open(path).and_then(|rows| rows.each(&mut |_| Ok(())));
    let gone = open(&dir.path().join("none.parquet")).unwrap_err();
    assert!(matches!(gone, EngineError::Io { .. }), "{gone}");
    for cut in [0, 3, 100, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..cut]).unwrap();
        let error = open(&path).unwrap_err();
        assert!(matches!(error, EngineError::Parquet { .. }), "{error}");
    }
    let rows = {
        fs::write(&path, &whole).unwrap();
        ParquetRows::open(&path).unwrap()
    };
    write_parquet(&path, &Made::new(300, 9, 7)).unwrap();
    let error = rows.each(&mut |_| Ok(())).unwrap_err();
    assert!(error.to_string().contains("another file was put in its place"), "{error}");

    let others = "import sys
t = pyarrow.table({'id': [1], 'path': ['a']})
pyarrow.parquet.write_table(t, sys.argv[1])";
    if common::python(&["pyarrow", "pyarrow.parquet"], others, &[path.to_str().unwrap()]).is_some() {
        let error = open(&path).unwrap_err();
        assert!(error.to_string().contains("the column `id` is Int64"), "{error}");
    }
}

#[test]
fn bad_rows_leave_the_old_file() {
    let made = Made::new(300, 8, 8);
    let (dir, path) = written(&made);
    let whole = fs::read(&path).unwrap();
    let mut bad = made.clone();
    bad.rows[299].3[7] = f32::NEG_INFINITY;
    let mut broken = made.clone();
    broken.fails_at = Some(200);
    for bad in [bad, broken] {
        write_parquet(&path, &bad).unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), whole);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
    let mut wide = made.clone();
    wide.dim = 40_000;
    let error = write_parquet(&path, &wide).unwrap_err();
    assert_eq!(error.to_string(), "dim is 40000, but Parquet accepts 1 to 32767");
}
