//! How much of the encoder's own throughput is left when files are decoded beside it, and whether memory stays flat.
//!
//! `cargo bench --bench indexing [-- FILES ROUNDS]`
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use muscall::audio::{Clip, load_whole};
use muscall::indexing::{Event, Indexer, Item, Outcome, Scope, index_config};
use muscall::retrieval::IndexWriter;
use muscall::{Device, Muscall, MuscallConfig};

fn main() {
    muscall::model::keep_freed_memory();
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<usize>().ok());
    let (files, rounds) = (numbers.next().unwrap_or(12), numbers.next().unwrap_or(3));
    let dir = tempfile::tempdir().unwrap();
    let music = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/music.mp3")).unwrap();
    let items: Vec<Item> = (0..files)
        .map(|i| {
            let path = dir.path().join(format!("{i:05}.mp3"));
            // Files of one content would be embedded once: a tag at the end makes each another one.
            let tag = format!("TAG{i:<125}");
            fs::write(&path, [music.as_slice(), tag.as_bytes()].concat()).unwrap();
            Item::file(&path).unwrap()
        })
        .collect();
    for (name, config) in [("width 16", MuscallConfig::released()), ("width 64", MuscallConfig::resnet50())] {
        let dual = config.init(&Device::default()).unwrap();
        let tokenizer = muscall::model::ClipTokenizer::new().unwrap();
        let model = Muscall::new(config, &dual, tokenizer, &Device::default()).unwrap();
        let whole = load_whole(&dir.path().join("00000.mp3"), &model.clip_config()).unwrap();
        let windows: Vec<Clip> = (0..files).flat_map(|_| model.segments(&whole)).collect();
        let decode_ms = decoding_ms(&dir.path().join("00000.mp3"), &model) * files as f64 / windows.len() as f64;
        let (mut alone, mut indexed) = (Vec::new(), Vec::new());
        let mut resident = Vec::new();
        for _ in 0..=rounds {
            let started = Instant::now();
            for batch in windows.chunks(Indexer::default().batch) {
                std::hint::black_box(model.embed_loaded(std::hint::black_box(batch)).unwrap());
            }
            alone.push(windows.len() as f64 / started.elapsed().as_secs_f64());
            let path = dir.path().join("music.index");
            let _ = fs::remove_file(&path);
            let mut writer = IndexWriter::create(&path, &index_config(&model).unwrap()).unwrap();
            let started = Instant::now();
            let listen = |event: Event<'_>| {
                if let Event::File { outcome: Outcome::Embedded { .. }, .. } = event {
                    resident.push(resident_mb());
                }
                ControlFlow::Continue(())
            };
            let report = Indexer::default().run(&model, &mut writer, items.clone(), &Scope::Items, listen).unwrap();
            assert_eq!(report.embedded, files);
            indexed.push(windows.len() as f64 / started.elapsed().as_secs_f64());
        }
        // The first round warms up.
        let (alone, indexed) = (median(&mut alone[1..]), median(&mut indexed[1..]));
        let (early, late) = (resident[resident.len() / 4], resident[resident.len() - 1]);
        println!(
            "{name}: {} windows; encoder alone {alone:.1} a second, indexing mp3 {indexed:.1} ({:.1} %); decoding takes {decode_ms:.1} ms of a core a window; memory {early} MB, at the end {late} MB",
            windows.len(),
            100.0 * indexed / alone
        );
    }
}

/// Of one file, alone on the machine.
fn decoding_ms(path: &Path, model: &Muscall) -> f64 {
    let decode = |_| {
        let started = Instant::now();
        std::hint::black_box(load_whole(std::hint::black_box(path), &model.clip_config()).unwrap());
        1e3 * started.elapsed().as_secs_f64()
    };
    median(&mut (0..5).map(decode).collect::<Vec<_>>())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// 0 where the system does not say.
fn resident_mb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap_or(0) / 1024
}
