//! Shards in a bucket, against the same shards on a disk.
#![cfg(feature = "s3")]
#![allow(missing_docs, clippy::unwrap_used)]

mod sample_shards;
mod wav;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muscall_audio::Place;
use muscall_bucket::Bucket;
use muscall_data::{DataError, Manifest, Row, Split};
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use sample_shards::{SAMPLES, SHARDS, batches, dataset, indices, loader, shards, tar, wav};
use tempfile::TempDir;

/// A bucket in memory.
struct Store {
    store: Arc<InMemory>,
    runtime: tokio::runtime::Runtime,
}

impl Store {
    /// One that is opened by this address from now on.
    fn new(address: &str) -> Self {
        let store = Arc::new(InMemory::new());
        Bucket::new(store.clone(), address).unwrap().register();
        Self { store, runtime: tokio::runtime::Builder::new_current_thread().build().unwrap() }
    }

    fn put(&self, key: &str, bytes: Vec<u8>) {
        self.runtime.block_on(self.store.put(&key.into(), bytes.into())).unwrap();
    }

    fn delete(&self, key: &str) {
        let store: &dyn ObjectStore = &*self.store;
        self.runtime.block_on(store.delete(&key.into())).unwrap();
    }
}

/// Four shards on a disk, and the same in a bucket below `all/`.
fn both(address: &str) -> (TempDir, Store) {
    let ((dir, _), store) = (shards(), Store::new(address));
    for number in 0..SHARDS {
        let name = format!("music-{number:03}.tar");
        store.put(&format!("all/{name}"), fs::read(dir.path().join(&name)).unwrap());
    }
    store.put("all/notes.txt", b"no shard".to_vec());
    (dir, store)
}

fn read(path: impl AsRef<Path>) -> Result<Manifest, DataError> {
    Manifest::read(path.as_ref(), Split::Train)
}

/// All of a row, with the folder that it is in left out.
fn told(row: &Row, folder: &str) -> (Row, Vec<u8>) {
    let mut content = Vec::new();
    row.bytes().unwrap().read_to_end(&mut content).unwrap();
    assert_eq!(row.size().unwrap(), content.len() as u64);
    let mut row = row.clone();
    row.id = row.id.strip_prefix(folder).unwrap().to_owned();
    row.audio = row.audio.strip_prefix(folder).unwrap().to_owned();
    let stored = row.stored.as_mut().unwrap();
    stored.archive = stored.archive.path().strip_prefix(folder).unwrap().into();
    (row, content)
}

#[test]
fn rows_bytes_order_and_batches_are_those_of_the_same_shards_on_a_disk() {
    let (dir, _store) = both("s3://equal");
    let on_disk = read(dir.path().join("music-{000..003}.tar")).unwrap();
    let folder = format!("{}/", dir.path().display());
    for address in ["s3://equal/all/music-{000..003}.tar", "s3://equal/all/", "s3://equal/all", "s3://equal"] {
        let in_bucket = read(address).unwrap();
        assert_eq!(in_bucket.rows.len(), on_disk.rows.len(), "{address}");
        for (row, other) in in_bucket.rows.iter().zip(&on_disk.rows) {
            assert!(matches!(row.stored.as_ref().unwrap().archive, Place::Remote(_)));
            assert_eq!(told(row, "s3://equal/all/"), told(other, &folder), "{address}");
            assert_eq!(row.name(), other.name());
        }
    }
    let two = read("s3://equal/all/music-000.tar::s3://equal/all/music-003.tar").unwrap();
    assert_eq!(two.rows[SAMPLES].id, "s3://equal/all/music-003.tar/clips/000000.wav");

    let (in_bucket, on_disk) = (dataset(read("s3://equal/all/").unwrap(), 8), dataset(on_disk, 8));
    for epoch in 0..2 {
        let (here, there) = (batches(loader(&on_disk, epoch, 0)), batches(loader(&in_bucket, epoch, 0)));
        assert_eq!(indices(&here), indices(&there));
        assert!(here.iter().zip(&there).all(|(here, there)| here.items == there.items && there.skipped.is_empty()));
    }
}

#[test]
fn a_shard_that_was_replaced_or_removed_is_named_with_its_member() {
    let (_dir, store) = both("s3://replaced");
    let manifest = read("s3://replaced/all/").unwrap();
    let dataset = dataset(manifest, 8);
    let first = dataset.train_item(0, 0).unwrap();
    // The same bytes: nobody can know that.
    let path = dataset.manifest().rows[0].file().to_owned();
    let Some(Place::Remote(file)) = dataset.manifest().rows[0].stored.as_ref().map(|stored| stored.archive.clone())
    else {
        panic!("{}", path.display())
    };
    let content = file.read(0..file.state().bytes).unwrap();
    store.put("all/music-000.tar", content);
    let error = dataset.train_item(0, 0).unwrap_err().to_string();
    assert!(error.starts_with("s3://replaced/all/music-000.tar/clips/000000.wav: "), "{error}");
    assert!(error.contains("s3://replaced/all/music-000.tar was replaced"), "{error}");
    // Those of other shards are read, and these left out by name.
    let all = batches(loader(&dataset, 0, 0));
    let skipped: Vec<String> = all.iter().flat_map(|batch| &batch.skipped).map(ToString::to_string).collect();
    assert_eq!((indices(&all).len(), skipped.len()), ((SHARDS - 1) * SAMPLES, SAMPLES));
    // Who begins anew reads the new one.
    let again = sample_shards::dataset(read("s3://replaced/all/").unwrap(), 8);
    assert!(again.train_item(0, 0).unwrap() == first);
    store.delete("all/music-001.tar");
    let error = again.train_item(0, SAMPLES).unwrap_err().to_string();
    assert!(error.starts_with("s3://replaced/all/music-001.tar/clips/000000.wav: cannot be read"), "{error}");
}

