//! Retrieval among 10,000 tracks, both directions: time and peak memory of the process.
//!
//! `RAYON_NUM_THREADS=1 cargo bench -p muscall-retrieval`
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::time::Instant;

use muscall_retrieval::{Bootstrap, Embeddings, Pairs, Ranks, RetrievalReport};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const PAIRS: usize = 10_000;
const DIM: usize = 512;

fn main() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut rows = || -> Vec<f32> { (0..PAIRS * DIM).map(|_| rng.random_range(-0.08..0.08)).collect() };
    let (audio, text) = (rows(), rows());
    let (audio, text) = (Embeddings::new(&audio, DIM).unwrap(), Embeddings::new(&text, DIM).unwrap());
    let start = Instant::now();
    let ranks = Ranks::new(audio, text, &Pairs::one_to_one(PAIRS)).unwrap();
    let ranked_s = start.elapsed().as_secs_f64();
    let report = RetrievalReport::new(&ranks, &Bootstrap::default());
    let all_s = start.elapsed().as_secs_f64();
    println!("{PAIRS} × {PAIRS}, {DIM} dimensions: ranks {ranked_s:.2} s, with 1,000 resamples {all_s:.2} s");
    println!("R@10 {:.4}", report.text_to_audio.metrics.r_at_10);
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        status.lines().filter(|line| line.starts_with("VmHWM")).for_each(|line| println!("{line}"));
    }
}
