//! Manifests in every format, and what is said about bad ones.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use muscall_data::{Columns, DataError, Manifest, Split};
use tempfile::TempDir;

fn read(name: &str, text: impl AsRef<[u8]>, split: Split) -> (TempDir, Result<Manifest, DataError>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    fs::write(&path, text).unwrap();
    let manifest = Manifest::read(&path, split);
    (dir, manifest)
}

/// Ids, paths relative to the manifest's folder, captions.
fn rows(dir: &Path, manifest: &Manifest) -> Vec<(String, String, Vec<String>)> {
    let relative = |path: &Path| path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
    manifest.rows.iter().map(|row| (row.id.clone(), relative(&row.audio), row.captions.clone())).collect()
}

fn row(id: &str, audio: &str, captions: &[&str]) -> (String, String, Vec<String>) {
    (id.to_owned(), audio.to_owned(), captions.iter().map(|&caption| caption.to_owned()).collect())
}

#[track_caller]
fn assert_error(name: &str, text: impl AsRef<[u8]>, parts: &[&str]) {
    let (dir, manifest) = read(name, text, Split::Train);
    let message = manifest.unwrap_err().to_string();
    let path = dir.path().join(name).display().to_string();
    for part in parts.iter().copied().chain([path.as_str()]) {
        assert!(message.contains(part), "{message:?} lacks {part:?}");
    }
}

#[test]
fn released_layout() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("audio")).unwrap();
    for (split, id) in [("train", 1), ("val", 2), ("test", 3)] {
        let text =
            format!(r#"[{{"audio_id": {id}, "caption": " a {split} track ", "audio_path": "x/{id}.npy", "z": []}}]"#);
        fs::write(dir.path().join(format!("dataset_{split}.json")), text).unwrap();
    }
    let folder = Manifest::read(dir.path(), Split::Val).unwrap();
    assert_eq!(rows(dir.path(), &folder), [row("2", "audio/x/2.npy", &["a val track"])]);
    assert_eq!(folder.source, dir.path());
    let file = Manifest::read(&dir.path().join("dataset_test.json"), Split::Test).unwrap();
    assert_eq!(rows(dir.path(), &file), [row("3", "audio/x/3.npy", &["a test track"])]);
}

#[test]
fn json_lines() {
    let text = concat!(
        "\u{feff}{\"id\": \"a\", \"audio\": \"a b/ü.mp3\", \"captions\": [\"one\", \" two \"], \"split\": \"train\", \"licence\": {}}\r\n",
        "\r\n",
        "{\"audio_path\": \"c.ogg\", \"caption\": \"three\", \"split\": \"Validation\"}\n",
        "{\"file\": \"/abs/d.ogg\", \"caption\": \"four\", \"split\": \"train\"}",
    );
    let (dir, manifest) = read("m.jsonl", text, Split::Train);
    let manifest = manifest.unwrap();
    assert_eq!(manifest.rows[0].captions, ["one", "two"]);
    assert_eq!(manifest.rows[0].audio, dir.path().join("a b/ü.mp3"));
    assert_eq!(manifest.rows[1].audio, Path::new("/abs/d.ogg"));
    let validation = read("m.jsonl", text, Split::Val);
    assert_eq!(rows(validation.0.path(), &validation.1.unwrap()), [row("c.ogg", "c.ogg", &["three"])]);
}

#[test]
fn tables() {
    let text = "\u{feff}ID,File,Caption,author\r\n\
        1,a.wav,\"loud, \"\"fast\"\"\r\nand long\",x\r\n\
        2,b.wav, soft ,\r\n";
    let (dir, manifest) = read("m.csv", text, Split::Test);
    let expected = [row("1", "a.wav", &["loud, \"fast\"\r\nand long"]), row("2", "b.wav", &["soft"])];
    assert_eq!(rows(dir.path(), &manifest.unwrap()), expected);

    let (dir, manifest) = read("m.tsv", "audio\tcaption\na.wav\tslow, calm\n", Split::Train);
    assert_eq!(rows(dir.path(), &manifest.unwrap()), [row("a.wav", "a.wav", &["slow, calm"])]);
}

#[test]
fn several_caption_columns() {
    let text = "file_name,caption_1,caption_2,caption_10,caption_id,caption_source\na.wav,x,,z,7,crowd\n";
    let (dir, manifest) = read("clotho.csv", text, Split::Train);
    assert_eq!(rows(dir.path(), &manifest.unwrap()), [row("a.wav", "a.wav", &["x", "z"])]);
}

#[test]
fn one_track_in_several_rows_keeps_its_place() {
    let text = "caption_id,id,caption,path\n9,t,first,t.mp3\n8,u,other,u.mp3\n7,t,second,t.mp3\n";
    let (dir, manifest) = read("song_describer.csv", text, Split::Test);
    let expected = [row("t", "t.mp3", &["first", "second"]), row("u", "u.mp3", &["other"])];
    assert_eq!(rows(dir.path(), &manifest.unwrap()), expected);
}

