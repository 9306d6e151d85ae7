//! Tables and folders as other tools write them.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use muscall_data::{Manifest, Split};

/// File names and captions of what a manifest holds.
fn rows(path: &Path, split: Split) -> Vec<(String, Vec<String>)> {
    let manifest = Manifest::read(path, split).unwrap();
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    manifest.rows.iter().map(|row| (name(&row.audio), row.captions.clone())).collect()
}

fn expected(rows: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
    let row = |(audio, captions): &(&str, &[&str])| {
        ((*audio).to_owned(), captions.iter().map(|caption| (*caption).to_owned()).collect())
    };
    rows.iter().map(row).collect()
}

#[test]
fn tables_of_other_tools() {
    let dir = tempfile::tempdir().unwrap();
    let two: &[(&str, &[&str])] = &[("c0.wav", &["slow"]), ("c1.wav", &["fast, loud"])];
    for (name, text) in [
        // open_clip: tabs in a .csv.
        ("open_clip.csv", "filepath\ttitle\nc0.wav\tslow\nc1.wav\tfast, loud\n"),
        // Spreadsheets where a comma stands in numbers.
        ("semicolon.csv", "file_name;caption\nc0.wav;slow\nc1.wav;fast, loud\n"),
        ("excel.csv", "\u{feff}sep=;\r\nfile_name;caption\r\nc0.wav;slow\r\nc1.wav;fast, loud\r\n"),
        ("quoted.csv", "\"File_Name\";\"Caption\"\n\"c0.wav\";\"slow\"\n\"c1.wav\";\"fast, loud\"\n"),
        ("pipes.csv", "audio|text\nc0.wav|slow\nc1.wav|fast, loud\n"),
        ("commas.tsv", "audio,caption\nc0.wav,slow\nc1.wav,\"fast, loud\"\n"),
        // The hub of Hugging Face, NeMo and WavCaps.
        (
            "hub.jsonl",
            "{\"file_name\":\"c0.wav\",\"text\":\"slow\"}\n{\"file_name\":\"c1.wav\",\"text\":\"fast, loud\"}\n",
        ),
        (
            "nemo.json",
            "[{\"audio_filepath\":\"c0.wav\",\"text\":\"slow\"},{\"audio_filepath\":\"c1.wav\",\"text\":\"fast, loud\"}]",
        ),
        (
            "wavcaps.json",
            r#"{"num_captions_per_audio": 1, "data": [{"id": "1", "audio": "c0.wav", "caption": "slow"},
                {"id": "2", "audio": "c1.wav", "caption": "fast, loud"}]}"#,
        ),
    ] {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        assert_eq!(rows(&path, Split::Train), expected(two), "{name}");
    }
    // Several captions as a list in a cell.
    let path = dir.path().join("lists.csv");
    fs::write(&path, "audio,caption\na.wav,\"[\"\"one\"\", \"\"two, three\"\"]\"\nb.wav,[sic]\n").unwrap();
    assert_eq!(rows(&path, Split::Train), expected(&[("a.wav", &["one", "two, three"]), ("b.wav", &["[sic]"])]));
}

#[test]
fn a_title_is_a_caption_in_tables_of_open_clip_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.csv");
    for (text, captions) in [
        ("filepath,title,caption\na.wav,Song,slow\n", &["slow"]),
        ("filepath,title,text\na.wav,Song,slow\n", &["slow"]),
        ("audio,title,description\na.wav,Song,slow\n", &["slow"]),
    ] {
        fs::write(&path, text).unwrap();
        assert_eq!(rows(&path, Split::Train), expected(&[("a.wav", captions)]), "{text}");
    }
    fs::write(&path, "audio,title\na.wav,Song\n").unwrap();
    let error = Manifest::read(&path, Split::Train).unwrap_err().to_string();
    assert!(
        error.contains("no `caption`") && error.contains("`audio`, `title`") && error.contains("rename"),
        "{error}"
    );
}

#[test]
fn lines_are_those_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.csv");
    fs::write(&path, "sep=;\naudio;caption\na.wav;slow\nb.wav;\n").unwrap();
    let error = Manifest::read(&path, Split::Train).unwrap_err().to_string();
    assert!(error.contains("row 4"), "{error}");
    fs::write(&path, "sep=;\naudio;caption\na.wav;\"slow\nb.wav;fast\n").unwrap();
    let error = Manifest::read(&path, Split::Train).unwrap_err().to_string();
    assert!(error.contains("line 3"), "{error}");
}

