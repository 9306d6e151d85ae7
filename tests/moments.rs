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
fn glue(model: &Muscall, pieces: [&Path; 3], to: &Path) {
    let mut config = model.clip_config();
    config.samples = (THIRD_S * f64::from(config.sample_rate)) as usize;
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

#[test]
fn a_caption_finds_its_third_of_a_glued_track() {
    let dir = tempfile::tempdir().unwrap();
    let (model, manifest) = quickstart(&dir.path().join("run"));
    // Pieces of different kinds that are long enough, three by three.
    let mut rows: Vec<_> = manifest.rows.iter().collect();
    rows.retain(|row| {
        let whole = load_whole(&row.audio, &model.clip_config()).unwrap();
        whole.samples.len() as f64 >= THIRD_S * f64::from(model.config().log_mel.sample_rate)
    });
    let spread = rows.len() / 3;
    assert!(spread >= 5, "{} pieces are long enough", rows.len());
    let mut items = Vec::new();
    for track in 0..spread {
        let path = dir.path().join(format!("{track}.wav"));
        glue(&model, [0, 1, 2].map(|third| rows[track + third * spread].audio.as_path()), &path);
        items.push(Item::file(&path).unwrap());
    }
    let path = dir.path().join("music.index");
    let mut writer = IndexWriter::create(&path, &index_config(&model)).unwrap();
    let listen = |_: muscall::indexing::Event<'_>| ControlFlow::Continue(());
    Indexer::default().run(&model, &mut writer, items.clone(), &Scope::Items, listen).unwrap();
    let index = Index::open_for(&path, &model.fingerprint()).unwrap();
    let (mut right, mut found, mut asked) = (0, 0, 0);
    for (track, item) in items.iter().enumerate() {
        let number = index.find(&item.path).unwrap().unwrap();
        for third in 0..3 {
            let caption = &rows[track + third * spread].captions[0];
            let query = model.embed_text([caption]).unwrap();
            // Of this track alone, and out of all.
            let own = |_: &Index, track: usize| Ok(track == number);
            let answer = &index.search(query.row(0), &Search::new(1).with_filter(&own)).unwrap()[0];
            let moment = answer.moments[0];
            let middle = (moment.start_s + moment.end_s) / 2.0;
            asked += 1;
            right += usize::from((middle / THIRD_S) as usize == third);
            found += usize::from(index.search(query.row(0), &Search::new(1)).unwrap()[0].track == number);
        }
    }
    println!("{right} of {asked} captions find their third; {found} their track among {}", items.len());
    assert!(right * 10 >= asked * 9, "{right} of {asked}");
    assert!(found * 10 >= asked * 8, "{found} of {asked}");
}
