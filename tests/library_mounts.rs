//! Disks that come and go below a library, and places that are gone for good.
#![allow(missing_docs, clippy::unwrap_used)]

mod library;

use std::fs;

use library::{Library, counts, set_time};
use muscall::indexing::{Item, Scope, forget};
use muscall::retrieval::IndexWriter;

#[test]
fn an_empty_mount_point_keeps_its_tracks() {
    let library = Library::with_files([("a.wav", 1), ("disk/b.wav", 2), ("disk/more/c.wav", 3), ("album/d.wav", 4)]);
    library.run();
    let all = library.contents();
    // As if the disk were not mounted; next to it a folder is deleted.
    let elsewhere = library.dir.join("elsewhere");
    fs::rename(library.path("disk"), &elsewhere).unwrap();
    fs::create_dir(library.path("disk")).unwrap();
    fs::remove_dir_all(library.path("album")).unwrap();
    let report = library.run();
    assert_eq!(counts(&report), [0, 0, 0, 1, 1, 2]);
    let [kept] = &report.unreadable[..] else { panic!("{:?}", report.unreadable) };
    assert_eq!(kept.path, library.path("disk").to_str().unwrap());
    assert!(kept.reason.contains("2 tracks") && kept.reason.contains("forget"), "{}", kept.reason);
    assert_eq!(library.names(), ["a.wav", "disk/b.wav", "disk/more/c.wav"]);
    // It is back.
    fs::remove_dir(library.path("disk")).unwrap();
    fs::rename(&elsewhere, library.path("disk")).unwrap();
    let report = library.run();
    assert_eq!((counts(&report), report.unreadable.len()), ([0, 0, 0, 3, 0, 0], 0));
    assert!(library.contents().iter().all(|(name, track)| all[name] == *track));
    // A folder that is deleted with what is in it is gone.
    fs::remove_dir_all(library.path("disk")).unwrap();
    assert_eq!(counts(&library.run()), [0, 0, 0, 1, 2, 0]);
}

#[test]
fn what_was_moved_out_of_a_folder_is_not_kept_in_it() {
    let library = Library::with_files([("album/a.wav", 1), ("album/b.wav", 2), ("c.wav", 3)]);
    library.run();
    library.rename("album/a.wav", "other/a.wav");
    library.rename("album/b.wav", "other/b.wav");
    let report = library.run();
    assert_eq!((counts(&report), report.unreadable.len()), ([0, 2, 0, 1, 0, 0], 0));
    assert_eq!(library.contents(), library.anew());
}

#[test]
fn a_root_that_is_away_keeps_everything() {
    let library = Library::with_files([("a.wav", 1), ("more/b.wav", 2)]);
    library.run();
    let all = library.contents();
    let elsewhere = library.dir.join("elsewhere");
    fs::rename(&library.root, &elsewhere).unwrap();
    fs::create_dir(&library.root).unwrap();
    let report = library.run();
    assert_eq!((counts(&report), report.unreadable.len()), ([0, 0, 0, 0, 0, 2], 1));
    fs::remove_dir(&library.root).unwrap();
    assert!(Item::folder(&library.root).is_err());
    assert_eq!(library.contents(), all);
    fs::rename(&elsewhere, &library.root).unwrap();
    assert_eq!(counts(&library.run()), [0, 0, 0, 2, 0, 0]);
}

#[test]
fn a_place_that_is_gone_for_good_is_forgotten() {
    let mut library = Library::with_files([("a.wav", 1), ("b.wav", 2)]);
    library.run();
    let first = library.root.clone();
    library.root = library.dir.join("second");
    library.put("c.wav", 3);
    fs::remove_dir_all(&first).unwrap();
    // Nobody has said that the first library is gone for good.
    assert_eq!(counts(&library.run()), [1, 0, 0, 0, 0, 0]);
    assert_eq!(library.contents().len(), 3);
    let mut writer = IndexWriter::open(&library.index, library.model.fingerprint().unwrap()).unwrap();
    let spelled = first.join("../music/");
    assert_eq!(forget(&mut writer, spelled.to_str().unwrap()).unwrap(), 2);
    drop(writer);
    assert_eq!(library.contents(), library.anew());
}

#[test]
fn a_file_that_goes_away_meanwhile_keeps_its_track() {
    let library = Library::with_files([("a.wav", 1), ("b.wav", 2)]);
    library.run();
    let all = library.contents();
    library.put("a.wav", 3);
    set_time(&library.path("a.wav"), 1_700_000_001);
    let items = Item::folder(&library.root).unwrap().items;
    fs::remove_file(library.path("a.wav")).unwrap();
    let report = library.run_items(items, &Scope::folder(&library.root));
    assert_eq!(counts(&report), [0, 0, 0, 1, 0, 1]);
    assert_eq!(report.unreadable[0].path, library.path("a.wav").to_str().unwrap());
    assert_eq!(library.contents(), all);
    assert_eq!(counts(&library.run()), [0, 0, 0, 1, 1, 0]);
}

#[test]
fn an_index_without_canonical_names_is_renamed() {
    let library = Library::with_files([("a.wav", 1), ("sub/b.wav", 2)]);
    library.run();
    let all = library.contents();
    // As they were named when the folder was given as `music/sub/..`.
    let mut writer = IndexWriter::open(&library.index, library.model.fingerprint().unwrap()).unwrap();
    let base = muscall::Index::open(&library.index).unwrap();
    for track in base.tracks() {
        let mut record = base.track(track).unwrap();
        let segments = base.segments(track).unwrap();
        assert!(writer.remove(&record.path).unwrap());
        record.path = record.path.replace("/music/", "/music/sub/../");
        writer.add(&record, segments.starts_s, segments.rows.values()).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    assert_eq!(counts(&library.run()), [0, 2, 0, 0, 0, 0]);
    assert_eq!(library.contents(), all);
    assert_eq!(Scope::folder(&library.root), Scope::folder(&library.path("sub/..")));
}
