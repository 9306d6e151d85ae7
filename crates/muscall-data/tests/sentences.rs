//! Tags to sentences: what is said is true, grammatical, varied and reproducible.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use muscall_data::dataset::item_seed;
use muscall_data::sentences::{Facts, Tag, TagTable, Templates};
use tempfile::TempDir;

const TEMPLATES: &str = r#"
[threshold]
instrument = 0.2
mood = 0.5
[entry_threshold]
"mood.calm" = 0.55
[drop]
tags = ["favorites"]
[alias]
"Strings" = "instrument.violin"
"chillout" = "mood.calm"
[class.instrument]
guitar = ["guitar", "acoustic guitar"]
violin = ["violin", "fiddle"]
piano = ["piano"]
drums = ["drums", "percussion"]
[class.mood]
calm = ["calm", "easy-going"]
sad = ["sad", "mournful", "calm"]
[class.genre]
folk = ["folk"]
rock = ["rock"]
[title]
sorrow = "mood.sad"
lament = ["mood.sad", "instrument.violin"]
[[patterns]]
text = "{instruments}"
[[patterns]]
text = "{mood} {genre} music"
weight = 2
[[patterns]]
text = "a {mood} piece with {instruments}"
[[patterns]]
text = "a {instrument} over {instruments} in a {genre} style"
"#;

fn write(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    path
}

fn templates(text: &str) -> Templates {
    let folder = tempfile::tempdir().unwrap();
    Templates::read(&write(&folder, "templates.toml", text)).unwrap()
}

fn facts(templates: &Templates, tags: &[&str]) -> Facts {
    let mut facts = Facts::default();
    let tags: Vec<Tag> = tags.iter().map(|tag| Tag::parse(tag).unwrap()).collect();
    templates.add_tags(&mut facts, &tags).unwrap();
    facts
}

#[test]
fn sentences_differ_and_are_a_function_of_the_seed() {
    let templates = templates(TEMPLATES);
    let facts = facts(&templates, &["guitar:0.9", "strings:0.5", "chillout:0.7", "folk", "rock:0.1"]);
    assert_eq!(facts.len(), 5);
    let mut firsts = BTreeSet::new();
    for row in 0..200 {
        let sentences = templates.sentences(&facts, 4, item_seed(1, 0, row));
        assert_eq!(sentences, templates.sentences(&facts, 4, item_seed(1, 0, row)));
        let keys: BTreeSet<String> = sentences.iter().map(|s| s.trim_end_matches('.').to_lowercase()).collect();
        assert_eq!((sentences.len(), keys.len()), (4, 4), "{sentences:?}");
        firsts.insert(sentences[0].clone());
    }
    assert!(firsts.len() > 40, "{firsts:?}");
    assert_ne!(templates.sentences(&facts, 4, item_seed(1, 0, 0)), templates.sentences(&facts, 4, item_seed(2, 0, 0)));
}

#[test]
fn sentences_state_facts_alone_and_read_well() {
    let templates = templates(TEMPLATES);
    // The piano is not sure enough, and neither is the sadness.
    let facts = facts(&templates, &["guitar:0.9", "violin:0.3", "drums", "piano:0.1", "calm:0.6", "sad:0.4", "folk"]);
    let mut seen = BTreeSet::new();
    for seed in 0..500 {
        for sentence in templates.sentences(&facts, 2, seed) {
            let lower = sentence.to_lowercase();
            for wrong in ["piano", "sad", "mournful", "rock", "a acoustic", "a easy", "{", "  ", " ,"] {
                assert!(!lower.contains(wrong), "{sentence}");
            }
            assert!(!sentence.ends_with('.') || sentence.starts_with(char::is_uppercase), "{sentence}");
            // At most four facts, none of them twice.
            for words in [["guitar", "guitar"], ["violin", "fiddle"], ["drums", "percussion"]] {
                assert!(words.iter().map(|word| lower.matches(word).count()).max() <= Some(1), "{sentence}");
            }
            seen.insert(lower.trim_end_matches('.').to_owned());
        }
    }
    for expected in ["an easy-going piece with guitar", "calm folk music", "guitar, percussion and fiddle"] {
        assert!(seen.contains(expected), "{expected}: {seen:?}");
    }
    assert!(seen.iter().any(|sentence| sentence.starts_with("an acoustic guitar over ")), "{seen:?}");
}

