//! Rows that were made up, and a search among them to compare with.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use muscall_engines::{EngineError, Row, Rows};
use muscall_retrieval::Fingerprint;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Rows in memory; each path holds four segments.
#[derive(Clone)]
pub struct Made {
    pub dim: usize,
    pub fingerprint: String,
    pub rows: Vec<(u64, String, f32, Vec<f32>)>,
    /// Fails instead of giving this row.
    pub fails_at: Option<usize>,
}

impl Rows for Made {
    fn dim(&self) -> usize {
        self.dim
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn each(&self, row: &mut dyn FnMut(Row<'_>) -> Result<(), EngineError>) -> Result<(), EngineError> {
        for (at, (id, path, start_s, vector)) in self.rows.iter().enumerate() {
            if self.fails_at == Some(at) {
                return Err(EngineError::Source { source: "the disk is gone".into() });
            }
            row(Row { id: *id, path, start_s: *start_s, vector })?;
        }
        Ok(())
    }
}

impl Made {
    /// `count` rows around a hundred centres, as music of some kinds would lie.
    pub fn new(count: usize, dim: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let centres: Vec<Vec<f32>> = (0..100).map(|_| around(&vec![0.0; dim], &mut rng)).collect();
        let rows = (0..count)
            .map(|at| {
                let path = format!("music/disc, {}/Ärger \"{}\".flac", at % 7, at / 4);
                let vector = around(&centres[at * 7919 % centres.len()], &mut rng);
                (at as u64 * 3 + 1, path, (at % 4) as f32 * 2.55, vector)
            })
            .collect();
        Self { dim, fingerprint: "it's a \"model\" 1".into(), rows, fails_at: None }
    }

    /// Vectors near those of some rows.
    pub fn queries(&self, count: usize, seed: u64) -> Vec<Vec<f32>> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..count).map(|at| around(&self.rows[at * 6151 % self.rows.len()].3, &mut rng)).collect()
    }

    /// Ids and scores of the best `k`, by looking at every row in f64.
    pub fn best(&self, query: &[f32], k: usize) -> Vec<(u64, f64)> {
        let dot = |v: &[f32]| v.iter().zip(query).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let mut all: Vec<_> = self.rows.iter().map(|row| (row.0, dot(&row.3))).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        all.truncate(k);
        all
    }
}

/// A unit vector beside another.
fn around(centre: &[f32], rng: &mut ChaCha8Rng) -> Vec<f32> {
    let spread = 1.0 / (centre.len() as f32).sqrt();
    let mut v: Vec<f32> = centre.iter().map(|x| x + spread * rng.random_range(-1.5..1.5f32)).collect();
    let norm = v.iter().map(|x| x * x).sum::<f32>().sqrt();
    v.iter_mut().for_each(|x| *x /= norm);
    v
}

/// A file of what an earlier version (commit a223913) has made of a small index.
pub fn former(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/former").join(name)
}

/// A space that had the name under which those files are.
pub fn space() -> Fingerprint {
    let name = fs::read_to_string(former("frozen/name.txt")).unwrap();
    Fingerprint::of_towers(1, 2).with_former(name.trim())
}

/// Runs a program of `python3` (or `MUSCALL_PYTHON`); `None` and a word if a module is not there.
pub fn python(modules: &[&str], program: &str, arguments: &[&str]) -> Option<String> {
    let python = std::env::var("MUSCALL_PYTHON").unwrap_or_else(|_| "python3".into());
    let imports = format!("import {}", modules.join(", "));
    let there = Command::new(&python).args(["-c", &imports]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        println!("skipped: {python} cannot `{imports}`");
        return None;
    }
    let output = Command::new(&python).arg("-c").arg(format!("{imports}\n{program}")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}
