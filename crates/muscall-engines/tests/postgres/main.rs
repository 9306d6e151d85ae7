//! Against a real server, whose URL is in `MUSCALL_POSTGRES_URL`; `start.sh` beside this file starts one.
#![cfg(feature = "postgres")]
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

#[path = "../common/mod.rs"]
mod common;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use common::Made;
use muscall_engines::{EngineError, EngineHit, Hnsw, Postgres, Pushed, Search};
use postgres::{Client, NoTls};

const EF: Search = Search::Approximate { ef: 100 };

/// A connection for a table, which is not there; `None` and a word if there is no server.
fn start(table: &str) -> Option<(Postgres, Client)> {
    let Ok(url) = std::env::var("MUSCALL_POSTGRES_URL") else {
        println!("skipped: MUSCALL_POSTGRES_URL is not set; tests/postgres/start.sh starts a server and prints it");
        return None;
    };
    let mut client = Client::connect(&url, NoTls).unwrap();
    client.batch_execute(&format!("DROP TABLE IF EXISTS {table}, {table}_new")).unwrap();
    Some((Postgres::connect(&url, table).unwrap(), client))
}

fn ids(hits: &[EngineHit]) -> Vec<u64> {
    hits.iter().map(|hit| hit.id).collect()
}

#[test]
fn exact_is_brute_force_and_the_graph_comes_near() {
    let Some((mut server, mut client)) = start("muscall_test_search") else { return };
    let made = Made::new(20_000, 128, 1);
    let at = Instant::now();
    assert_eq!(server.push(&made, Some(Hnsw::default())).unwrap(), 20_000);
    println!("20,000 rows of 128, with a graph: {:.1?}", at.elapsed());
    let pushed = Pushed { fingerprint: made.fingerprint.clone(), dim: 128, rows: 20_000 };
    assert_eq!(server.pushed().unwrap(), pushed);

    let queries = made.queries(100, 2);
    let (mut met, mut exact_s, mut graph_s) = (0, 0.0, 0.0);
    for query in &queries {
        let expected = made.best(query, 10);
        let at = Instant::now();
        let exact = server.search(&made.fingerprint, query, 10, Search::Exact).unwrap();
        exact_s += at.elapsed().as_secs_f64();
        assert_eq!(ids(&exact), expected.iter().map(|hit| hit.0).collect::<Vec<_>>());
        for (hit, (id, score)) in exact.iter().zip(&expected) {
            assert!((f64::from(hit.score) - score).abs() < 1e-5, "{hit:?} {score}");
            let row = &made.rows[(*id as usize - 1) / 3];
            assert_eq!((&hit.path, hit.start_s), (&row.1, row.2));
        }
        let at = Instant::now();
        let graph = server.search(&made.fingerprint, query, 10, EF).unwrap();
        graph_s += at.elapsed().as_secs_f64();
        assert!(graph.windows(2).all(|pair| pair[0].score >= pair[1].score));
        let expected: HashSet<u64> = ids(&exact).into_iter().collect();
        met += graph.iter().filter(|hit| expected.contains(&hit.id)).count();
    }
    let recall = met as f64 / (10 * queries.len()) as f64;
    println!("recall@10 {recall:.4}; a query {:.1} ms exact, {:.1} ms by the graph", exact_s * 10.0, graph_s * 10.0);
    assert!(recall >= 0.99, "{recall}");

    // As many as are asked for, even above ef; and the graph is really used.
    assert_eq!(server.search(&made.fingerprint, &queries[0], 300, Search::Approximate { ef: 10 }).unwrap().len(), 300);
    assert_eq!(server.search(&made.fingerprint, &queries[0], 0, Search::Exact).unwrap(), []);
    let vector = pgvector::Vector::from(queries[0].clone());
    let explain = "EXPLAIN SELECT id FROM muscall_test_search ORDER BY vector <#> $1 LIMIT 10";
    let plan: Vec<String> = client.query(explain, &[&vector]).unwrap().iter().map(|row| row.get(0)).collect();
    assert!(plan.join("\n").contains("Index Scan using muscall_test_search_hnsw"), "{plan:?}");
}