#[test]
fn errors_name_the_file_the_row_and_the_remedy() {
    assert_error("m.txt", "", &["expected a .jsonl"]);
    assert_error("m.jsonl", "", &["no rows"]);
    assert_error("m.csv", "", &["no rows"]);
    assert_error("m.csv", "audio,caption\n", &["no rows"]);
    assert_error("m.json", "{\"a\": 1}", &["object with `a`", "a list of rows"]);
    assert_error("m.json", "[3]", &["row 1", "3", "JSON object"]);
    let good = "{\"audio\": \"a\", \"caption\": \"b\"}\n\n";
    assert_error(
        "m.jsonl",
        format!("{good}{{oops"),
        &["row 3: key must be a string in column 2 of {oops", "JSON object"],
    );
    assert_error("m.jsonl", "[\n{\"audio\": \"a\", \"caption\": \"b\"}\n]", &["row 1: EOF", "per line"]);
    assert_error("m.jsonl", format!("{good}{{\"audio\": \"c\"}}"), &["row 3", "`caption`", "found `audio`"]);
    assert_error("m.jsonl", format!("{good}{{\"caption\": \"c\"}}"), &["row 3", "`audio`", "found `caption`"]);
    assert_error("m.jsonl", "{\"audio\": [], \"caption\": \"c\"}", &["row 1", "`audio`", "[]", "text"]);
    assert_error("m.jsonl", "{\"audio\": \"a\", \"caption\": 3}", &["row 1", "`caption`", "3"]);
    assert_error("m.jsonl", "{\"audio\": \"a\", \"caption\": \" \"}", &["row 1", "empty", "remove"]);
    assert_error("m.jsonl", "{\"audio\": \"a\", \"captions\": []}", &["row 1", "empty"]);
    assert_error("m.csv", "audio,caption\na,b\nc, \n", &["row 3", "empty"]);
    assert_error("m.csv", "audio,caption\na,b\n,c\n", &["row 3", "`audio`"]);
    assert_error("m.csv", "audio,words\na,b\n", &["`caption`", "`words`"]);
    assert_error("m.csv", "audio,caption\na,b,c\n", &["row 2", "3 cells"]);
    assert_error("m.csv", "id,audio,caption\n1,a,b\n1,c,d\n", &["row 3", "`1`", "its own id"]);
    assert_error("m.csv", "audio,caption,split\na,b,train\nc,d,\n", &["row 3", "`split`"]);
    assert_error("m.csv", "audio,caption,split\na,b,eval\n", &["row 2", "eval", "train, val or test"]);
    assert_error("m.csv", "audio,caption,split\na,b,test\n", &["no row", "train"]);

    let dir = tempfile::tempdir().unwrap();
    let missing = Manifest::read(&dir.path().join("none.csv"), Split::Train).unwrap_err();
    assert!(matches!(&missing, DataError::Io { .. }) && missing.to_string().contains("none.csv"), "{missing}");
    assert!(matches!(Manifest::read(dir.path(), Split::Train), Err(DataError::UnknownManifest { .. })));
}

#[test]
fn files_in_another_encoding_are_named_with_the_line() {
    let remedy = "is not UTF-8; save the file as UTF-8";
    for name in ["m.csv", "m.tsv"] {
        let table =
            b"audio,caption\na,b\nc,fa\xe7ade\n".map(|byte| if byte == b',' && name == "m.tsv" { b'\t' } else { byte });
        assert_error(name, table, &["line 3", remedy]);
    }
    assert_error("m.csv", b"audio,caption,pr\xe9nom\na,b,c\n", &["line 1", remedy]);
    assert_error("m.jsonl", b"\n{\"audio\": \"a\", \"caption\": \"fa\xe7ade\"}\n", &["line 2", remedy]);
    assert_error("m.json", b"[\n{\"audio\": \"a\",\n\"caption\": \"fa\xe7ade\"}]\n", &["line 3", remedy]);
    // UTF-16, which some editors call Unicode.
    assert_error("m.jsonl", b"\xff\xfe{\0\"\0", &["line 1", remedy]);
}

