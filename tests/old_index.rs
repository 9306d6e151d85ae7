//! An index that an older version has written: its files are known, and none is embedded again.
#![allow(missing_docs, clippy::unwrap_used)]

mod library;

use std::fs;
use std::path::{Path, PathBuf};

use library::{Library, counts, set_time, unpack, wav};
use muscall::indexing::index_config;
use muscall::retrieval::{Index, TrackRecord};
use xxhash_rust::xxh3::xxh3_64;

const TRACKS: u32 = 12;
const HEADER: usize = 3072;
/// Where the first block is, and the bytes of a page that has a checksum.
const BLOCK: usize = 4096;
const PAGE: usize = 16 << 10;

/// Where the files of the older index were: a folder with a name of this length.
fn old_folder() -> String {
    format!("/{}", "old".repeat(60))
}

fn crc32c(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| if sum & 1 == 1 { sum >> 1 ^ 0x82f6_3b78 } else { sum >> 1 };
    !bytes.iter().fold(!0, |sum, &byte| (0..8).fold(sum ^ u32::from(byte), step))
}

fn seal(bytes: &mut [u8]) {
    let (body, sum) = bytes.split_last_chunk_mut::<4>().unwrap();
    *sum = crc32c(body).to_le_bytes();
}

fn find(bytes: &[u8], what: &[u8], from: usize) -> usize {
    from + bytes[from..].windows(what.len()).position(|window| window == what).unwrap()
}

/// The index of version 2 as it would be if it had been made with this library's model.
fn for_model(library: &Library) -> Vec<u8> {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/muscall-retrieval/tests/fixtures/version_2.index");
    let mut bytes = fs::read(fixture).unwrap();
    let config = index_config(&library.model).unwrap();
    assert_eq!(config.dim, 64, "of the fixture");
    let mut header = bytes[..32].to_vec();
    header.extend(config.window_s.to_le_bytes());
    header.extend(config.hop_s.to_le_bytes());
    header.extend((config.fingerprint.len() as u64).to_le_bytes());
    header.extend(config.fingerprint.as_bytes());
    header.resize(HEADER, 0);
    seal(&mut header);
    bytes[..HEADER].copy_from_slice(&header);
    bytes
}

/// The same with its files in another folder, whose path is as long.
fn in_folder(mut bytes: Vec<u8>, folder: &str) -> Vec<u8> {
    let end = find(&bytes, b"MUSBLOCK", BLOCK + 8);
    let sums = BLOCK + 256;
    let body = (1..).map(|pages| (sums + pages * 4).next_multiple_of(64)).zip(1..);
    let (body, _) =
        body.into_iter().find(|&(body, pages): &(usize, usize)| (end - body).div_ceil(PAGE) == pages).unwrap();
    let checksums = |bytes: &[u8]| -> Vec<u8> {
        bytes[body..end].chunks(PAGE).flat_map(|page| crc32c(page).to_le_bytes()).collect()
    };
    assert!(bytes[sums..].starts_with(&checksums(&bytes)), "the block is read as it was written");
    let mut hashes = Vec::new();
    let mut places = Vec::new();
    for track in 0..TRACKS {
        let [old, new] = [&old_folder(), folder].map(|folder| format!("{folder}/{track:02}.wav"));
        assert_eq!(old.len(), new.len());
        let at = find(&bytes, old.as_bytes(), body);
        bytes[at..at + new.len()].copy_from_slice(new.as_bytes());
        places.push(find(&bytes, &xxh3_64(old.as_bytes()).to_le_bytes(), body));
        hashes.push([xxh3_64(new.as_bytes()), u64::from(track)]);
    }
    hashes.sort_unstable();
    places.sort_unstable();
    for (at, entry) in places.into_iter().zip(hashes) {
        bytes[at..at + 8].copy_from_slice(&entry[0].to_le_bytes());
        bytes[at + 8..at + 16].copy_from_slice(&entry[1].to_le_bytes());
    }
    let pages = checksums(&bytes);
    bytes[sums..sums + pages.len()].copy_from_slice(&pages);
    let of_sums = crc32c(&bytes[sums..body]).to_le_bytes();
    bytes[BLOCK + 60..BLOCK + 64].copy_from_slice(&of_sums);
    seal(&mut bytes[BLOCK..sums]);
    bytes
}

/// A library with the files of the older index, in a folder whose path is as long as theirs was.
fn library() -> Library {
    let mut library = Library::new();
    let missing = old_folder().len() - library.dir.to_str().unwrap().len() - 1;
    library.root = library.dir.join("m".repeat(missing));
    for track in 0..TRACKS {
        let path = library.path(&format!("{track:02}.wav"));
        unpack(&path, &wav(track, 8000 + 400 * track));
        set_time(&path, 1_600_000_000 + 2 * u64::from(track));
    }
    library
}

/// Contents and vectors, in the order of names.
fn tracks(index: &Path) -> Vec<library::Track> {
    library::contents(index).into_values().collect()
}

fn records(index: &Path) -> Vec<TrackRecord> {
    let index = Index::open(index).unwrap();
    index.tracks().map(|track| index.track(track).unwrap()).collect()
}

fn write(library: &Library, bytes: &[u8]) -> PathBuf {
    fs::write(&library.index, bytes).unwrap();
    library.index.clone()
}

#[test]
fn files_in_their_places_are_read_once_and_known_from_then_on() {
    let library = library();
    let index = write(&library, &in_folder(for_model(&library), library.root.to_str().unwrap()));
    let before = tracks(&index);
    assert!(records(&index).iter().all(|record| (record.changed_ns, record.inode, record.probe) == (0, 0, 0)));
    assert_eq!(counts(&library.run()), [0, 0, 0, 12, 0, 0]);
    assert_eq!(tracks(&index), before);
    assert!(records(&index).iter().all(|record| record.probe != 0));
    let bytes = fs::read(&index).unwrap();
    assert_eq!(counts(&library.run()), [0, 0, 0, 12, 0, 0]);
    assert!(fs::read(&index).unwrap() == bytes, "nothing was written");
}

#[test]
fn files_in_another_folder_have_moved() {
    let library = library();
    let index = write(&library, &for_model(&library));
    let before = tracks(&index);
    assert_eq!(counts(&library.run()), [0, 12, 0, 0, 0, 0]);
    assert_eq!(tracks(&index), before);
    assert!(library::contents(&index).keys().all(|name| name.starts_with(library.root.to_str().unwrap())));
}

#[test]
fn a_file_that_was_replaced_since_is_seen() {
    let library = library();
    let index = write(&library, &in_folder(for_model(&library), library.root.to_str().unwrap()));
    let before = tracks(&index);
    let path = library.path("03.wav");
    unpack(&path, &wav(50, 8000 + 400 * 3));
    set_time(&path, 1_600_000_006);
    assert_eq!(counts(&library.run()), [1, 0, 0, 11, 0, 0]);
    let after = tracks(&index);
    let changed: Vec<usize> = (0..12).filter(|&track| before[track] != after[track]).collect();
    assert_eq!(changed, [3]);
}