#[test]
fn a_push_replaces_and_a_failure_does_not() {
    let Some((mut server, mut client)) = start("muscall_test_replace") else { return };
    let (old, mut new) = (Made::new(500, 32, 3), Made::new(700, 48, 4));
    new.fingerprint = "another".into();
    assert!(matches!(server.pushed().unwrap_err(), EngineError::Missing { .. }));
    server.push(&old, None).unwrap();
    let query = &old.queries(1, 5)[0];
    let best = server.search(&old.fingerprint, query, 7, EF).unwrap();

    let mut late = new.clone();
    late.fails_at = Some(650);
    assert!(matches!(server.push(&late, None).unwrap_err(), EngineError::Source { .. }));
    let mut nan = new.clone();
    nan.rows[699].3[0] = f32::NAN;
    assert!(matches!(server.push(&nan, None).unwrap_err(), EngineError::NotFinite { row: 699, .. }));
    let mut twice = new.clone();
    twice.rows[3].0 = twice.rows[600].0;
    assert!(matches!(server.push(&twice, None).unwrap_err(), EngineError::DuplicateId { .. }));
    let mut large = new.clone();
    large.rows[3].0 = 1 << 63;
    assert!(matches!(server.push(&large, None).unwrap_err(), EngineError::Limit { what: "id", .. }));
    let mut zero = new.clone();
    zero.rows[5].1 = "a\0b".into();
    let error = server.push(&zero, None).unwrap_err();
    assert!(error.to_string().contains("invalid byte sequence"), "{error}");
    assert_eq!(server.search(&old.fingerprint, query, 7, EF).unwrap(), best);

    server.push(&new, Some(Hnsw { m: 8, ef_construction: 32 })).unwrap();
    server.push(&new, Some(Hnsw { m: 8, ef_construction: 32 })).unwrap();
    let error = server.search(&old.fingerprint, query, 7, EF).unwrap_err();
    assert!(matches!(&error, EngineError::Fingerprint { found, .. } if found == "another"), "{error}");
    let error = server.search("another", query, 7, EF).unwrap_err();
    assert!(matches!(error, EngineError::Query { expected: 48, actual: 32 }), "{error}");
    let error = server.search("another", &[f32::NAN; 48], 7, EF).unwrap_err();
    assert!(matches!(error, EngineError::QueryNotFinite), "{error}");
    let error = server.search("another", &new.rows[0].3, 1001, EF).unwrap_err();
    assert_eq!(error.to_string(), "ef is 1001, but pgvector accepts 1 to 1000");
    let names = "SELECT relname::text FROM pg_class WHERE relname LIKE 'muscall_test_replace%' ORDER BY 1";
    let names: Vec<String> = client.query(names, &[]).unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(names, ["", "_hnsw", "_pkey"].map(|end| format!("muscall_test_replace{end}")));
}

/// What reads the table goes on reading it after an update.
#[test]
fn grants_comments_and_views_stay() {
    let Some((mut server, mut client)) = start("muscall_test_grants") else { return };
    let (one, two, wide) = (Made::new(300, 16, 21), Made::new(200, 16, 22), Made::new(100, 24, 23));
    server.push(&one, None).unwrap();
    let make = "DO $$ BEGIN CREATE ROLE muscall_reader; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
                GRANT SELECT ON muscall_test_grants TO muscall_reader WITH GRANT OPTION;
                GRANT UPDATE (path) ON muscall_test_grants TO PUBLIC;
                COMMENT ON COLUMN muscall_test_grants.start_s IS 'it''s in seconds'";
    client.batch_execute(make).unwrap();
    let stays = |client: &mut Client| {
        let says = "SELECT has_table_privilege('muscall_reader', 'muscall_test_grants', 'SELECT WITH GRANT OPTION'),
                    has_column_privilege('muscall_reader', 'muscall_test_grants', 'path', 'UPDATE'),
                    has_column_privilege('muscall_reader', 'muscall_test_grants', 'start_s', 'UPDATE'),
                    col_description('muscall_test_grants'::regclass, 3)";
        let row = client.query_one(says, &[]).unwrap();
        assert_eq!((row.get(0), row.get(1), row.get(2)), (true, true, false));
        assert_eq!(row.get::<_, String>(3), "it's in seconds");
    };
    stays(&mut client);
    for made in [&wide, &one] {
        server.push(made, Some(Hnsw::default())).unwrap();
        stays(&mut client);
    }
    // With a view the table itself stays, with and without a graph.
    let view = "CREATE VIEW muscall_test_grants_paths AS SELECT DISTINCT path FROM muscall_test_grants;
                GRANT SELECT ON muscall_test_grants_paths TO muscall_reader";
    client.batch_execute(view).unwrap();
    for (made, hnsw) in [(&two, None), (&one, Some(Hnsw::default())), (&two, Some(Hnsw::default()))] {
        assert_eq!(server.push(made, hnsw).unwrap(), made.rows.len() as u64);
        stays(&mut client);
        let query = &made.queries(1, 24)[0];
        let expected: Vec<u64> = made.best(query, 5).iter().map(|hit| hit.0).collect();
        assert_eq!(ids(&server.search(&made.fingerprint, query, 5, Search::Exact).unwrap()), expected);
        let paths: HashSet<&String> = made.rows.iter().map(|row| &row.1).collect();
        let counted = client.query_one("SELECT count(*) FROM muscall_test_grants_paths", &[]).unwrap();
        assert_eq!(counted.get::<_, i64>(0), paths.len() as i64);
    }
    let indexes = "SELECT count(*) FROM pg_indexes WHERE indexname = 'muscall_test_grants_hnsw'";
    assert_eq!(client.query_one(indexes, &[]).unwrap().get::<_, i64>(0), 1);
    server.push(&two, None).unwrap();
    assert_eq!(client.query_one(indexes, &[]).unwrap().get::<_, i64>(0), 0);
    // A key of another table loses nothing that is still there.
    let notes = "CREATE TABLE muscall_test_notes (segment bigint REFERENCES muscall_test_grants ON DELETE CASCADE);
                 INSERT INTO muscall_test_notes SELECT id FROM muscall_test_grants";
    client.batch_execute(notes).unwrap();
    server.push(&two, None).unwrap();
    let counted = client.query_one("SELECT count(*) FROM muscall_test_notes", &[]).unwrap();
    assert_eq!(counted.get::<_, i64>(0), two.rows.len() as i64);
    let error = server.push(&wide, None).unwrap_err();
    assert!(matches!(error, EngineError::Depended { expected: 16, found: 24, .. }), "{error}");
    let away = "DROP VIEW muscall_test_grants_paths; DROP TABLE muscall_test_notes, muscall_test_grants; DROP ROLE muscall_reader";
    client.batch_execute(away).unwrap();
}