#[test]
fn nothing_is_said_where_nothing_can_be() {
    let templates = templates(TEMPLATES);
    assert!(templates.sentences(&Facts::default(), 3, 1).is_empty());
    // Known, but in no pattern alone.
    assert!(templates.sentences(&facts(&templates, &["folk"]), 3, 1).is_empty());
    // One entry with one phrase gives one sentence.
    let piano = templates.sentences(&facts(&templates, &["piano"]), 3, 1);
    assert_eq!(piano.len(), 1, "{piano:?}");
    assert!(facts(&templates, &["favorites", "piano:0.1"]).is_empty());
}

#[test]
fn facts_are_stated_as_often_as_they_are_sure() {
    let templates = templates(&format!("{TEMPLATES}\n[facts]\nweights = [1]\n"));
    let facts = facts(&templates, &["guitar:0.9", "drums:0.3"]);
    let guitars = (0..2000).filter(|seed| {
        let sentences = templates.sentences(&facts, 1, *seed);
        sentences[0].to_lowercase().contains("guitar")
    });
    let guitars = guitars.count();
    assert!((1420..1580).contains(&guitars), "{guitars}");
}

#[test]
fn tables_are_read_joined_and_made_facts() {
    let folder = tempfile::tempdir().unwrap();
    let text = "file,start_s,tags\na/Lament.ogg,0,guitar:0.9;favorites:1\nb.ogg,10,\nb.ogg,20,calm:0.9; folk\n";
    let path = folder.path().join("tags.csv.gz");
    let mut file = flate2::write::GzEncoder::new(fs::File::create(&path).unwrap(), flate2::Compression::fast());
    file.write_all(text.as_bytes()).unwrap();
    file.finish().unwrap();
    let mut table = TagTable::read(&path).unwrap();
    assert_eq!(table.rows.len(), 3);
    let catalog = write(&folder, "catalog.tsv", "file\ttitle\ttags\nb.ogg\tMy Sorrow-song\trock\n");
    table.join(&TagTable::read(&catalog).unwrap());
    assert!(table.has_column("title") && !table.has_column("artist"));
    let templates = templates(TEMPLATES);
    let columns = ["tags".to_owned()];
    let read = |row: usize| table.facts(&table.rows[row], &columns, &templates).unwrap();
    assert_eq!(read(0), facts(&templates, &["guitar:0.9", "sad", "violin"]));
    // What the row does not say, the catalogue does.
    assert_eq!(read(1), facts(&templates, &["rock", "sad"]));
    assert_eq!(read(2), facts(&templates, &["calm:0.9", "folk", "sad"]));
    assert_eq!(table.rows[2].cells["start_s"], "20");
    assert_eq!(facts(&templates, &["mood.sad:0.7"]), facts(&templates, &["sad:0.7", "calm:0.52"]));
}

#[test]
fn a_row_without_a_fact_states_its_most_confident_tag() {
    let folder = tempfile::tempdir().unwrap();
    let text = "file,tags\na.ogg,favorites:0.9;sad:0.2;piano:0.1\na_lament.ogg,piano:0.1\nc.ogg,favorites:0.4\n";
    let table = TagTable::read(&write(&folder, "tags.csv", text)).unwrap();
    let read =
        |row: usize, templates: &Templates| table.facts(&table.rows[row], &["tags".to_owned()], templates).unwrap();
    let some = templates(TEMPLATES);
    assert_eq!((read(0, &some).len(), read(1, &some).len(), read(2, &some).len()), (1, 2, 0));
    let none = templates(&format!("{TEMPLATES}\n[facts]\nalways = false\n"));
    assert!(read(0, &none).is_empty());
}

