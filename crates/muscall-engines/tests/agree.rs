//! The index, Parquet, NumPy's file and Postgres give the same answers.
#![cfg(all(feature = "parquet", feature = "postgres"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use muscall_engines::{EngineError, ParquetRows, Postgres, Row, Rows, Search, write_npy, write_parquet};
use muscall_retrieval::{Embeddings, Index, IndexConfig, IndexWriter, TrackRecord, top_k};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const DIM: usize = 64;

fn row(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let mut row: Vec<f32> = (0..DIM).map(|_| rng.random_range(-1.0..1.0)).collect();
    let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
    row.iter_mut().for_each(|x| *x /= norm);
    row
}

/// Where the best are, by scoring every row of a source.
fn best(source: &dyn Rows, query: &[f32]) -> Vec<(String, f32)> {
    let (mut places, mut values) = (Vec::new(), Vec::new());
    let mut take = |row: Row<'_>| -> Result<(), EngineError> {
        places.push((row.path.to_owned(), row.start_s));
        values.extend_from_slice(row.vector);
        Ok(())
    };
    source.each(&mut take).unwrap();
    let hits = top_k(query, Embeddings::new(&values, DIM).unwrap(), 10).unwrap();
    hits.into_iter().map(|hit| places[hit.index].clone()).collect()
}

/// The vectors of NumPy's file, and the place of each row by the table beside it.
struct NpyRows(Vec<f32>, Vec<(u64, String, f32, String)>);

impl NpyRows {
    fn open(path: &std::path::Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let values = bytes[128..].chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().unwrap())).collect();
        let mut table = csv::Reader::from_path(muscall_engines::ids_path(path)).unwrap();
        Self(values, table.deserialize().map(Result::unwrap).collect())
    }
}

impl Rows for NpyRows {
    fn dim(&self) -> usize {
        DIM
    }

    fn fingerprint(&self) -> &str {
        "a model"
    }

    fn each(&self, take: &mut dyn FnMut(Row<'_>) -> Result<(), EngineError>) -> Result<(), EngineError> {
        let mut rows = self.1.iter().zip(self.0.chunks_exact(DIM));
        rows.try_for_each(|((id, path, start_s, _), vector)| take(Row { id: *id, path, start_s: *start_s, vector }))
    }
}

#[test]
fn every_engine_gives_the_same_ten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("music.index");
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut writer = IndexWriter::create(&path, &IndexConfig::new(DIM, "a model").with_windows(20.0, 10.0)).unwrap();
    for track in 0..400 {
        let segments = rng.random_range(1..9_usize);
        let rows: Vec<f32> = (0..segments).flat_map(|_| row(&mut rng)).collect();
        let starts: Vec<f32> = (0..segments).map(|i| i as f32 * 10.0).collect();
        writer.add(&TrackRecord::new(format!("música/{track}.flac")), &starts, &rows).unwrap();
    }
    for track in (0..400).step_by(7) {
        assert!(writer.remove(&format!("música/{track}.flac")).unwrap());
    }
    writer.commit().unwrap();
    let index = Index::open(&path).unwrap();
    let (parquet, npy) = (dir.path().join("music.parquet"), dir.path().join("music.npy"));
    assert_eq!(write_parquet(&parquet, &index).unwrap(), index.segments_len() as u64);
    assert_eq!(write_npy(&npy, &index).unwrap(), index.segments_len() as u64);
    let (parquet, npy) = (ParquetRows::open(&parquet).unwrap(), NpyRows::open(&npy));
    let mut server = match std::env::var("MUSCALL_POSTGRES_URL") {
        Ok(url) => Some(Postgres::connect(&url, "muscall_test_agree").unwrap()),
        Err(_) => {
            println!("without Postgres: MUSCALL_POSTGRES_URL is not set");
            None
        }
    };
    if let Some(server) = &mut server {
        server.push(&index, None).unwrap();
    }
    for _ in 0..20 {
        let query = row(&mut rng);
        let expected: Vec<(String, f32)> = index
            .nearest_segments(&query, 10)
            .unwrap()
            .into_iter()
            .map(|hit| (index.track(hit.track).unwrap().path, hit.start_s))
            .collect();
        assert_eq!(best(&parquet, &query), expected);
        assert_eq!(best(&npy, &query), expected);
        if let Some(server) = &mut server {
            let hits = server.search("a model", &query, 10, Search::Exact).unwrap();
            assert_eq!(hits.into_iter().map(|hit| (hit.path, hit.start_s)).collect::<Vec<_>>(), expected);
        }
    }
}
