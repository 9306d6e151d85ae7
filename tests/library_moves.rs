//! Files that were moved, copied, swapped or replaced: nothing known is embedded again, and no name is left behind.
#![allow(missing_docs, clippy::unwrap_used)]

mod library;

use std::fs;

use library::{Library, counts, set_time, unpack, wav};
use muscall::indexing::Indexer;

#[test]
fn a_library_has_one_name_however_it_is_spelled() {
    let mut library = Library::with_files([("a.wav", 1), ("b.wav", 2), ("sub/c.wav", 3)]);
    assert_eq!(counts(&library.run()), [3, 0, 0, 0, 0, 0]);
    let first = library.contents();
    // The folder is renamed.
    let old = std::mem::replace(&mut library.root, library.dir.join("renamed"));
    fs::rename(&old, &library.root).unwrap();
    assert_eq!(counts(&library.run()), [0, 3, 0, 0, 0, 0]);
    let moved = library.contents();
    assert_eq!(moved, library.anew());
    assert!(first.values().eq(moved.values()) && first.keys().all(|name| !moved.contains_key(name)));
    // Through `..`, `.` and a relative path.
    for spelled in ["renamed/../renamed", "renamed/sub/..", "./renamed/."] {
        assert_eq!(counts(&library.run_on(&library.dir.join(spelled))), [0, 0, 0, 3, 0, 0], "{spelled}");
    }
    #[cfg(unix)]
    {
        let link = library.dir.join("link");
        std::os::unix::fs::symlink("renamed", &link).unwrap();
        assert_eq!(counts(&library.run_on(&link)), [0, 0, 0, 3, 0, 0]);
    }
    assert_eq!(library.contents(), moved);
}

#[test]
fn a_copy_of_a_library_is_not_embedded() {
    let mut library = Library::with_files([("a.wav", 1), ("b.wav", 2)]);
    library.run();
    let old = library.root.clone();
    library.root = library.dir.join("backup");
    library.put("a.wav", 1);
    library.put("b.wav", 2);
    assert_eq!(counts(&library.run()), [0, 0, 2, 0, 0, 0]);
    assert_eq!(library.contents().len(), 4);
    // The first one may be on a disk that is away: what was moved in the second has its name from there.
    fs::remove_dir_all(&old).unwrap();
    library.rename("a.wav", "c.wav");
    assert_eq!(counts(&library.run()), [0, 1, 0, 1, 0, 0]);
    assert_eq!(library.contents().len(), 4);
}

#[cfg(unix)]
#[test]
fn links_to_files_are_names_of_their_own_and_another_mount_is_not() {
    let mut library = Library::with_files([("a.wav", 1), ("b.wav", 2)]);
    library.run();
    let music = std::mem::replace(&mut library.root, library.dir.join("links"));
    fs::create_dir(&library.root).unwrap();
    std::os::unix::fs::symlink("../music/a.wav", library.path("favourite.wav")).unwrap();
    fs::hard_link(music.join("b.wav"), library.path("hard.wav")).unwrap();
    assert_eq!(counts(&library.run()), [0, 0, 2, 0, 0, 0]);
    // Whichever is indexed, both stay.
    for folder in [&music, &library.root] {
        assert_eq!(counts(&library.run_on(folder)), [0, 0, 0, 2, 0, 0]);
        assert_eq!(library.contents().len(), 4);
    }
    // The same files by another way, as if the disk were mounted there, too.
    fs::remove_dir_all(&library.root).unwrap();
    fs::remove_file(&library.index).unwrap();
    library.run_on(&music);
    library.root = library.dir.join("mounts");
    fs::create_dir(&library.root).unwrap();
    std::os::unix::fs::symlink(&music, library.path("disk")).unwrap();
    assert_eq!(counts(&library.run()), [0, 2, 0, 0, 0, 0]);
    assert_eq!(library.names(), ["disk/a.wav", "disk/b.wav"]);
}

#[test]
fn swaps_chains_and_copies() {
    let library = Library::with_files([("a.wav", 1), ("b.wav", 2), ("c.wav", 3), ("d.wav", 4)]);
    library.run();
    // a ↔ b
    library.rename("a.wav", "x");
    library.rename("b.wav", "a.wav");
    library.rename("x", "b.wav");
    assert_eq!(counts(&library.run()), [0, 0, 2, 2, 0, 0]);
    assert_eq!(library.contents(), library.anew());
    // a → b → c → new
    library.rename("c.wav", "new.wav");
    library.rename("b.wav", "c.wav");
    library.rename("a.wav", "b.wav");
    let report = library.run();
    assert_eq!((report.embedded, report.moved + report.copied, report.unchanged), (0, 3, 1));
    assert_eq!(library.contents(), library.anew());
    // One to many.
    fs::copy(library.path("d.wav"), library.path("d1.wav")).unwrap();
    fs::copy(library.path("d.wav"), library.path("d2.wav")).unwrap();
    library.rename("d.wav", "d3.wav");
    assert_eq!(counts(&library.run()), [0, 1, 2, 3, 0, 0]);
    assert_eq!(library.contents(), library.anew());
    // Many to one.
    fs::remove_file(library.path("d1.wav")).unwrap();
    fs::remove_file(library.path("d2.wav")).unwrap();
    library.rename("d3.wav", "d.wav");
    assert_eq!(counts(&library.run()), [0, 1, 0, 3, 2, 0]);
    assert_eq!(library.contents(), library.anew());
    assert_eq!(library.names(), ["b.wav", "c.wav", "d.wav", "new.wav"]);
}

