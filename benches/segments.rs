//! Do windows that share a map find what separate windows find?
//!
//! `cargo bench --bench segments -- --bundle DIR --data MANIFEST --split test --piece-s 20`
//!
//! Tracks of three pieces each are glued from the rows of a manifest. Every row's first caption is asked for the right
//! third of its own track, and for its track among all. Brackets hold 95 % intervals over captions; differences to
//! separate windows with the same hop are paired.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

use std::path::PathBuf;
use std::time::Instant;

use muscall::audio::{Clip, CropPosition, load_clip};
use muscall::model::{Segments, Track};
use muscall::{Device, Manifest, Muscall, MuscallConfig, Split};
use rayon::prelude::*;

struct Arguments {
    bundle: PathBuf,
    data: PathBuf,
    split: Split,
    piece_s: f64,
    tracks: usize,
}

impl Arguments {
    fn read() -> Self {
        let mut given = std::env::args().skip(1);
        let mut found = Self {
            bundle: PathBuf::new(),
            data: PathBuf::new(),
            split: Split::Test,
            piece_s: 20.0,
            tracks: usize::MAX,
        };
        while let Some(name) = given.next() {
            let mut value = || given.next().unwrap_or_else(|| panic!("{name} needs a value"));
            match name.as_str() {
                "--bundle" => found.bundle = value().into(),
                "--data" => found.data = value().into(),
                "--piece-s" => found.piece_s = value().parse().unwrap(),
                "--tracks" => found.tracks = value().parse().unwrap(),
                "--split" => {
                    found.split = match value().as_str() {
                        "train" => Split::Train,
                        "val" => Split::Val,
                        _ => Split::Test,
                    }
                }
                // What cargo passes on.
                "--bench" => {}
                other => panic!("unknown option `{other}`"),
            }
        }
        found
    }
}

/// Three pieces, and a caption of each.
struct Glued {
    whole: Clip,
    captions: [String; 3],
}

fn glue(model: &Muscall, manifest: &Manifest, piece_s: f64, most: usize) -> Vec<Glued> {
    let mut config = model.clip_config();
    config.samples = (piece_s * f64::from(config.sample_rate)) as usize;
    let count = (manifest.rows.len() / 3).min(most);
    let track = |track: usize| {
        let mut samples = Vec::new();
        let rows = [0, 1, 2].map(|third| &manifest.rows[track + third * count]);
        for row in rows {
            samples.extend(load_clip(row.source(), CropPosition::Central, &config).unwrap().samples);
        }
        let whole = Clip { valid: samples.len(), samples, start_s: 0.0, repairs: Vec::new() };
        Glued { whole, captions: rows.map(|row| row.captions[0].clone()) }
    };
    (0..count).into_par_iter().map(track).collect()
}

