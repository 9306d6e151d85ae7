//! Parts of files in an index: each is a track, heard as if it had been cut out.
#![allow(missing_docs, clippy::unwrap_used)]

mod library;

use std::fs;

use library::{Library, set_time, unpack, wav};
use muscall::audio::Part;
use muscall::indexing::{Item, Scope};
use muscall::{Manifest, Split};

/// Two seconds and a half a part, of 16-bit samples at 16 kHz.
const PART: usize = 2 * 40_000;

/// A file of one part after the other.
fn mix(kinds: [u32; 3]) -> Vec<u8> {
    let samples: Vec<u8> = kinds.iter().flat_map(|&kind| wav(kind, 40_000).split_off(44)).collect();
    let mut file = wav(0, 120_000);
    file.truncate(44);
    file.extend(samples);
    file
}

/// The items of a manifest, as `index` makes them.
fn items(library: &Library) -> Vec<Item> {
    let manifest = Manifest::read(&library.path("m.csv"), Split::Train).unwrap();
    let item = |row: muscall::train::Row| row.part.into_iter().fold(Item::file(&row.audio).unwrap(), Item::with_part);
    manifest.rows.into_iter().map(item).collect()
}

#[test]
fn parts_have_the_vectors_of_files_and_the_times_of_their_file() {
    let library = Library::new();
    let kinds = [3, 5, 8];
    unpack(&library.path("mix.wav"), &mix(kinds));
    let table = "audio,start,end,caption\nmix.wav,0,2.5,x\nmix.wav,2.5,5,y\nmix.wav,5,,z\n";
    fs::write(library.path("m.csv"), table).unwrap();
    let report = library.run_items(items(&library), &Scope::Items);
    assert_eq!((report.embedded, report.copied, report.audio_s), (3, 0, 7.5));
    let names = ["mix.wav#t=0,2.5", "mix.wav#t=2.5,5", "mix.wav#t=5"];
    assert_eq!(library.names(), names);

    let cut = Library::new();
    for kind in kinds {
        unpack(&cut.path(&format!("{kind}.wav")), &wav(kind, 40_000));
    }
    cut.run();
    let (parts, files) = (library.contents(), cut.contents());
    for (number, (name, kind)) in names.iter().zip(kinds).enumerate() {
        let part = &parts[library.path(name).to_str().unwrap()];
        let file = &files[cut.path(&format!("{kind}.wav")).to_str().unwrap()];
        assert_eq!(part.3, file.3, "{name}: the vectors");
        let offset_s = 2.5 * number as f32;
        let starts: Vec<f32> = file.2.iter().map(|&start| f32::from_bits(start) + offset_s).collect();
        assert_eq!(part.2.iter().map(|&start| f32::from_bits(start)).collect::<Vec<_>>(), starts, "{name}");
        assert_eq!(f64::from_bits(part.1), 2.5 * (number + 1) as f64, "{name}: where it ends");
    }
}

#[test]
fn a_part_is_known_until_its_file_is_another() {
    let library = Library::new();
    unpack(&library.path("mix.wav"), &mix([3, 5, 8]));
    let write = |rows: &str| fs::write(library.path("m.csv"), format!("audio,start,end,caption\n{rows}")).unwrap();
    write("mix.wav,0,2.5,x\nmix.wav,2.5,5,y\n");
    library.run_items(items(&library), &Scope::All);
    let report = library.run_items(items(&library), &Scope::All);
    assert_eq!((report.embedded, report.unchanged), (0, 2));
    // Another part of the same file is another track.
    write("mix.wav,0,2.5,x\nmix.wav,2.5,6,y\n");
    let report = library.run_items(items(&library), &Scope::All);
    assert_eq!((report.embedded, report.unchanged, report.removed), (1, 1, 1));
    // The file moves, with all of its parts.
    library.rename("mix.wav", "b/mix.wav");
    write("b/mix.wav,0,2.5,x\nb/mix.wav,2.5,6,y\n");
    let report = library.run_items(items(&library), &Scope::All);
    assert_eq!((report.embedded, report.moved, report.removed), (0, 2, 0));
    // Another file of the same size and time.
    let bytes = mix([4, 5, 8]);
    assert_eq!(bytes.len(), 44 + 3 * PART);
    unpack(&library.path("new.wav"), &bytes);
    set_time(&library.path("new.wav"), 1_700_000_000);
    library.rename("new.wav", "b/mix.wav");
    let report = library.run_items(items(&library), &Scope::All);
    assert_eq!((report.embedded, report.unchanged), (2, 0));
}

#[test]
fn what_lies_beyond_the_file_is_named() {
    let library = Library::new();
    unpack(&library.path("mix.wav"), &mix([3, 5, 8]));
    let item = Item::file(&library.path("mix.wav")).unwrap().with_part(Part::new(2500.0, Some(5000.0)).unwrap());
    let report = library.run_items(vec![item], &Scope::All);
    let [refused] = &report.unreadable[..] else { panic!("{report:?}") };
    assert!(refused.path.ends_with("mix.wav#t=2500,5000") && refused.reason.contains("milliseconds"), "{refused:?}");
}

#[test]
fn an_album_with_a_cue_sheet_is_its_tracks() {
    let library = Library::new();
    unpack(&library.path("Album.wav"), &mix([3, 5, 8]));
    let sheet = "PERFORMER \"The Band\"\nTITLE \"Album\"\nFILE \"album.flac\" WAVE\n\
                 TRACK 01 AUDIO\nTITLE \"One\"\nINDEX 01 00:00:00\n\
                 TRACK 02 AUDIO\nTITLE \"Two\"\nINDEX 00 00:02:00\nINDEX 01 00:02:30\n";
    fs::write(library.path("rip.cue"), sheet).unwrap();
    let report = library.run();
    assert_eq!((report.embedded, report.unreadable.len()), (2, 0));
    assert_eq!(library.names(), ["Album.wav#t=0,2.4", "Album.wav#t=2.4"]);
    let record = library.record("Album.wav#t=2.4");
    assert_eq!(record.tags, ["title=Two", "artist=The Band", "album=Album", "track=2"]);
    assert_eq!(record.duration_s, 7.5);
    assert_eq!(library.run().unchanged, 2);
    // A sheet that is corrected changes what is said, and what is heard only where times changed.
    fs::write(library.path("rip.cue"), sheet.replace("Two", "Too")).unwrap();
    let report = library.run();
    assert_eq!((report.embedded, report.unchanged), (0, 2));
    assert_eq!(library.record("Album.wav#t=2.4").tags[0], "title=Too");
    // One of a longer album tells nothing.
    fs::write(library.path("rip.cue"), sheet.replace("00:02:30", "09:02:30")).unwrap();
    let report = library.run();
    assert_eq!((report.embedded, report.removed, report.unreadable.len()), (1, 2, 0));
    fs::write(library.path("rip.cue"), sheet).unwrap();
    assert_eq!(library.run().embedded, 2);
    // Without it the file is a track again.
    fs::remove_file(library.path("rip.cue")).unwrap();
    let report = library.run();
    assert_eq!((report.embedded, report.removed), (1, 2));
    assert_eq!(library.names(), ["Album.wav"]);
}