#[test]
fn new_files_of_one_content_are_embedded_once() {
    let library = Library::new();
    for i in 0..20 {
        library.put(&format!("{i:02}.wav"), i % 3);
    }
    for threads in [1, 4] {
        let _ = fs::remove_file(&library.index);
        let report = library.run_with(&Indexer { threads, batch: 2, ..Indexer::default() }, &library.root);
        assert_eq!(counts(&report), [3, 0, 17, 0, 0, 0]);
        assert_eq!(library.contents().len(), 20);
        assert_eq!(counts(&library.run()), [0, 0, 0, 20, 0, 0]);
    }
}

#[test]
fn a_file_of_equal_size_and_time_does_not_hide_another() {
    let library = Library::with_files([("001.wav", 1), ("002.wav", 2), ("003.wav", 3)]);
    library.run();
    let before = library.contents();
    // Written anew in place, each with the content of the other; and put into the place of one.
    library.put("001.wav", 2);
    library.put("002.wav", 1);
    unpack(&library.dir.join("new"), &wav(4, 8000));
    fs::rename(library.dir.join("new"), library.path("003.wav")).unwrap();
    assert_eq!(counts(&library.run()), [1, 0, 2, 0, 0, 0]);
    let after = library.contents();
    assert_eq!(after, library.anew());
    assert!(before.iter().all(|(name, track)| after[name] != *track));
    // Written anew with what they hold already, they are what they were, and noted as they are now.
    library.put("001.wav", 2);
    let copy = library.dir.join("copy");
    unpack(&copy, &wav(1, 8000));
    fs::rename(copy, library.path("002.wav")).unwrap();
    assert_eq!(counts(&library.run()), [0, 0, 0, 3, 0, 0]);
    let bytes = fs::read(&library.index).unwrap();
    assert_eq!(counts(&library.run()), [0, 0, 0, 3, 0, 0]);
    assert!(fs::read(&library.index).unwrap() == bytes, "nothing was written");
}

#[test]
fn what_a_probe_does_not_see_a_whole_look_does() {
    let library = Library::new();
    // Long enough for a probe to leave parts out, and changed in one of them.
    let mut content = wav(1, 100_000);
    unpack(&library.path("a.wav"), &content);
    library.run();
    content[20_000..20_100].fill(1);
    let other = library.dir.join("other");
    unpack(&other, &content);
    fs::rename(other, library.path("a.wav")).unwrap();
    let before = library.contents();
    assert_eq!(counts(&library.run()), [0, 0, 0, 1, 0, 0]);
    assert_eq!(library.contents(), before);
    let rehash = Indexer { rehash: true, ..Indexer::default() };
    assert_eq!(counts(&library.run_with(&rehash, &library.root)), [1, 0, 0, 0, 0, 0]);
    assert_eq!(library.contents(), library.anew());
    assert_eq!(counts(&library.run_with(&rehash, &library.root)), [0, 0, 0, 1, 0, 0]);
    // With another time it would have been seen.
    content[20_000..20_100].fill(2);
    unpack(&library.path("a.wav"), &content);
    set_time(&library.path("a.wav"), 1_700_000_001);
    assert_eq!(counts(&library.run()), [1, 0, 0, 0, 0, 0]);
}

#[test]
fn a_track_that_was_noted_without_a_probe_is_read_once() {
    let library = Library::with_files([("a.wav", 1), ("b.wav", 2)]);
    library.run();
    let before = library.contents();
    // As an older version has noted them.
    let fingerprint = library.model.fingerprint().unwrap();
    let mut writer = muscall::retrieval::IndexWriter::open(&library.index, &fingerprint).unwrap();
    let base = muscall::Index::open(&library.index).unwrap();
    for track in base.tracks() {
        let record = base.track(track).unwrap();
        let old = muscall::retrieval::TrackRecord { changed_ns: 0, inode: 0, probe: 0, ..record };
        let segments = base.segments(track).unwrap();
        writer.remove(&old.path).unwrap();
        writer.add(&old, segments.starts_s, segments.rows.values()).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    library.put("b.wav", 3);
    assert_eq!(counts(&library.run()), [1, 0, 0, 1, 0, 0]);
    assert_eq!(library.contents(), library.anew());
    assert_eq!(library.contents().values().next(), before.values().next());
    assert_ne!(library.record("a.wav").probe, 0);
    let bytes = fs::read(&library.index).unwrap();
    library.run();
    assert!(fs::read(&library.index).unwrap() == bytes, "nothing was written");
}