/// Of each caption: whether its third was found, and whether its track was among the first ten.
struct Answers {
    third: Vec<bool>,
    among_ten: Vec<bool>,
    windows: usize,
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn embed(model: &Muscall, tracks: &[Glued]) -> (Vec<Track>, f64) {
    let start = Instant::now();
    let embedded = tracks.par_iter().map(|track| model.embed_track(&track.whole).unwrap()).collect();
    (embedded, start.elapsed().as_secs_f64())
}

/// Windows at the places of others, each by itself.
fn at_places(model: &Muscall, tracks: &[Glued], places: &[Track]) -> Vec<Track> {
    let embed = |(track, at): (&Glued, &Track)| {
        let segments: Vec<_> = at.starts.iter().map(|&start| (&track.whole, start)).collect();
        Track { starts: at.starts.clone(), windows: model.embed_segments(&segments).unwrap() }
    };
    tracks.par_iter().zip(places).map(embed).collect()
}

/// Mean and 5th percentile.
fn cosines(found: &[Track], others: &[Track]) -> [f32; 2] {
    let of = |(a, b): (&Track, &Track)| {
        (0..a.starts.len()).map(|row| dot(a.windows.row(row), b.windows.row(row))).collect::<Vec<f32>>()
    };
    let mut all: Vec<f32> = found.iter().zip(others).flat_map(of).collect();
    all.sort_by(f32::total_cmp);
    [all.iter().sum::<f32>() / all.len() as f32, all[all.len() / 20]]
}

fn ask(model: &Muscall, embedded: &[Track], tracks: &[Glued], piece_s: f64) -> Answers {
    let (clip_s, rate) = (model.config().clip_s, f64::from(model.config().log_mel.sample_rate));
    let (mut third, mut among_ten) = (Vec::new(), Vec::new());
    for (own, track) in tracks.iter().enumerate() {
        let queries = model.embed_text(&track.captions).unwrap();
        for piece in 0..3 {
            let query = queries.row(piece);
            let best = |track: &Track| {
                let score = |row: usize| dot(query, track.windows.row(row));
                let best = (0..track.starts.len()).max_by(|&a, &b| score(a).total_cmp(&score(b))).unwrap();
                (score(best), track.starts[best])
            };
            let scores: Vec<(f32, usize)> = embedded.par_iter().map(best).collect();
            let middle = scores[own].1 as f64 / rate + clip_s / 2.0;
            third.push((middle / piece_s) as usize == piece);
            among_ten.push(scores.iter().filter(|(score, _)| *score > scores[own].0).count() < 10);
        }
    }
    let windows = embedded.iter().map(|track| track.starts.len()).sum();
    Answers { third, among_ten, windows }
}

/// Wilson's interval, in per cent.
fn share(found: &[bool]) -> String {
    let (n, z) = (found.len() as f64, 1.96);
    let p = found.iter().filter(|found| **found).count() as f64 / n;
    let (centre, width) = (p + z * z / (2.0 * n), z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt());
    let scale = 100.0 / (1.0 + z * z / n);
    format!("{:.1} [{:.1}, {:.1}]", 100.0 * p, scale * (centre - width), scale * (centre + width))
}

/// Of paired answers, in points.
fn difference(found: &[bool], other: &[bool]) -> String {
    let n = found.len() as f64;
    let all: Vec<f64> = found.iter().zip(other).map(|(a, b)| f64::from(*a) - f64::from(*b)).collect();
    let mean = all.iter().sum::<f64>() / n;
    let variance = all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let width = 1.96 * (variance / n).sqrt();
    format!("{:+.1} [{:+.1}, {:+.1}]", 100.0 * mean, 100.0 * (mean - width), 100.0 * (mean + width))
}

fn main() {
    let arguments = Arguments::read();
    let bundle = Muscall::load(&arguments.bundle, &Device::default()).unwrap();
    let manifest = Manifest::read(&arguments.data, arguments.split).unwrap();
    let tracks = glue(&bundle, &manifest, arguments.piece_s, arguments.tracks);
    let of = |segments: Segments, hop_s: f64| {
        let config = MuscallConfig { segments, segment_hop_s: Some(hop_s), ..bundle.config().clone() };
        let state = bundle.state().unwrap().into_owned();
        Muscall::from_state(config, state, "bundle", bundle.text_frontend().clone(), &Device::default()).unwrap()
    };
    let clip_s = bundle.config().clip_s;
    println!("{} tracks of three pieces of {} s, windows of {clip_s} s", tracks.len(), arguments.piece_s);
    println!("| hop | windows | s | the right third, % | R@10, % | cosine to separate windows: mean, 5th percentile |");
    println!("|---|---|---|---|---|---|");
    for hop_s in [1.0, clip_s / 2.0, clip_s] {
        let separate = of(Segments::Separate, hop_s);
        let (alone, alone_s) = embed(&separate, &tracks);
        let (shared, shared_s) = embed(&of(Segments::Shared, hop_s), &tracks);
        let there = at_places(&separate, &tracks, &shared);
        let [mean, low] = cosines(&shared, &there);
        let all = [
            ("separate", &alone, format!("{alone_s:.0}"), String::new()),
            ("shared", &shared, format!("{shared_s:.0}"), format!("{mean:.4}, {low:.4}")),
            ("separate, at the places of shared", &there, String::new(), String::new()),
        ];
        let [alone, shared, there] = all.map(|(name, embedded, seconds, cosine)| {
            let answers = ask(&separate, embedded, &tracks, arguments.piece_s);
            let (third, ten) = (share(&answers.third), share(&answers.among_ten));
            println!("| {hop_s} s, {name} | {} | {seconds} | {third} | {ten} | {cosine} |", answers.windows);
            answers
        });
        for (name, other) in [("separate", &alone), ("separate at its places", &there)] {
            let third = difference(&shared.third, &other.third);
            let ten = difference(&shared.among_ten, &other.among_ten);
            println!("| {hop_s} s, shared less {name} | | | {third} | {ten} | |");
        }
    }
}
