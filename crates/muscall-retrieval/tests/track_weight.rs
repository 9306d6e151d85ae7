//! Tracks that are ranked by all of what they are, and not by one moment alone.
#![allow(missing_docs, clippy::unwrap_used)]

use muscall_retrieval::{Index, IndexConfig, IndexWriter, Search, Stages, TrackRecord, dot};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const DIM: usize = 24;

fn unit(mut row: Vec<f32>) -> Vec<f32> {
    let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
    row.iter_mut().for_each(|x| *x /= norm);
    row
}

fn index(tracks: &[Vec<Vec<f32>>]) -> (tempfile::TempDir, Index) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("index");
    let mut writer = IndexWriter::create(&path, &IndexConfig::new(tracks[0][0].len(), "00ff")).unwrap();
    for (number, rows) in tracks.iter().enumerate() {
        let starts: Vec<f32> = (0..rows.len()).map(|start| start as f32).collect();
        writer.add(&TrackRecord::new(format!("{number}.ogg")), &starts, &rows.concat()).unwrap();
        if number % 9 == 8 {
            writer.commit().unwrap();
        }
    }
    writer.commit().unwrap();
    let index = Index::open(&path).unwrap();
    (dir, index)
}

#[test]
fn one_odd_moment_is_not_enough() {
    let (right, left) = (vec![1.0, 0.0], vec![0.0, 1.0]);
    let throughout = vec![unit(vec![0.9, 0.3]); 4];
    let once = vec![right.clone(), left.clone(), left.clone(), left];
    let (_dir, index) = index(&[once, throughout]);
    let order = |search: Search<'_>| -> Vec<usize> {
        index.search(&right, &search).unwrap().iter().map(|answer| answer.track).collect()
    };
    assert_eq!(order(Search::new(2)), [0, 1]);
    assert_eq!(order(Search::new(2).with_track_weight(0.5)), [1, 0]);
    // What is no weight is none, or all.
    assert_eq!(order(Search::new(2).with_track_weight(f32::NAN)), [0, 1]);
    assert_eq!(order(Search::new(2).with_track_weight(7.0)), [1, 0]);
    // Moments are moments all the same.
    let answers = index.search(&right, &Search::new(2).with_track_weight(0.5)).unwrap();
    assert_eq!((answers[1].moments[0].start_s, answers[1].moments[0].score), (0.0, 1.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_best_are_those_found_by_hand(
        seed in 0_u64..1000, tracks in 1_usize..60, k in 0_usize..20, weight in prop_oneof![Just(0.0_f32), 0.0_f32..=1.0, Just(1.0)],
    ) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut row = || unit((0..DIM).map(|_| rng.random_range(-1.0..1.0)).collect());
        let query = row();
        let tracks: Vec<Vec<Vec<f32>>> = (0..tracks).map(|track| (0..=track % 5).map(|_| row()).collect()).collect();
        let (_dir, index) = index(&tracks);
        let score = |track: usize| {
            let moment = tracks[track].iter().map(|row| dot(&query, row)).fold(f32::MIN, f32::max);
            (1.0 - weight) * moment + weight * dot(&query, index.vector(track).unwrap())
        };
        let mut expected: Vec<(usize, f32)> = (0..tracks.len()).map(|track| (track, score(track))).collect();
        expected.sort_by(|a, b| b.1.total_cmp(&a.1));
        expected.truncate(k);
        let search = Search::new(k).with_track_weight(weight);
        let staged = [Stages::All, Stages::TracksFirst { tracks: tracks.len() }].map(|stages| search.with_stages(stages));
        for search in staged.into_iter().chain([search]) {
            let found: Vec<(usize, f32)> =
                index.search(&query, &search).unwrap().iter().map(|answer| (answer.track, answer.score)).collect();
            prop_assert_eq!(&found, &expected);
        }
    }
}