/// A process that is killed in the middle of a push: its connection breaks and the server rolls back.
#[test]
fn a_broken_connection_leaves_the_old_table() {
    let Some((mut server, mut client)) = start("muscall_test_broken") else { return };
    let (old, new) = (Made::new(300, 16, 6), Made::new(400, 16, 7));
    server.push(&old, None).unwrap();
    struct Broken<'a>(&'a Made, std::cell::RefCell<&'a mut Client>);
    impl muscall_engines::Rows for Broken<'_> {
        fn dim(&self) -> usize {
            self.0.dim
        }
        fn fingerprint(&self) -> &str {
            &self.0.fingerprint
        }
        fn each(
            &self,
            row: &mut dyn FnMut(muscall_engines::Row<'_>) -> Result<(), EngineError>,
        ) -> Result<(), EngineError> {
            self.0.each(row)?;
            let kill = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid IN \
                        (SELECT pid FROM pg_stat_activity WHERE query LIKE 'COPY \"muscall_test_broken%')";
            assert_eq!(self.1.borrow_mut().query(kill, &[]).unwrap().len(), 1);
            Ok(())
        }
    }
    let error = server.push(&Broken(&new, (&mut client).into()), None).unwrap_err();
    assert!(matches!(error, EngineError::Postgres { .. }), "{error}");
    let url = std::env::var("MUSCALL_POSTGRES_URL").unwrap();
    let mut server = Postgres::connect(&url, "muscall_test_broken").unwrap();
    assert_eq!(server.pushed().unwrap().rows, 300);
    server.push(&new, None).unwrap();
    assert_eq!(server.pushed().unwrap().rows, 400);
}