#[test]
fn folders_with_tables() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, split) = (dir.path().join("whole"), dir.path().join("split"));
    fs::create_dir(&whole).unwrap();
    fs::write(whole.join("metadata.csv"), "file_name,caption\nc0.wav,slow\n").unwrap();
    assert_eq!(rows(&whole, Split::Test), expected(&[("c0.wav", &["slow"])]));
    // One table, and folders that are the splits.
    let both = dir.path().join("both");
    fs::create_dir(&both).unwrap();
    fs::write(both.join("metadata.csv"), "file_name,text\ntrain/a.wav,one\ntest/b.wav,two\n").unwrap();
    assert_eq!(rows(&both, Split::Test), expected(&[("b.wav", &["two"])]));
    for (name, row) in [("train", "a.wav"), ("validation", "b.wav")] {
        fs::create_dir_all(split.join(name)).unwrap();
        let line = format!("{{\"file_name\": \"{row}\", \"text\": \"of {name}\"}}\n");
        fs::write(split.join(name).join("metadata.jsonl"), line).unwrap();
    }
    assert_eq!(rows(&split, Split::Train), expected(&[("a.wav", &["of train"])]));
    assert_eq!(rows(&split, Split::Val), expected(&[("b.wav", &["of validation"])]));
    let names: Vec<Split> = Manifest::read_splits(&split).unwrap().into_iter().map(|(split, _)| split).collect();
    assert_eq!(names, [Split::Train, Split::Val]);
    let audio = Manifest::read(&split, Split::Val).unwrap().rows.remove(0).audio;
    assert_eq!(audio, split.join("validation/b.wav"));
}

#[test]
fn audio_with_texts_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("a.wav", ""),
        ("a.txt", " Slow piano \n"),
        ("b.wav", ""),
        ("b.json", r#"{"prompt": "Fast drums", "seconds_total": 30}"#),
        ("c.wav", ""),
        ("notes.txt", "None of these."),
    ] {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let two = [("a.wav", &["Slow piano"][..]), ("b.wav", &["Fast drums"])];
    assert_eq!(rows(dir.path(), Split::Train), expected(&two));
    fs::write(dir.path().join("c.json"), "{}").unwrap();
    let error = Manifest::read(dir.path(), Split::Train).unwrap_err().to_string();
    assert!(error.contains("c.json") && error.contains("no `caption`"), "{error}");
    // Folders of splits.
    let other = tempfile::tempdir().unwrap();
    for split in ["train", "test"] {
        fs::create_dir(other.path().join(split)).unwrap();
        fs::write(other.path().join(split).join(format!("{split}.wav")), "").unwrap();
        fs::write(other.path().join(split).join(format!("{split}.txt")), split).unwrap();
    }
    assert_eq!(rows(other.path(), Split::Test), expected(&[("test.wav", &["test"])]));
    let error = Manifest::read(&other.path().join("none"), Split::Train).unwrap_err().to_string();
    assert!(error.contains("none"), "{error}");
}

#[test]
fn what_is_no_file_here_is_said_with_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.csv");
    fs::write(&path, "audio,caption\nhttps://example.org/a.mp3,slow\n").unwrap();
    let error = Manifest::read(&path, Split::Train).unwrap_err().to_string();
    assert!(error.contains("row 2") && error.contains("download it first"), "{error}");
    fs::write(dir.path().join("m.json"), "{\"rows\": []}").unwrap();
    let error = Manifest::read(&dir.path().join("m.json"), Split::Train).unwrap_err().to_string();
    assert!(error.contains("`rows`") && error.contains("`data`"), "{error}");
}

