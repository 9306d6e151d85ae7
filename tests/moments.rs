//! The moment in the track, with the quickstart's model on the clips that it was trained on.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::ops::ControlFlow;
use std::path::Path;

use muscall::audio::{CropPosition, load_clip, load_whole};
use muscall::indexing::{Indexer, Item, Scope, index_config};
use muscall::retrieval::{IndexWriter, Search};
use muscall::{Device, Index, Learner, Manifest, Muscall, OnExisting, Recipe, Split};

/// Seconds of each piece.
const THIRD_S: f64 = 12.0;

fn quickstart(out: &Path) -> (Muscall, Manifest) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let train = Manifest::read(&root.join("demo/manifest.jsonl"), Split::Train).unwrap();
    let recipe = Recipe::read(&root.join("recipes/quickstart.toml")).unwrap();
    let learner = Learner::new(recipe, out, &Device::default()).unwrap().with_on_existing(OnExisting::Replace);
    let held_out = Manifest::read(&root.join("demo/manifest.jsonl"), Split::Val).unwrap();
    let outcome = learner.fit(train.clone(), Some(held_out), &mut |_| ControlFlow::Continue(())).unwrap();
    (outcome.model, train)
}

/// Three pieces one after the other, as a file.
fn glue(model: &Muscall, pieces: [&Path; 3], piece_s: f64, to: &Path) {
    let mut config = model.clip_config();
    config.samples = (piece_s * f64::from(config.sample_rate)) as usize;
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: config.sample_rate,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut writer = hound::WavWriter::create(to, spec).unwrap();
    for piece in pieces {
        let clip = load_clip(piece, CropPosition::Central, &config).unwrap();
        clip.samples.iter().for_each(|&sample| writer.write_sample(sample).unwrap());
    }
    writer.finalize().unwrap();
}

/// Glued tracks, three rows of the manifest each.
struct Glued<'a> {
    piece_s: f64,
    tracks: Vec<(Item, [&'a str; 3])>,
    dir: &'a Path,
}

/// How many captions of how many find their third, and their track among all.
struct Found {
    third: usize,
    track: usize,
    asked: usize,
    segments: usize,
}

impl<'a> Glued<'a> {
    fn new(model: &Muscall, manifest: &'a Manifest, dir: &'a Path, piece_s: f64) -> Self {
        // Pieces of different kinds that are long enough, three by three.
        let mut rows: Vec<_> = manifest.rows.iter().collect();
        rows.retain(|row| {
            let whole = load_whole(&row.audio, &model.clip_config()).unwrap();
            whole.samples.len() as f64 >= piece_s * f64::from(model.config().log_mel.sample_rate)
        });
        let spread = rows.len() / 3;
        assert!(spread >= 5, "{} pieces are long enough", rows.len());
        let track = |track: usize| {
            let pieces = [0, 1, 2].map(|third| rows[track + third * spread]);
            let path = dir.join(format!("{track}.wav"));
            glue(model, pieces.map(|row| row.audio.as_path()), piece_s, &path);
            (Item::file(&path).unwrap(), pieces.map(|row| row.captions[0].as_str()))
        };
        Self { piece_s, tracks: (0..spread).map(track).collect(), dir }
    }

    fn ask(&self, model: &Muscall) -> Found {
        let path = self.dir.join("music.index");
        let _ = std::fs::remove_file(&path);
        let mut writer = IndexWriter::create(&path, &index_config(model).unwrap()).unwrap();
        let listen = |_: muscall::indexing::Event<'_>| ControlFlow::Continue(());
        let items = self.tracks.iter().map(|(item, _)| item.clone()).collect();
        Indexer::default().run(model, &mut writer, items, &Scope::Items, listen).unwrap();
        let index = Index::open_for(&path, model.fingerprint().unwrap()).unwrap();
        let mut found = Found { third: 0, track: 0, asked: 0, segments: index.segments_len() };
        for (item, captions) in &self.tracks {
            let number = index.find(&item.path).unwrap().unwrap();
            for (third, caption) in captions.iter().enumerate() {
                let query = model.embed_text([caption]).unwrap();
                // Of this track alone, and out of all.
                let own = |_: &Index, track: usize| Ok(track == number);
                let moment = index.search(query.row(0), &Search::new(1).with_filter(&own)).unwrap()[0].moments[0];
                let middle = f64::midpoint(moment.start_s, moment.end_s);
                found.asked += 1;
                found.third += usize::from((middle / self.piece_s) as usize == third);
                found.track += usize::from(index.search(query.row(0), &Search::new(1)).unwrap()[0].track == number);
            }
        }
        found
    }
}

#[test]
fn a_caption_finds_its_third_of_a_glued_track() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let (model, manifest) = quickstart(&run);
    let glued = Glued::new(&model, &manifest, dir.path(), THIRD_S);
    let Found { third, track, asked, .. } = glued.ask(&model);
    println!("{third} of {asked} captions find their third, {track} their track among {}", glued.tracks.len());
    assert!(third * 10 >= asked * 9, "{third} of {asked}");
    // Chance is 3 of 42. 33 and 34 have been seen, by which instructions the machine has: another order of sums is
    // another training.
    assert!(track * 4 >= asked * 3, "{track} of {asked}");
}

/// By which the default hop was chosen, docs/PERFORMANCE.md has what it prints:
/// `cargo test --workspace --test moments -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn hops() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let (model, manifest) = quickstart(&run);
    let file = run.join("config.json");
    let mut config: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    // Pieces that windows fill, and those that they do not.
    for piece_s in [12.0, 7.5, 4.5] {
        let glued = Glued::new(&model, &manifest, dir.path(), piece_s);
        for part in [1.0, 2.0, 4.0, 8.0] {
            let hop_s = model.config().clip_s / part;
            config["model"]["segment_hop_s"] = hop_s.into();
            std::fs::write(&file, config.to_string()).unwrap();
            let Found { third, track, asked, segments } = glued.ask(&Muscall::load(&run, &Device::default()).unwrap());
            println!(
                "hop {hop_s:.2} s, pieces of {piece_s} s: {third} thirds and {track} tracks of {asked}, {segments} segments"
            );
        }
    }
}
