//! The index at sizes that matter, beside other engines: `benches/search/compare.py` drives this program
//! and faiss in turns, over the same vectors.
//!
//! `make DIR SEGMENTS [no-rows]` makes vectors as a dual encoder gives them (all audio shares an offset, text has another
//! one, and a text query is far from every row), and their index; `serve DIR` answers lines of JSON.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufRead, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use muscall_retrieval::{Embeddings, Index, IndexConfig, IndexWriter, Search, SegmentHit, Stages, TrackRecord};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde_json::{Value, json};

const DIM: usize = 512;
const LATENT: usize = 30;
const CENTRES: usize = 1000;
const QUERIES: usize = 1000;
/// A track of four minutes in windows of 20 s, one every 10 s.
const SEGMENTS: usize = 25;
const HOP_S: f64 = 10.0;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["make", dir, segments] => make(Path::new(dir), segments.parse().unwrap(), true),
        ["make", dir, segments, "no-rows"] => make(Path::new(dir), segments.parse().unwrap(), false),
        ["serve", dir] => serve(Path::new(dir)),
        // `cargo bench` of the whole workspace: something small, so that it runs.
        _ => {
            let dir = tempfile::tempdir().unwrap();
            make(dir.path(), 20_000, true);
            let world = World::open(dir.path());
            println!("{}", world.one(&json!({"set": "text", "first": 0, "count": 20})));
        }
    }
}

/// A standard normal number (Box and Muller).
fn normal(rng: &mut ChaCha8Rng) -> f32 {
    let (u, v): (f32, f32) = (rng.random_range(f32::MIN_POSITIVE..1.0), rng.random());
    (-2.0 * u.ln()).sqrt() * (std::f32::consts::TAU * v).cos()
}

struct Maker {
    map: Vec<f32>,
    centres: Vec<f32>,
    offsets: [Vec<f32>; 2],
}

impl Maker {
    fn new() -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut many = |count: usize| (0..count).map(|_| normal(&mut rng)).collect::<Vec<f32>>();
        let (map, centres) = (many(LATENT * DIM), many(CENTRES * LATENT));
        let offsets = [many(DIM), many(DIM)].map(|mut offset| {
            normalise(&mut offset);
            offset.iter_mut().for_each(|x| *x *= 0.7);
            offset
        });
        Self { map, centres, offsets }
    }

    /// A row, made of its number alone. Segments of a track lie around one centre.
    fn row(&self, seed: u64, number: usize, group: usize, text: bool) -> Vec<f32> {
        let centre =
            ChaCha8Rng::seed_from_u64((seed << 40) + (1 << 39) + (number / group) as u64).random_range(0..CENTRES);
        let mut rng = ChaCha8Rng::seed_from_u64((seed << 40) + number as u64);
        let mut row = vec![0.0_f32; DIM];
        for (latent, map) in self.map.chunks(DIM).enumerate() {
            let z = self.centres[centre * LATENT + latent] + 0.5 * normal(&mut rng);
            row.iter_mut().zip(map).for_each(|(x, m)| *x += z * m);
        }
        normalise(&mut row);
        let noise = if text { 1.2 } else { 0.25 } / (DIM as f32).sqrt();
        let offset = &self.offsets[usize::from(text)];
        row.iter_mut().zip(offset).for_each(|(x, o)| *x += o + noise * normal(&mut rng));
        normalise(&mut row);
        row
    }
}

