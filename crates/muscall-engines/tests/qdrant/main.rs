//! What the client does, told by a stand-in that keeps collections in memory; and the same against the
//! real server whose gRPC URL is in `MUSCALL_QDRANT_URL`.
#![cfg(feature = "qdrant")]
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

#[path = "../common/mod.rs"]
mod common;
mod stand_in;

use common::Made;
use muscall_engines::{EngineError, EngineHit, Hnsw, Pushed, Qdrant, Search};
use stand_in::StandIn;

const EF: Search = Search::Approximate { ef: 100 };

fn ids(hits: &[EngineHit]) -> Vec<u64> {
    hits.iter().map(|hit| hit.id).collect()
}

/// Everything but what only the stand-in can show.
fn use_it(server: &mut Qdrant) {
    let (old, mut new) = (Made::new(2500, 32, 1), Made::new(700, 300, 2));
    new.fingerprint = "another".into();
    assert_eq!(server.push(&old, Some(Hnsw::default())).unwrap(), 2500);
    let pushed = Pushed { fingerprint: old.fingerprint.clone(), dim: 32, rows: 2500 };
    assert_eq!(server.pushed().unwrap(), pushed);
    for query in &old.queries(20, 3) {
        let expected = old.best(query, 10);
        let exact = server.search(&old.fingerprint, query, 10, Search::Exact).unwrap();
        assert_eq!(ids(&exact), expected.iter().map(|hit| hit.0).collect::<Vec<_>>());
        for (hit, (id, score)) in exact.iter().zip(&expected) {
            let row = &old.rows[(*id as usize - 1) / 3];
            assert!((f64::from(hit.score) - score).abs() < 1e-5, "{hit:?} {score}");
            assert_eq!((&hit.path, hit.start_s.to_bits()), (&row.1, row.2.to_bits()));
        }
        let graph = server.search(&old.fingerprint, query, 10, EF).unwrap();
        assert!(ids(&graph).iter().filter(|id| ids(&exact).contains(id)).count() >= 9);
    }
    let query = &old.rows[0].3;
    assert_eq!(server.search(&old.fingerprint, query, 0, EF).unwrap(), []);

    let mut bad = new.clone();
    bad.rows[699].3[0] = f32::NAN;
    assert!(matches!(server.push(&bad, None).unwrap_err(), EngineError::NotFinite { row: 699, .. }));
    let mut twice = new.clone();
    twice.rows[3].0 = twice.rows[600].0;
    assert!(matches!(server.push(&twice, None).unwrap_err(), EngineError::DuplicateId { .. }));
    assert_eq!(server.pushed().unwrap(), pushed);

    assert_eq!(server.push(&new, None).unwrap(), 700);
    let error = server.search(&old.fingerprint, query, 7, EF).unwrap_err();
    assert!(matches!(&error, EngineError::Fingerprint { found, .. } if found == "another"), "{error}");
    let error = server.search("another", query, 7, EF).unwrap_err();
    assert!(matches!(error, EngineError::Query { expected: 300, actual: 32 }), "{error}");
    let error = server.search("another", &[f32::NAN; 300], 7, EF).unwrap_err();
    assert!(matches!(error, EngineError::QueryNotFinite), "{error}");
}

#[test]
fn by_a_real_server() {
    let Ok(url) = std::env::var("MUSCALL_QDRANT_URL") else {
        println!("skipped: no server; set MUSCALL_QDRANT_URL to the gRPC URL of one");
        return;
    };
    let key = std::env::var("MUSCALL_QDRANT_KEY").ok();
    use_it(&mut Qdrant::connect(&url, key.as_deref(), "muscall_test").unwrap());
}