#[test]
fn searches_go_on_while_tables_change() {
    let Some((mut server, _)) = start("muscall_test_change") else { return };
    let url = std::env::var("MUSCALL_POSTGRES_URL").unwrap();
    let (mut one, mut two) = (Made::new(400, 16, 8), Made::new(300, 16, 9));
    (one.fingerprint, two.fingerprint) = ("one".into(), "two".into());
    server.push(&one, None).unwrap();
    let query = one.queries(1, 10).remove(0);
    let best = |made: &Made| made.best(&query, 5).iter().map(|hit| hit.0).collect::<Vec<_>>();
    let (expected, done) = ([("one", best(&one)), ("two", best(&two))], AtomicBool::new(false));
    std::thread::scope(|scope| {
        let searching = scope.spawn(|| {
            let mut server = Postgres::connect(&url, "muscall_test_change").unwrap();
            let mut answers = [0, 0];
            while !done.load(Ordering::Relaxed) {
                for (at, (fingerprint, ids)) in expected.iter().enumerate() {
                    match server.search(*fingerprint, &query, 5, Search::Exact) {
                        Ok(hits) => {
                            assert_eq!(&self::ids(&hits), ids);
                            answers[at] += 1;
                        }
                        Err(error) => assert!(matches!(error, EngineError::Fingerprint { .. }), "{error}"),
                    }
                }
            }
            answers
        });
        let other = scope.spawn(|| {
            let mut server = Postgres::connect(&url, "muscall_test_change").unwrap();
            (0..10).for_each(|_| assert_eq!(server.push(&one, None).unwrap(), 400));
        });
        (0..10).for_each(|_| assert_eq!(server.push(&two, None).unwrap(), 300));
        other.join().unwrap();
        done.store(true, Ordering::Relaxed);
        let answers = searching.join().unwrap();
        println!("{answers:?} answers during 20 pushes");
        assert!(answers.iter().sum::<u32>() > 0);
    });
}

/// A table that an earlier version filled, as `pg_dump --inserts` wrote it down.
#[test]
fn a_table_under_a_former_name_is_searched() {
    let Some((mut server, mut client)) = start("muscall_former") else { return };
    // With the extension, and without the table.
    server.push(&Made::new(10, 8, 12), None).unwrap();
    client.batch_execute("DROP TABLE muscall_former").unwrap();
    client.batch_execute(&std::fs::read_to_string(common::former("postgres.sql")).unwrap()).unwrap();
    let space = common::space();
    let pushed = server.pushed().unwrap();
    assert!((pushed.dim, pushed.rows) == (8, 34) && space.accepts(&pushed.fingerprint), "{pushed:?}");
    let query = [0.5, -0.5, 0.5, -0.5, 0.0, 0.0, 0.0, 0.0];
    let hits = server.search(&space, &query, 34, Search::Exact).unwrap();
    assert_eq!((hits.len(), ids(&hits).into_iter().collect::<HashSet<_>>().len()), (34, 34));
    assert!(hits.iter().all(|hit| hit.path.starts_with("demo/audio/")));
    let error = server.search(space.name(), &query, 3, Search::Exact).unwrap_err();
    assert!(matches!(error, EngineError::Fingerprint { .. }), "{error}");
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let Some((mut server, mut client)) = start("muscall_test_foreign") else { return };
    client.batch_execute("CREATE TABLE muscall_test_foreign (id int)").unwrap();
    let made = Made::new(10, 8, 11);
    for error in [server.push(&made, None).unwrap_err(), server.pushed().unwrap_err()] {
        assert!(matches!(error, EngineError::Foreign { .. }), "{error}");
    }
    let mut wide = made.clone();
    wide.dim = 2001;
    let error = server.push(&wide, Some(Hnsw::default())).unwrap_err();
    assert_eq!(error.to_string(), "dim is 2001, but pgvector accepts 1 to 2000");
    let error = server.push(&made, Some(Hnsw { m: 16, ef_construction: 20 })).unwrap_err();
    assert_eq!(error.to_string(), "ef_construction is 20, but pgvector accepts 32 to 1000");
    assert_eq!(client.query_one("SELECT count(*) FROM muscall_test_foreign", &[]).unwrap().get::<_, i64>(0), 0);

    // The name that a new table has until it is whole.
    let Some((mut server, _)) = start("muscall_test_taken") else { return };
    client.batch_execute("CREATE TABLE muscall_test_taken_new (id int)").unwrap();
    let error = server.push(&made, None).unwrap_err();
    client.batch_execute("DROP TABLE muscall_test_taken_new").unwrap();
    assert!(matches!(&error, EngineError::Foreign { place } if place == "muscall_test_taken_new"), "{error}");
    server.push(&made, None).unwrap();
}

#[test]
fn names_and_servers_that_cannot_be() {
    let url = "postgresql://postgres:secret@127.0.0.1:9/music?connect_timeout=2";
    for name in ["", "Music", "a-b", "a\"; DROP TABLE b; --", "9", "é", &"a".repeat(51)] {
        assert!(matches!(Postgres::connect(url, name).err().unwrap(), EngineError::Name { .. }), "{name}");
    }
    let error = Postgres::connect(url, "music").err().unwrap().to_string();
    assert!(error.starts_with("Postgres, connecting: ") && !error.contains("secret"), "{error}");
}