#[test]
fn splits_that_are_not_there_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let names = |path: &Path| {
        let splits = Manifest::read_splits(path).unwrap();
        splits.iter().map(|(split, manifest)| (split.name(), manifest.rows.len())).collect::<Vec<_>>()
    };
    let row = |id: &str, split: &str| format!("{{\"audio\": \"{id}\", \"caption\": \"c\"{split}}}");
    let file = dir.path().join("m.jsonl");
    // The same row in two splits is two rows.
    let twice = [row("a", ", \"split\": \"val\""), row("a", ", \"split\": \"test\"")].join("\n");
    fs::write(&file, twice).unwrap();
    assert_eq!(names(&file), [("val", 1), ("test", 1)]);
    fs::write(&file, row("a", "") + "\n" + &row("b", "")).unwrap();
    assert_eq!(names(&file), [("train", 2)]);
    for split in ["test", "val", "train"] {
        let folder = dir.path().join(split);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(format!("dataset_{split}.json")), format!("[{}]", row("a", ""))).unwrap();
        assert_eq!(names(&folder), [(split, 1)]);
    }
    for none in [dir.path().to_owned(), dir.path().join("song.mp3")] {
        let _ = fs::write(&none, "");
        assert!(matches!(Manifest::read_splits(&none), Err(DataError::UnknownManifest { .. })));
    }
    fs::write(dir.path().join("test/dataset_val.json"), "[{").unwrap();
    assert!(matches!(Manifest::read_splits(&dir.path().join("test")), Err(DataError::Json { .. })));
}

#[test]
fn large_manifests_keep_their_order() {
    let line = |i: usize| format!("{{\"id\": \"{i}\", \"audio\": \"{i}.mp3\", \"caption\": \"track {i}\"}}\n");
    let text: String = (0..250_000).rev().map(line).collect();
    let manifest = read("m.jsonl", text, Split::Train).1.unwrap();
    assert_eq!(manifest.rows.len(), 250_000);
    let ids = manifest.rows.iter().map(|row| row.id.parse::<usize>().unwrap());
    assert!(ids.eq((0..250_000).rev()));
}

#[test]
fn a_stray_quote_swallows_no_rows() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.csv");
    let row = |i: usize| match i {
        10 => "10.wav,\"a 12 inch record\n".to_owned(),
        29 => "29.wav,\"slow, calm\"\n".to_owned(),
        _ => format!("{i}.wav,text {i}\n"),
    };
    fs::write(&path, (0..40).map(row).fold("audio,caption\n".to_owned(), |text, row| text + &row)).unwrap();
    let error = Manifest::read(&path, Split::Train).unwrap_err();
    assert!(matches!(&error, DataError::StrayQuote { line: 12, .. }), "{error}");
    assert!(error.to_string().contains("line 12") && error.to_string().contains("line 31"), "{error}");
}

#[test]
fn columns_of_other_names_are_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let columns = Columns::new().with_audio("Clip").with_captions(["Summary", "Mood"]);
    let captions = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        Manifest::read_with(&path, Split::Train, &columns).map(|manifest| manifest.rows[0].captions.clone())
    };
    let table = "caption\tclip\tsummary\tmood\nnot this\ta.wav\ta reel\t\n";
    assert_eq!(captions("table.csv", table).unwrap(), ["a reel"]);
    let lines =
        "{\"Clip\": \"a.wav\", \"Summary\": [\"a reel\", \"fiddles\"], \"Mood\": \"gay\", \"caption\": \"not this\"}";
    assert_eq!(captions("lines.jsonl", lines).unwrap(), ["a reel", "fiddles", "gay"]);
    for (name, text) in
        [("none.csv", "clip,summary\na.wav,a reel\n"), ("none.jsonl", "{\"Clip\": \"a.wav\", \"text\": \"x\"}")]
    {
        let error = captions(name, text).unwrap_err().to_string();
        let wanted = if name == "none.csv" { "no `mood`" } else { "no `Summary`" };
        assert!(error.contains(wanted) && error.contains(name), "{error}");
    }
    let error = captions("other.csv", "file,summary,mood\na.wav,x,y\n").unwrap_err().to_string();
    assert!(error.contains("no `clip`") && error.contains("`file`"), "{error}");
}

#[test]
fn the_whole_of_a_file_and_its_parts_are_tracks_of_their_own() {
    let text = "id,audio,caption,start,end\n\
        a,a.wav,first part,0,5\na,a.wav,all of it,,\na,a.wav,second part,5,9\na,a.wav,again all,,\na,a.wav,again first,0,5\n";
    let (_dir, manifest) = read("m.csv", text, Split::Train);
    let rows = manifest.unwrap().rows;
    let found: Vec<(&str, &[String])> = rows.iter().map(|row| (row.id.as_str(), row.captions.as_slice())).collect();
    let captions = |captions: &[&str]| captions.iter().map(|caption| (*caption).to_owned()).collect::<Vec<_>>();
    let [first, whole, second] =
        [captions(&["first part", "again first"]), captions(&["all of it", "again all"]), captions(&["second part"])];
    assert_eq!(found, [("a#t=0,5", &*first), ("a", &*whole), ("a#t=5,9", &*second)]);
}
