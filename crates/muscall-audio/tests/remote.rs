//! Members of an archive that is not on this machine.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use muscall_audio::{
    AudioCache, AudioError, AudioSource, ClipConfig, CropPosition, FileState, Member, Place, RemoteFile, load_clip,
};

const CONFIG: ClipConfig = ClipConfig::new(16_000, 3200);
const ADDRESS: &str = "s3://music/a.tar";

/// An archive elsewhere.
#[derive(Debug)]
struct Elsewhere {
    bytes: Vec<u8>,
    /// 0 if there is nothing that changes with the content.
    tag: u64,
    requests: AtomicUsize,
    fails: Mutex<Option<ErrorKind>>,
}

impl RemoteFile for Elsewhere {
    fn address(&self) -> &Path {
        Path::new(ADDRESS)
    }

    fn state(&self) -> FileState {
        FileState { bytes: self.bytes.len() as u64, modified_ns: 1, probe: self.tag, ..FileState::default() }
    }

    fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        match *self.fails.lock().unwrap() {
            Some(kind) => Err(kind.into()),
            None => Ok(self.bytes[range.start as usize..range.end as usize].to_vec()),
        }
    }
}

impl Elsewhere {
    fn requests(&self) -> usize {
        self.requests.swap(0, Ordering::Relaxed)
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).join(name)
}

/// An archive of this fixture, with something around it.
fn archive(name: &str, tag: u64) -> (Arc<Elsewhere>, Place, u64) {
    let sound = fs::read(fixture(name)).unwrap();
    let bytes = [&[7; 512], &*sound, &[7; 99]].concat();
    let file = Arc::new(Elsewhere { bytes, tag, requests: AtomicUsize::new(0), fails: Mutex::new(None) });
    (file.clone(), Place::Remote(file), sound.len() as u64)
}

fn member<'a>(path: &'a Path, archive: &'a Place, bytes: u64) -> AudioSource<'a> {
    AudioSource { path, member: Some(Member { archive, at: 512, bytes }), part: None }
}

#[test]
fn a_clip_of_a_member_is_that_of_the_file_and_costs_one_request() {
    for name in ["sound.wav", "sound.mp3", "sound.flac", "sound.ogg", "sound.m4a", "sound.opus"] {
        let (file, archive, bytes) = archive(name, 1);
        let path = Path::new(ADDRESS).join(name);
        for position in [CropPosition::Central, CropPosition::At { start_s: 0.61 }, CropPosition::Random { seed: 3 }] {
            let found = load_clip(member(&path, &archive, bytes), position, &CONFIG).unwrap();
            assert!(found == load_clip(&fixture(name), position, &CONFIG).unwrap(), "{name}");
            assert_eq!(file.requests(), 1, "{name}");
        }
    }
}

#[test]
fn what_is_in_the_cache_is_not_fetched_again() {
    let dir = tempfile::tempdir().unwrap();
    let cache = AudioCache::new(dir.path()).unwrap();
    let path = Path::new(ADDRESS).join("sound.mp3");
    let load = |file: &Elsewhere, archive: &Place, bytes| {
        let found = cache.load_clip(member(&path, archive, bytes), CropPosition::Central, &CONFIG).unwrap();
        assert_eq!(found.valid, CONFIG.samples);
        file.requests()
    };
    let (file, archive_1, bytes) = archive("sound.mp3", 1);
    assert_eq!([load(&file, &archive_1, bytes), load(&file, &archive_1, bytes)], [1, 0]);
    // Another content at the same place, and one of which nobody can say whether it is the same.
    let (file, archive_2, bytes) = archive("sound.mp3", 2);
    assert_eq!([load(&file, &archive_2, bytes), load(&file, &archive_2, bytes)], [1, 0]);
    let (file, archive_0, bytes) = archive("sound.mp3", 0);
    assert_eq!([load(&file, &archive_0, bytes), load(&file, &archive_0, bytes)], [1, 1]);
}

#[test]
fn an_archive_that_was_replaced_or_is_away_is_named_with_its_member() {
    let (file, archive, bytes) = archive("sound.wav", 1);
    let path = Path::new(ADDRESS).join("sound.wav");
    let load = |bytes: u64| load_clip(member(&path, &archive, bytes), CropPosition::Central, &CONFIG).unwrap_err();
    let error = load(bytes + 100);
    assert!(matches!(error, AudioError::BeyondArchive { .. }) && file.requests() == 0, "{error}");
    assert!(matches!(load(u64::MAX), AudioError::BeyondArchive { .. }));
    assert!(matches!(load(0), AudioError::EmptyFile { .. }));
    *file.fails.lock().unwrap() = Some(ErrorKind::StaleNetworkFileHandle);
    let error = load(bytes).to_string();
    assert!(error.starts_with("s3://music/a.tar/sound.wav: s3://music/a.tar was replaced"), "{error}");
    *file.fails.lock().unwrap() = Some(ErrorKind::Other);
    let AudioError::Io(error) = load(bytes) else { panic!("the network is away") };
    assert_eq!((error.path, error.source.kind()), (path.clone(), ErrorKind::Other));
}
