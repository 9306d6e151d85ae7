//! Whole tracks, ranked by their own vectors: what a library answers is what is found by hand.
#![allow(missing_docs, clippy::unwrap_used)]

use burn::tensor::Device;
use muscall_library::{Library, Request, Stretch, Term};
use muscall_model::{ClipTokenizer, Muscall, MuscallConfig};
use muscall_retrieval::{IndexConfig, IndexWriter, TrackRecord, dot};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

const TRACKS: usize = 60;
const GENRES: [&str; 3] = ["jazz", "folk", "calm jazz"];

/// Numbers without a pattern, from −1 to 1.
fn row(seed: usize, dim: usize) -> Vec<f32> {
    let wave = |i: usize| ((seed * 7919 + i * 104_729) as f32 * 0.618).sin();
    let row: Vec<f32> = (0..dim).map(wave).collect();
    let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
    row.into_iter().map(|x| x / norm).collect()
}

/// A model that knows nothing, and tracks of one to five segments that it never heard.
fn library(dir: &std::path::Path) -> Library {
    let config = MuscallConfig::tiny();
    let network = config.init(&Device::default()).unwrap();
    let model = Muscall::new(config, &network, ClipTokenizer::new().unwrap(), &Device::default()).unwrap();
    let dim = model.config().projection_dim;
    let path = dir.join("index");
    let mut writer = IndexWriter::create(&path, &IndexConfig::new(dim, model.fingerprint().unwrap())).unwrap();
    for track in 0..TRACKS {
        let count = 1 + track % 5;
        let rows: Vec<f32> = (0..count).flat_map(|segment| row(5 * track + segment, dim)).collect();
        let starts: Vec<f32> = (0..count).map(|start| start as f32).collect();
        let mut record = TrackRecord::new(format!("{track}.ogg"));
        record.tags = vec![format!("genre={}", GENRES[track % 3])];
        writer.add(&record, &starts, &rows).unwrap();
    }
    writer.commit().unwrap();
    Library::new(model, &path).unwrap()
}

/// All tracks that come into question, by the cosines of their own vectors.
fn by_hand(library: &Library, query: &[f32], request: &Request) -> Vec<(usize, f32)> {
    let index = library.index();
    let takes = |track: &usize| {
        let tags = index.track(*track).unwrap().tags;
        let has = |word: &String| tags.iter().any(|tag| tag.split(['=', ' ']).any(|own| own == word));
        !request.filter.without.contains(track) && request.filter.tags.iter().all(has)
    };
    let tracks = (0..TRACKS).filter(takes);
    let mut all: Vec<_> = tracks.map(|track| (track, dot(query, index.vector(track).unwrap()))).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    all.truncate(request.top);
    all
}

#[test]
fn whole_tracks_are_ranked_as_by_hand() {
    let dir = tempfile::tempdir().unwrap();
    let library = library(dir.path());
    let word = prop_oneof![Just("jazz"), Just("folk"), Just("calm"), Just("polka")];
    let strategy = (
        0..TRACKS,
        any::<bool>(),
        1_usize..80,
        proptest::collection::vec(word, 0..3),
        proptest::collection::vec(0..2 * TRACKS, 0..40),
    );
    let mut runner = TestRunner::new(ProptestConfig::with_cases(64));
    let result = runner.run(&strategy, |(track, by_track, top, tags, without)| {
        let term = if by_track { Term::track(track, Stretch::default()) } else { Term::text(format!("song {track}")) };
        let mut request = Request::new([term]).with_top(top).with_track_weight(1.0);
        request.filter.tags = tags.into_iter().map(str::to_owned).collect();
        request.filter.without = without;
        let response = library.answer(&request).unwrap();
        let found: Vec<_> = response.answers.iter().map(|answer| (answer.track, answer.score)).collect();
        prop_assert_eq!(found, by_hand(&library, &response.query, &request));
        Ok(())
    });
    result.unwrap();
}

#[test]
fn a_track_is_most_like_itself_unless_it_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let library = library(dir.path());
    let mut request = Request::new([Term::track(7, Stretch::default())]).with_track_weight(1.0);
    let first = |request: &Request| library.search(request).unwrap().remove(0);
    let own = first(&request);
    assert!(own.track == 7 && (own.score - 1.0).abs() < 1e-5, "{own:?}");
    request.filter.without = vec![7];
    let answers = library.search(&request).unwrap();
    assert!(answers.len() == 10 && answers.iter().all(|answer| answer.track != 7), "{answers:?}");
    // By the best moment it may be another one.
    let moments: Vec<usize> = {
        let request = request.with_track_weight(0.0);
        library.search(&request).unwrap().iter().map(|answer| answer.track).collect()
    };
    assert_ne!(moments, answers.iter().map(|answer| answer.track).collect::<Vec<_>>());
}
