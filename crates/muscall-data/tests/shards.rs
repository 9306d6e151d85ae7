//! Shards of samples, as WebDataset writes them, against the same samples as files.
#![allow(missing_docs, clippy::unwrap_used)]

mod sample_shards;
mod wav;

use std::collections::BTreeSet;
use std::fs;

use muscall_data::{Columns, Manifest, Split};
use sample_shards::{Members, SAMPLES, SHARDS, batches, dataset, indices, loader, shards, tar, wav};

#[test]
fn samples_are_rows_and_their_clips_those_of_files() {
    let (dir, pattern) = shards();
    let manifest = Manifest::read(&pattern, Split::Train).unwrap();
    assert_eq!(manifest.rows.len(), SHARDS * SAMPLES);
    let row = &manifest.rows[7];
    assert_eq!(row.audio, dir.path().join("music-001.tar/clips/000001.wav"));
    assert_eq!(row.captions, ["one of 7", "two of 7"]);
    assert_eq!(row.origin.as_deref(), Some("made"));
    assert_eq!(row.file(), dir.path().join("music-001.tar"));
    let whole = Manifest::read(dir.path(), Split::Train).unwrap();
    assert_eq!(whole.rows, manifest.rows, "a folder of shards is a data set, too");

    let mut files = manifest.clone();
    for (i, row) in files.rows.iter_mut().enumerate() {
        (row.stored, row.audio) = (None, dir.path().join(format!("{i}.wav")));
    }
    let (shards, files) = (dataset(manifest, 8), dataset(files, 8));
    for i in 0..SHARDS * SAMPLES {
        let (one, other) = (shards.train_item(1, i).unwrap(), files.train_item(1, i).unwrap());
        assert!(one == other, "sample {i}");
    }
}

#[test]
fn every_sample_comes_once_an_epoch_whatever_the_ranks() {
    let (_dir, pattern) = shards();
    let dataset = dataset(Manifest::read(&pattern, Split::Train).unwrap(), 8);
    let alone = indices(&batches(loader(&dataset, 3, 0)));
    assert_eq!(alone.iter().collect::<BTreeSet<_>>().len(), SHARDS * SAMPLES);
    assert_ne!(alone, indices(&batches(loader(&dataset, 4, 0))));
    for ranks in 1..=3 {
        let mut seen = Vec::new();
        for rank in 0..ranks {
            let places = (0..4).filter(|place| place % ranks == rank).collect();
            seen.extend(indices(&batches(loader(&dataset, 3, 0).with_places(places))));
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..SHARDS * SAMPLES).collect::<Vec<_>>(), "{ranks} ranks");
    }
}

#[test]
fn an_epoch_goes_on_anywhere_without_what_was_read_before() {
    let (_dir, pattern) = shards();
    let read = || dataset(Manifest::read(&pattern, Split::Train).unwrap(), 8);
    let whole = batches(loader(&read(), 2, 0));
    for start in 1..whole.len() {
        let rest = batches(loader(&read(), 2, start));
        for (one, other) in whole[start..].iter().zip(&rest) {
            assert!(one.items == other.items && one.step_in_epoch == other.step_in_epoch, "from step {start}");
        }
        assert_eq!(rest.len(), whole.len() - start);
    }
}