#[test]
fn a_table_names_the_row_and_the_tag() {
    let folder = tempfile::tempdir().unwrap();
    let templates = templates(TEMPLATES);
    for (cell, parts) in [("harp:0.4", ["row 2", "`harp`", "[drop]"]), ("guitar:7", ["row 2", "`tags`", "`guitar:7`"])]
    {
        let path = write(&folder, "tags.csv", &format!("file,tags\na.ogg,{cell}\n"));
        let table = TagTable::read(&path).unwrap();
        let error = table.facts(&table.rows[0], &["tags".to_owned()], &templates).unwrap_err().to_string();
        assert!(error.contains("tags.csv") && parts.iter().all(|part| error.contains(part)), "{error}");
    }
    let error = TagTable::read(&write(&folder, "no.csv", "name,tags\na,b\n")).unwrap_err().to_string();
    assert!(error.contains("`audio`"), "{error}");
}

#[test]
fn a_template_file_names_the_key_and_what_is_expected() {
    let folder = tempfile::tempdir().unwrap();
    let pattern = "[[patterns]]\ntext = \"{mood}\"\n";
    let mood = "[class.mood]\nsad = [\"sad\"]\n";
    for (text, parts) in [
        (format!("{mood}{pattern}[threshold]\nmood = 2.0\n"), ["`threshold.mood`", "2", "0 to 1"]),
        (
            format!("{mood}{pattern}[entry_threshold]\n\"mood.sad\" = 2\n"),
            ["`entry_threshold.mood.sad`", "2", "0 to 1"],
        ),
        (format!("{mood}{pattern}[entry_threshold]\nsad = 0.1\n"), ["`entry_threshold`", "`sad`", "an entry"]),
        (format!("{mood}{pattern}[threshold]\nmod = 0.2\n"), ["`threshold`", "`mod`", "a class"]),
        (format!("{mood}{pattern}[treshold]\nmood = 0.2\n"), ["`treshold`", "mood", "sections are threshold"]),
        (format!("{mood}{pattern}[alias]\nblue = \"mood.blue\"\n"), ["`alias.blue`", "`mood.blue`", "mood.sad"]),
        (format!("{mood}{pattern}[title]\nblue = [\"mod.sad\"]\n"), ["`title.blue`", "`mod.sad`", "an entry"]),
        (format!("{mood}[[patterns]]\ntext = \"{{mod}}\"\n"), ["`patterns[1].text`", "`mod`", "(mood)"]),
        (format!("{mood}{pattern}[[patterns]]\ntext = \"{{mood\"\n"), ["`patterns[2].text`", "{mood", "a } for"]),
        (format!("{mood}[[patterns]]\ntext = \"music\"\n"), ["`patterns[1].text`", "`music`", "slot"]),
        (format!("{mood}[[patterns]]\ntext = \"{{mood}}\"\nwait = 1\n"), ["`patterns`", "wait", "weight"]),
        (mood.to_owned(), ["`patterns`", "0 patterns", "weight above 0"]),
        (pattern.to_owned(), ["`class`", "absent", "[class.mood]"]),
        (format!("{pattern}[class.mood]\nsad = []\n"), ["`class.mood.sad`", "[]", "phrases"]),
        (format!("{mood}{pattern}[facts]\nweights = [0]\n"), ["`facts.weights`", "[0.0]", "above 0"]),
        (format!("{mood}{pattern}[style]\ncapital = 3\n"), ["`style.capital`", "3", "0 to 1"]),
        ("[class\n".to_owned(), ["templates.toml", "line 1", "correct the TOML"]),
    ] {
        let error = Templates::read(&write(&folder, "templates.toml", &text)).unwrap_err().to_string();
        assert!(error.contains("templates.toml") && parts.iter().all(|part| error.contains(part)), "{error}");
    }
    assert!(Templates::read(Path::new("/no/templates.toml")).is_err());
}