fn normalise(row: &mut [f32]) {
    let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
    row.iter_mut().for_each(|x| *x /= norm);
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn make(dir: &Path, segments: usize, rows: bool) {
    fs::create_dir_all(dir).unwrap();
    let maker = Maker::new();
    for (name, seed, text) in [("audio", 2, false), ("text", 3, true)] {
        let values: Vec<f32> = (0..QUERIES).flat_map(|i| maker.row(seed, i, 1, text)).collect();
        fs::write(dir.join(format!("{name}.f32")), bytes(&values)).unwrap();
    }
    let mut base = rows.then(|| BufWriter::new(File::create(dir.join("base.f32")).unwrap()));
    let path = dir.join("music.index");
    let _ = fs::remove_file(&path);
    let config = IndexConfig::new(DIM, "bench").with_windows(2.0 * HOP_S, HOP_S);
    let mut writer = IndexWriter::create(&path, &config).unwrap();
    let starts: Vec<f32> = (0..SEGMENTS).map(|i| i as f32 * HOP_S as f32).collect();
    let tracks: Vec<usize> = (0..segments / SEGMENTS).collect();
    for chunk in tracks.chunks(1024) {
        let made: Vec<Vec<f32>> = chunk
            .par_iter()
            .map(|track| (0..SEGMENTS).flat_map(|i| maker.row(1, track * SEGMENTS + i, SEGMENTS, false)).collect())
            .collect();
        for (track, rows) in chunk.iter().zip(&made) {
            let record = TrackRecord { duration_s: 260.0, ..TrackRecord::new(format!("music/{track}.mp3")) };
            writer.add(&record, &starts, rows).unwrap();
            if let Some(base) = &mut base {
                base.write_all(&bytes(rows)).unwrap();
            }
        }
    }
    writer.commit().unwrap();
}

struct World {
    index: Index,
    sets: [(&'static str, Vec<f32>); 2],
}

impl World {
    fn open(dir: &Path) -> Self {
        let read = |name: &'static str| {
            let bytes = fs::read(dir.join(format!("{name}.f32"))).unwrap();
            let values = bytes.chunks_exact(4).map(|word| f32::from_le_bytes(word.try_into().unwrap()));
            (name, values.collect())
        };
        Self { index: Index::open(&dir.join("music.index")).unwrap(), sets: [read("audio"), read("text")] }
    }

    fn queries(&self, command: &Value) -> &[f32] {
        let number = |key: &str| command[key].as_u64().unwrap() as usize;
        let set = &self.sets.iter().find(|set| command["set"] == set.0).unwrap().1;
        &set[number("first") * DIM..][..number("count") * DIM]
    }

    /// Each query alone: the median time, and which rows are the best.
    fn one(&self, command: &Value) -> Value {
        let row = |hit: &SegmentHit| hit.track * SEGMENTS + (f64::from(hit.start_s) / HOP_S) as usize;
        let mut times = Vec::new();
        let mut hits = Vec::new();
        for query in self.queries(command).chunks(DIM) {
            let started = Instant::now();
            let found = black_box(self.index.nearest_segments(black_box(query), 10).unwrap());
            times.push(started.elapsed().as_secs_f64() * 1e3);
            hits.push(found.iter().map(row).collect::<Vec<_>>());
        }
        times.sort_by(f64::total_cmp);
        json!({"ms": times[times.len() / 2], "hits": hits})
    }

    /// Each query alone through the graph, which is built the first time.
    #[cfg(feature = "ann")]
    fn graph(&self, dir: &Path, command: &Value) -> Value {
        use muscall_retrieval::{GraphConfig, Searcher, SegmentGraph};
        let path = dir.join("music.graph");
        let number = |key: &str| command[key].as_u64().map(|number| number as usize);
        let mut config = GraphConfig::new();
        config.expansion_search = number("ef").unwrap_or(config.expansion_search);
        config.rerank = number("rerank").unwrap_or(config.rerank);
        if !path.exists() {
            let go_on = &mut |_, _| std::ops::ControlFlow::Continue(());
            SegmentGraph::build(&self.index, &path, &config, go_on).unwrap();
        }
        let started = Instant::now();
        let graph = SegmentGraph::open(&path, &self.index, &config).unwrap();
        let open_ms = started.elapsed().as_secs_f64() * 1e3;
        let approximate = graph.over(&self.index).unwrap();
        let row = |hit: &SegmentHit| hit.track * SEGMENTS + (f64::from(hit.start_s) / HOP_S) as usize;
        let (mut times, mut hits) = (Vec::new(), Vec::new());
        for query in self.queries(command).chunks(DIM) {
            let started = Instant::now();
            let found = black_box(approximate.nearest_segments(black_box(query), 10).unwrap());
            times.push(started.elapsed().as_secs_f64() * 1e3);
            hits.push(found.iter().map(row).collect::<Vec<_>>());
        }
        let mean = times.iter().sum::<f64>() / times.len() as f64;
        times.sort_by(f64::total_cmp);
        json!({"ms": times[times.len() / 2], "mean_ms": mean, "open_ms": open_ms, "hits": hits})
    }

    #[cfg(not(feature = "ann"))]
    fn graph(&self, _: &Path, _: &Value) -> Value {
        json!({"missing": "the feature `ann`"})
    }

    fn batch(&self, command: &Value) -> Value {
        let queries = Embeddings::new(self.queries(command), DIM).unwrap();
        let started = Instant::now();
        let found = black_box(self.index.nearest_segments_batch(queries, 10).unwrap());
        let row = |hit: &SegmentHit| hit.track * SEGMENTS + (f64::from(hit.start_s) / HOP_S) as usize;
        let hits: Vec<Vec<usize>> = found.iter().map(|hits| hits.iter().map(row).collect()).collect();
        json!({"ms": started.elapsed().as_secs_f64() * 1e3 / queries.rows() as f64, "hits": hits})
    }

    /// Tracks with their moments, looking at all segments or at those of the best tracks only.
    fn tracks(&self, command: &Value) -> Value {
        let search = Search::new(10);
        let search = match command["stages"].as_u64() {
            Some(tracks) => search.with_stages(Stages::TracksFirst { tracks: tracks as usize }),
            None => search.with_stages(Stages::All),
        };
        let (mut times, mut hits) = (Vec::new(), Vec::new());
        for query in self.queries(command).chunks(DIM) {
            let started = Instant::now();
            let found = black_box(self.index.search(black_box(query), &search).unwrap());
            times.push(started.elapsed().as_secs_f64() * 1e3);
            hits.push(found.iter().map(|answer| answer.track).collect::<Vec<_>>());
        }
        times.sort_by(f64::total_cmp);
        json!({"ms": times[times.len() / 2], "hits": hits})
    }
}

fn serve(dir: &Path) {
    let started = Instant::now();
    let world = World::open(dir);
    let open_ms = started.elapsed().as_secs_f64() * 1e3;
    let segments = world.index.segments_len();
    println!("{}", json!({"open_ms": open_ms, "segments": segments, "threads": rayon::current_num_threads()}));
    for line in std::io::stdin().lock().lines() {
        let command: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let answer = match command["case"].as_str().unwrap() {
            "one" => world.one(&command),
            "batch" => world.batch(&command),
            "tracks" => world.tracks(&command),
            "graph" => world.graph(dir, &command),
            "memory" => json!({"private_kb": private_kb()}),
            "append" => append(dir),
            case => panic!("no case {case}"),
        };
        println!("{answer}");
    }
}

/// Memory that is this process's own, without mapped files.
fn private_kb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").trim().parse().unwrap_or(0)
}

/// Opening a writer, and adding a track and committing it.
fn append(dir: &Path) -> Value {
    let started = Instant::now();
    let mut writer = IndexWriter::open(&dir.join("music.index"), "bench").unwrap();
    let open_ms = started.elapsed().as_secs_f64() * 1e3;
    let starts: Vec<f32> = (0..SEGMENTS).map(|i| i as f32 * HOP_S as f32).collect();
    let maker = Maker::new();
    let mut times = Vec::new();
    for i in 0..20 {
        let rows: Vec<f32> =
            (0..SEGMENTS).flat_map(|segment| maker.row(9, i * SEGMENTS + segment, SEGMENTS, false)).collect();
        let name = format!("new/{}-{i}.mp3", writer.len());
        let started = Instant::now();
        writer.add(&TrackRecord::new(name.clone()), &starts, &rows).unwrap();
        writer.commit().unwrap();
        times.push(started.elapsed().as_secs_f64() * 1e3);
        writer.remove(&name).unwrap();
    }
    writer.commit().unwrap();
    times.sort_by(f64::total_cmp);
    json!({"open_ms": open_ms, "ms": times[times.len() / 2]})
}
