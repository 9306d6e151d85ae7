//! Readers beside a writer in another process, and writers that are killed.
#![allow(missing_docs, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use muscall_retrieval::{Index, IndexConfig, IndexWriter, RetrievalError, Search, TrackRecord};

const DIM: usize = 32;
/// Tracks of a commit.
const TRACKS: usize = 5;
const FOLDER: &str = "MUSCALL_TEST_INDEX";

fn row(track: usize, segment: usize) -> Vec<f32> {
    (0..DIM).map(|i| ((track * 31 + segment * 7 + i * 13) % 97) as f32 / 97.0 - 0.4).collect()
}

fn add(writer: &mut IndexWriter, track: usize) {
    let rows = [row(track, 0), row(track, 1)].concat();
    let record =
        TrackRecord { tags: vec![format!("commit={}", track / TRACKS)], ..TrackRecord::new(track.to_string()) };
    writer.add(&record, &[0.0, 1.0], &rows).unwrap();
}

/// Not a test: what the other process does. It appends until it is killed, and now and then compacts.
#[test]
#[ignore = "run by the tests below, as another process"]
fn append_for_ever() {
    let Ok(path) = std::env::var(FOLDER) else { return };
    let path = PathBuf::from(path);
    let mut writer = IndexWriter::open_or_create(&path, &IndexConfig::new(DIM, "f")).unwrap();
    loop {
        let done = writer.len();
        assert_eq!(done % TRACKS, 0, "a commit was torn");
        (done..done + TRACKS).for_each(|track| add(&mut writer, track));
        writer.commit().unwrap();
        if (done / TRACKS) % 40 == 39 {
            writer = writer.compact().unwrap();
        }
    }
}

fn spawn(path: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "append_for_ever", "--ignored"]).env(FOLDER, path);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Everything of a state is there, and nothing else.
fn check(index: &Index) {
    let tracks = index.len();
    assert_eq!(tracks % TRACKS, 0);
    for track in index.tracks() {
        let record = index.track(track).unwrap();
        assert_eq!(record.path, track.to_string());
        assert_eq!(record.tags, [format!("commit={}", track / TRACKS)]);
        assert_eq!(index.segments(track).unwrap().rows.row(1), row(track, 1));
    }
    let answers = index.search(&row(3, 1), &Search::new(tracks + 10)).unwrap();
    let mut found: Vec<usize> = answers.iter().map(|answer| answer.track).collect();
    found.sort_unstable();
    assert!(found.into_iter().eq(0..tracks));
}

#[test]
fn answers_belong_to_one_committed_state() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("music.index");
    let mut child = spawn(&path);
    let started = Instant::now();
    let mut index = loop {
        match Index::open(&path) {
            Ok(index) => break index,
            Err(RetrievalError::Io { .. }) => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => panic!("{error}"),
        }
        assert!(started.elapsed() < Duration::from_secs(60), "the other process does nothing");
    };
    let (mut states, mut files) = (0, std::collections::HashSet::new());
    while states < 25 {
        if let Some(newer) = index.refreshed().unwrap() {
            assert!(newer.sequence() > index.sequence() && newer.len() >= index.len());
            // The older one is as it was.
            check(&index);
            index = newer;
            states += 1;
        }
        check(&index);
        files.insert(index.blocks_len() <= 1);
        assert!(started.elapsed() < Duration::from_secs(300), "{states} states only");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_killed_writer_leaves_its_last_commit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("music.index");
    let mut before = 0;
    for kill in 0..12_u64 {
        let mut child = spawn(&path);
        std::thread::sleep(Duration::from_millis(40 + 23 * kill % 90));
        child.kill().unwrap();
        child.wait().unwrap();
        if !path.exists() {
            continue;
        }
        let index = Index::open(&path).unwrap();
        check(&index);
        assert!(index.len() >= before);
        before = index.len();
    }
    assert!(before > 0);
}