#[test]
fn a_bad_member_is_named_with_its_shard() {
    let dir = tempfile::tempdir().unwrap();
    let sound = wav(dir.path(), 0);
    let shard = dir.path().join("bad.tar");
    let cases: [(&Members<'_>, &[&str]); 6] = [
        (&[("a.wav", &sound), ("a.txt", b"words"), ("b.txt", b"words")], &["bad.tar", "b.txt", "no audio"]),
        (&[("a.wav", &sound), ("a.json", b"{\"tempo\": 90}")], &["bad.tar/a.wav", "caption", "tempo"]),
        (&[("a.wav", &sound), ("a.json", b"{nonsense")], &["bad.tar", "a.json", "no JSON object"]),
        (&[("a.wav", &sound)], &["bad.tar/a.wav", "caption"]),
        (&[("a.wav", b""), ("a.txt", b"words")], &["bad.tar", "a.wav", "empty"]),
        (&[("a.wav", &sound), ("a.txt", b"\xff\xfe\xfd")], &["bad.tar", "a.txt", "UTF-8"]),
    ];
    let others: [(&str, &[u8]); 2] = [("z.wav", &sound), ("z.txt", b"words")];
    for (members, words) in cases {
        tar(&shard, members);
        let error = Manifest::read(&shard, Split::Train).unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
        // It costs no other sample.
        tar(&shard, &[members, &others].concat());
        let rows = &Manifest::examine(&shard).unwrap().splits[0].manifest.rows;
        assert!(rows.last().unwrap().audio.ends_with("bad.tar/z.wav"), "{rows:?}");
    }
    // Audio that is none shows when it is loaded, and others of its shard are read.
    tar(&shard, &[("a.wav", b"this is not audio"), ("a.txt", b"words"), ("b.wav", &sound), ("b.txt", b"more")]);
    let dataset = dataset(Manifest::read(&shard, Split::Train).unwrap(), 8);
    let batch = loader(&dataset, 0, 0).next().unwrap().unwrap();
    let [error] = batch.skipped.as_slice() else { panic!("{:?}", batch.skipped) };
    assert!(error.to_string().contains("bad.tar/a.wav") && indices(&[batch]) == [1]);
}

#[test]
fn a_shard_that_is_cut_is_told_and_one_that_changed_is_not_read_as_it_was() {
    let (dir, pattern) = shards();
    let first = dir.path().join("music-000.tar");
    let manifest = Manifest::read(&pattern, Split::Train).unwrap();
    let bytes = fs::read(&first).unwrap();
    let last = manifest.rows[SAMPLES - 1].stored.clone().unwrap();
    let end = usize::try_from(last.at + last.bytes / 2).unwrap();
    fs::write(&first, &bytes[..end]).unwrap();
    let error = Manifest::read(&pattern, Split::Train).unwrap_err().to_string();
    assert!(error.contains("music-000.tar") && error.contains("000005.wav"), "{error}");
    let examined = Manifest::examine(&pattern).unwrap();
    assert_eq!((examined.errors.len(), examined.splits[0].manifest.rows.len()), (1, SHARDS * SAMPLES - 1));
    let error = dataset(manifest, 8).train_item(0, SAMPLES - 1).unwrap_err().to_string();
    assert!(error.contains("music-000.tar/clips/000005.wav") && error.contains("changed or cut"), "{error}");
    for (content, word) in [(&b""[..], "is empty"), (b"\x1f\x8b\x08\0\0\0\0\0\0\x03", "compressed by gzip")] {
        fs::write(&first, content).unwrap();
        let error = Manifest::read(&pattern, Split::Train).unwrap_err().to_string();
        assert!(error.contains("music-000.tar") && error.contains(word), "{error}");
    }
    // A header that is damaged.
    let mut damaged = bytes.clone();
    damaged[10] ^= 0xff;
    fs::write(&first, &damaged).unwrap();
    let error = Manifest::read(&pattern, Split::Train).unwrap_err().to_string();
    assert!(error.contains("music-000.tar") && error.contains("damaged"), "{error}");
}

#[test]
fn shards_are_split_by_their_names() {
    let dir = tempfile::tempdir().unwrap();
    let sound = wav(dir.path(), 0);
    fs::remove_file(dir.path().join("0.wav")).unwrap();
    for (shard, caption) in [("train-000.tar", "one"), ("train-001.tar", "two"), ("valid-000.tar", "three")] {
        tar(&dir.path().join(shard), &[("a.wav", &sound), ("a.txt", caption.as_bytes())]);
    }
    let captions = |split| -> Vec<String> {
        Manifest::read(dir.path(), split).unwrap().rows.into_iter().flat_map(|row| row.captions).collect()
    };
    assert_eq!(captions(Split::Train), ["one", "two"]);
    assert_eq!(captions(Split::Val), ["three"]);
    assert!(Manifest::read(dir.path(), Split::Test).is_err());
}

#[test]
fn no_member_is_lost_and_no_folder_is_taken_for_shards() {
    let dir = tempfile::tempdir().unwrap();
    let sound = wav(dir.path(), 0);
    let folder = dir.path().join("test");
    fs::create_dir(&folder).unwrap();
    // The folder that is given says nothing about its shards, and neither does a member's place on some disk.
    tar(&folder.join("music-000.tar"), &[("a.wav", &sound), ("a.txt", b"one"), ("b.wav", &sound), ("b.txt", b"two")]);
    tar(&folder.join("music-001.tar"), &[("a.wav", &sound), ("a.txt", b"three")]);
    assert_eq!(Manifest::read(&folder, Split::Train).unwrap().rows.len(), 3);
    assert_eq!(
        Manifest::examine(&folder).unwrap().splits[0].numbers.iter().flatten().copied().collect::<Vec<_>>(),
        [1, 2, 3]
    );
    // Two members of one name would be one track with the audio of the first.
    let twice: [(&str, &[u8]); 6] = [
        ("a.wav", &sound),
        ("a.txt", b"one"),
        ("b.wav", &sound),
        ("b.txt", b"two"),
        ("a.wav", &sound),
        ("a.txt", b"three"),
    ];
    tar(&folder.join("music-001.tar"), &twice);
    assert!(Manifest::read(&folder, Split::Train).unwrap_err().to_string().contains("music-001.tar/a.wav"));
    // A folder of audio with texts stays one, whatever archive lies there.
    fs::write(folder.join("song.wav"), &sound).unwrap();
    fs::write(folder.join("song.txt"), "a song").unwrap();
    let rows = Manifest::read(&folder, Split::Train).unwrap().rows;
    assert_eq!((rows.len(), rows[0].captions[0].as_str()), (1, "a song"));
    // Names of columns hold for texts beside audio, too.
    let columns = Columns::new().with_audio("clip").with_captions(["words"]);
    assert_eq!(Manifest::read_with(&folder, Split::Train, &columns).unwrap().rows[0].captions, ["a song"]);
    let shard = dir.path().join("one.tar");
    tar(&shard, &[("a.wav", &sound), ("a.json", br#"{"words": "in JSON", "stored": true}"#)]);
    assert_eq!(Manifest::read_with(&shard, Split::Train, &columns).unwrap().rows[0].captions, ["in JSON"]);
}

#[test]
fn held_out_samples_come_back_from_their_list() {
    let (dir, pattern) = shards();
    let manifest = Manifest::read(&pattern, Split::Train).unwrap();
    let (left, held) = manifest.hold_out(0.25, 1).unwrap();
    assert_eq!((left.rows.len(), held.rows.len()), (18, 6));
    let list = dir.path().join("held_out.jsonl");
    fs::write(&list, held.to_jsonl().unwrap()).unwrap();
    assert_eq!(Manifest::read(&list, Split::Train).unwrap().rows, held.rows);
}

#[cfg(not(feature = "s3"))]
#[test]
fn an_address_in_a_bucket_is_refused_with_the_feature_that_it_needs() {
    for address in ["s3://music/a-{000..127}.tar", "s3://music/shards/", "s3://music"] {
        let error = Manifest::read(std::path::Path::new(address), Split::Train).unwrap_err().to_string();
        assert!(error.starts_with("s3://music") && error.contains("--features s3"), "{error}");
    }
}