#[test]
fn by_a_stand_in() {
    let (url, state) = StandIn::start();
    let mut server = Qdrant::connect(&url, None, "music").unwrap();
    assert!(matches!(server.pushed().unwrap_err(), EngineError::Missing { .. }));
    use_it(&mut server);

    // One collection is left, and all rows went in requests of a bounded size.
    {
        let state = state.lock().unwrap();
        assert_eq!(state.collections.len(), 1);
        assert_eq!(state.batches[..3], [1000, 1000, 500]);
        assert!(state.batches.iter().all(|rows| *rows <= 1000));
    }
    // What an interrupted push has left goes; what belongs to another name stays.
    let other = state.lock().unwrap().collections.values().next().unwrap().clone();
    for name in ["music-muscall-0", "music2-muscall-0", "music-2024"] {
        state.lock().unwrap().collections.insert(name.into(), other.clone());
    }
    server.push(&Made::new(10, 8, 4), None).unwrap();
    let mut names: Vec<String> = state.lock().unwrap().collections.keys().cloned().collect();
    names.sort();
    assert_eq!(names.len(), 3);
    assert_eq!((&*names[0], &*names[2]), ("music-2024", "music2-muscall-0"));
    assert!(names[1].starts_with("music-muscall-"));

    // The new collection is in its place, and the server's answer is lost: it stays there, and the next push clears up.
    state.lock().unwrap().lose_answer_once = true;
    assert!(matches!(server.push(&Made::new(20, 8, 4), None).unwrap_err(), EngineError::Qdrant { .. }));
    assert_eq!(server.pushed().unwrap().rows, 20);
    assert_eq!(state.lock().unwrap().collections.len(), 4);
    server.push(&Made::new(10, 8, 4), None).unwrap();
    assert_eq!((server.pushed().unwrap().rows, state.lock().unwrap().collections.len()), (10, 3));

    // The collection is replaced between the look-up of its name and the search.
    state.lock().unwrap().vanish_once = true;
    assert_eq!(server.pushed().unwrap().rows, 10);
    // A server that does not keep metadata cannot keep models apart.
    state.lock().unwrap().keeps_metadata = false;
    let error = server.push(&Made::new(10, 8, 4), None).unwrap_err();
    assert!(error.to_string().contains("Qdrant 1.16"), "{error}");
    assert_eq!(server.pushed().unwrap().rows, 10);
}

/// A collection that an earlier version filled.
#[test]
fn a_collection_under_a_former_name_is_searched() {
    let (url, state) = StandIn::start();
    let json = std::fs::read_to_string(common::former("qdrant.json")).unwrap();
    state.lock().unwrap().collections.insert("music-muscall-1".into(), stand_in::collection(&json));
    state.lock().unwrap().aliases.insert("music".into(), "music-muscall-1".into());
    let mut server = Qdrant::connect(&url, None, "music").unwrap();
    let space = common::space();
    let pushed = server.pushed().unwrap();
    assert!((pushed.dim, pushed.rows) == (8, 34) && space.accepts(&pushed.fingerprint), "{pushed:?}");
    let query = [0.5, -0.5, 0.5, -0.5, 0.0, 0.0, 0.0, 0.0];
    let hits = server.search(&space, &query, 34, Search::Exact).unwrap();
    assert_eq!(hits.len(), 34);
    assert!(hits.iter().all(|hit| hit.path.starts_with("demo/audio/")));
    let error = server.search(space.name(), &query, 3, Search::Exact).unwrap_err();
    assert!(matches!(error, EngineError::Fingerprint { .. }), "{error}");
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let (url, state) = StandIn::start();
    let mut server = Qdrant::connect(&url, None, "music").unwrap();
    server.push(&Made::new(10, 8, 5), None).unwrap();
    let collection = state.lock().unwrap().collections.values().next().unwrap().clone();
    state.lock().unwrap().collections.insert("theirs".into(), collection.clone());
    state.lock().unwrap().aliases.insert("music".into(), "theirs".into());
    let error = server.push(&Made::new(10, 8, 5), None).unwrap_err();
    assert!(matches!(error, EngineError::Foreign { .. }), "{error}");
    state.lock().unwrap().aliases.clear();
    state.lock().unwrap().collections.insert("music".into(), collection);
    let error = server.push(&Made::new(10, 8, 5), None).unwrap_err();
    assert!(matches!(error, EngineError::Foreign { .. }), "{error}");
}

#[test]
fn names_and_servers_that_cannot_be() {
    for name in ["", "Music", "a-b", "9", "é", &"a".repeat(201)] {
        let error = Qdrant::connect("http://127.0.0.1:9", None, name).err().unwrap();
        assert!(matches!(error, EngineError::Name { .. }), "{name}");
    }
    let error = Qdrant::connect("http://[", None, "music").err().unwrap().to_string();
    assert!(error.starts_with("Qdrant, connecting: "), "{error}");
    let error = Qdrant::connect("http://127.0.0.1:9", None, "music").unwrap().pushed().unwrap_err().to_string();
    assert!(error.starts_with("Qdrant, reading the aliases: "), "{error}");
}