#[test]
fn what_is_wrong_with_a_shard_is_told_as_on_a_disk() {
    let (dir, store) = both("s3://cut");
    let bytes = fs::read(dir.path().join("music-000.tar")).unwrap();
    let last = read("s3://cut/all/music-000.tar").unwrap().rows[SAMPLES - 1].stored.clone().unwrap();
    let end = usize::try_from(last.at + last.bytes / 2).unwrap();
    for (content, words) in [
        (bytes[..end].to_vec(), &["s3://cut/all/music-000.tar", "000005.wav"][..]),
        (Vec::new(), &["music-000.tar", "is empty"]),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec(), &["music-000.tar", "compressed by gzip"]),
        ([&[0xff; 12], &bytes[12..]].concat(), &["music-000.tar", "damaged"]),
    ] {
        store.put("all/music-000.tar", content.clone());
        let error = read("s3://cut/all/").unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
        // As on a disk, to the letter.
        fs::write(dir.path().join("music-000.tar"), content).unwrap();
        let on_disk = read(dir.path().join("music-000.tar")).unwrap_err().to_string();
        assert_eq!(error.replace("s3://cut/all/", ""), on_disk.replace(&format!("{}/", dir.path().display()), ""));
    }
    store.put("all/music-000.tar", bytes[..end].to_vec());
    let examined = Manifest::examine(Path::new("s3://cut/all/")).unwrap();
    assert_eq!((examined.errors.len(), examined.splits[0].manifest.rows.len()), (1, SHARDS * SAMPLES - 1));
}

#[test]
fn what_is_not_there_is_named_with_the_remedy() {
    let (_dir, _store) = both("s3://missing");
    for (address, words) in [
        ("s3://missing/all/music-{002..004}.tar", ["s3://missing/all/music-004.tar: nothing is there", "AWS_REGION"]),
        ("s3://missing/none/", ["s3://missing/none/: no shards", "check it"]),
        ("s3://missing/all/notes.txt", ["no shards", "only shards are read from buckets"]),
        ("s3:///all/", ["`s3:///all/` is not the address of a bucket", "s3://bucket/prefix"]),
        ("gs://missing/all/a.tar", ["gs://missing/all/a.tar", "copy the files to this machine"]),
    ] {
        let error = read(address).unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{address}: {error}");
    }
}

#[test]
fn shards_are_split_by_the_folders_that_they_would_be_in() {
    let (dir, store) = (tempfile::tempdir().unwrap(), Store::new("s3://split"));
    let sound = wav(dir.path(), 0);
    fs::remove_file(dir.path().join("0.wav")).unwrap();
    let on_disk = dir.path().join("all");
    for (key, caption) in
        [("train/10.tar", "two"), ("train/1.tar", "one"), ("valid/0.tar", "three"), ("valid/.x.tar", "")]
    {
        let shard = on_disk.join(key);
        fs::create_dir_all(shard.parent().unwrap()).unwrap();
        tar(&shard, &[("a.wav", &sound), ("a.txt", caption.as_bytes())]);
        store.put(&format!("all/{key}"), fs::read(shard).unwrap());
    }
    for (split, expected) in [(Split::Train, &["one", "two"][..]), (Split::Val, &["three"])] {
        for place in [on_disk.clone(), PathBuf::from("s3://split/all/")] {
            let rows = Manifest::read(&place, split).unwrap().rows;
            let captions: Vec<&String> = rows.iter().flat_map(|row| &row.captions).collect();
            assert_eq!(captions, expected, "{}", place.display());
        }
    }
    assert!(Manifest::read(Path::new("s3://split/all/"), Split::Test).is_err());
}

#[test]
fn held_out_samples_come_back_from_their_list() {
    let (dir, store) = both("s3://held");
    let manifest = read("s3://held/all/").unwrap();
    let (left, held) = manifest.hold_out(0.25, 1).unwrap();
    assert_eq!((left.rows.len(), held.rows.len()), (18, 6));
    // By content, so that it makes no difference where they lie.
    let (_, same) = read(dir.path().join("music-{000..003}.tar")).unwrap().hold_out(0.25, 1).unwrap();
    let names = |rows: &[Row]| rows.iter().map(Row::name).collect::<Vec<_>>();
    assert_eq!(names(&held.rows), names(&same.rows));
    let list = dir.path().join("held_out.jsonl");
    fs::write(&list, held.to_jsonl().unwrap()).unwrap();
    let again = read(&list).unwrap().rows;
    assert_eq!(again, held.rows);
    assert!(again[0].bytes().unwrap().read_to_end(&mut Vec::new()).is_ok());
    store.delete("all/music-000.tar");
    store.delete("all/music-001.tar");
    let error = read(&list).unwrap_err().to_string();
    assert!(error.contains("nothing is there"), "{error}");
}