/// Backslashes are read as folders where that leads to a file, and a name that may have them stays what it is.
#[cfg(not(windows))]
#[test]
fn paths_of_windows() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("sub")).unwrap();
    fs::write(dir.path().join("sub/c0.wav"), "").unwrap();
    fs::write(dir.path().join("a\\b.wav"), "").unwrap();
    let path = dir.path().join("m.csv");
    fs::write(&path, "file_name,caption\nsub\\c0.wav,slow\na\\b.wav,x\nsub\\none.wav,y\n").unwrap();
    let manifest = Manifest::read(&path, Split::Train).unwrap();
    let audio: Vec<_> = manifest.rows.iter().map(|row| row.audio.strip_prefix(dir.path()).unwrap()).collect();
    assert_eq!(audio, ["sub/c0.wav", "a\\b.wav", "sub\\none.wav"].map(Path::new));
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_opened() {
    let error = Manifest::read(Path::new("/dev/zero"), Split::Train).unwrap_err().to_string();
    assert!(error.contains("/dev/zero: not a manifest"), "{error}");
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe.csv");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // Nobody writes to it.
    let error = Manifest::examine(&pipe).unwrap_err().to_string();
    assert!(error.contains("pipe.csv: not a manifest"), "{error}");
}

/// What is odd about a manifest, line by line.
fn hints(path: &Path) -> Vec<String> {
    Manifest::examine(path).unwrap().hints.iter().map(ToString::to_string).collect()
}

#[test]
fn lists_of_python_are_several_captions() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pandas.csv");
    // As `pandas.DataFrame.to_csv` writes them.
    let text = "file_name,caption\na.wav,\"['a calm piano', \"\"it's loud\"\"]\"\nb.wav,['one']\nc.wav,['one' 'two']\nd.wav,\"['x', y]\"\n";
    fs::write(&path, text).unwrap();
    let all: &[(&str, &[&str])] = &[
        ("a.wav", &["a calm piano", "it's loud"]),
        ("b.wav", &["one"]),
        ("c.wav", &["['one' 'two']"]),
        ("d.wav", &["['x', y]"]),
    ];
    assert_eq!(rows(&path, Split::Train), expected(all));
    let hints = hints(&path);
    assert_eq!(hints.len(), 1, "{hints:?}");
    assert!(hints[0].contains("pandas.csv: 2 captions") && hints[0].contains("['one' 'two'] in row 4"), "{}", hints[0]);
    // An empty list is no caption.
    fs::write(&path, "file_name,caption\na.wav,[]\n").unwrap();
    assert!(Manifest::read(&path, Split::Train).unwrap_err().to_string().contains("row 2: `caption` is empty"));
}

#[test]
fn columns_that_are_there_twice_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.csv");
    for (header, words) in [
        ("audio,caption,Audio", &["columns 1 and 3", "`audio`", "the first is read", "rename"][..]),
        ("audio,caption,caption", &["columns 2 and 3", "`caption`", "all of them are read as captions"]),
        ("audio,text,text", &["columns 2 and 3", "`text`", "the first is read"]),
        ("mood,audio,caption,mood,mood", &["columns 1, 4 and 5 are all called", "`mood`", "none of them is read"]),
        ("start_s,audio,caption,start_s", &["columns 1 and 4", "the first is read"]),
    ] {
        let cells = vec!["1"; header.split(',').count()].join(",");
        fs::write(&path, format!("{header}\n{cells}\n")).unwrap();
        let found = hints(&path);
        assert!(found.len() == 1 && words.iter().all(|word| found[0].contains(word)), "{header}: {found:?}");
        assert_eq!(Manifest::examine(&path).unwrap().hints[0].harms(), found[0].contains("the first is read"));
    }
    // The names of an index that pandas writes are empty.
    fs::write(&path, ",,audio,caption\n0,0,a.wav,x\n").unwrap();
    assert!(hints(&path).is_empty());
}

#[test]
fn audio_without_a_text_is_told_with_its_name() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("more")).unwrap();
    for name in ["a.wav", "a.txt", "b.wav", "b.txt"] {
        fs::write(dir.path().join(name), "x").unwrap();
    }
    assert!(hints(dir.path()).is_empty());
    fs::write(dir.path().join("c.wav"), "").unwrap();
    let found = hints(dir.path());
    assert!(
        found.len() == 1
            && found[0].contains("1 audio file has no text and is left out")
            && found[0].contains("(`c.wav`)")
    );
    ["more/d.wav", "more/e.wav", "more/f.wav"].iter().for_each(|name| fs::write(dir.path().join(name), "").unwrap());
    let found = hints(dir.path());
    assert!(
        found[0].contains("4 audio files have no text and are left out")
            && found[0].contains("`c.wav`, `more/d.wav`, `more/e.wav` …"),
        "{found:?}"
    );
    assert!(found[0].contains("write a .txt or .json"));
}
