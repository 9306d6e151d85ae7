//! Nothing that the model in the box is judged on may be among what it was trained on: by package, name, length, tune
//! and id.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use muscall::data::sentences::{TagTable, TaggedRow};

fn table(name: &str) -> Vec<TaggedRow> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("training/box");
    TagTable::read(&folder.join(name)).unwrap().rows
}

/// Lines of a table without audio files, less its header.
fn lines(name: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("training/box");
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// A file's name without what copies of it differ in.
fn stem(file: &str) -> String {
    let name = file.rsplit('/').next().unwrap().split('.').next().unwrap();
    name.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase()
}

#[test]
fn packages_are_on_one_side() {
    let mut sides: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in table("catalog.csv") {
        if row.cells["use"] != "out" {
            sides.entry(row.cells["package"].clone()).or_default().insert(row.cells["use"].clone());
        }
    }
    for (package, sides) in &sides {
        assert_eq!(sides.len(), 1, "{package} is in {sides:?}");
    }
    let of = |side: &str| sides.values().filter(|sides| sides.contains(side)).count();
    assert_eq!((of("test"), of("validation")), (5, 3));
}

#[test]
fn no_track_of_one_side_is_also_on_another() {
    let all = table("catalog.csv");
    let of = |side: &str| all.iter().filter(|row| row.cells["use"] == side).collect::<Vec<_>>();
    for row in of("train") {
        let seconds: f64 = row.cells["seconds"].parse().unwrap();
        for other in of("test").into_iter().chain(of("validation")) {
            let length: f64 = other.cells["seconds"].parse().unwrap();
            let same = row.cells["sha256"] == other.cells["sha256"]
                || stem(&row.audio) == stem(&other.audio) && (seconds - length).abs() < 3.0;
            assert!(!same, "{} and {}", row.audio, other.audio);
        }
    }
}

#[test]
fn what_must_stay_unheard_is_not_trained_on() {
    let unheard = lines("unheard.csv");
    let unheard: BTreeMap<String, String> = unheard[1..]
        .iter()
        .map(|line| line.rsplit_once(',').unwrap())
        .map(|(name, source)| (stem(name.trim_matches('"')), source.to_owned()))
        .collect();
    assert!(unheard.len() > 40);
    for row in table("catalog.csv").iter().filter(|row| row.cells["use"] != "out") {
        let hit = unheard.get(&stem(&row.audio)).filter(|source| source.ends_with(&row.cells["package"]));
        assert!(hit.is_none(), "{}: {hit:?}", row.audio);
    }
}

#[test]
fn tunes_are_on_one_side_and_those_of_the_demo_on_none() {
    let (mut groups, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for line in &lines("leave_out.csv")[1..] {
        let mut cells = line.splitn(3, ',');
        let (kind, name) = (cells.next().unwrap(), cells.next().unwrap().to_owned());
        if kind == "group" {
            groups.insert(name)
        } else {
            ids.insert(name)
        };
    }
    assert!(groups.len() >= 28 && ids.len() >= 91, "{} {}", groups.len(), ids.len());
    let mut sides: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in table("manifest_rendered.csv.gz").iter().filter(|row| row.cells["use"] != "out") {
        let (id, group) = (&row.cells["id"], &row.cells["group"]);
        assert!(!ids.contains(id) && !groups.contains(group), "{id} is of {group}");
        sides.entry(group.clone()).or_default().insert(row.cells["split"].clone());
    }
    for (group, sides) in sides {
        assert_eq!(sides.len(), 1, "{group} is in {sides:?}");
    }
}

#[test]
fn windows_are_on_the_side_of_their_track() {
    // What the program cannot read is kept as FLAC beside it.
    let name = |file: &str| file.trim_end_matches(".flac").to_owned();
    let uses: BTreeMap<String, String> =
        table("catalog.csv").into_iter().map(|row| (name(&row.audio), row.cells["use"].clone())).collect();
    for row in table("manifest_real.csv.gz") {
        assert_eq!(row.cells["use"], uses[&name(&row.audio)], "{}", row.audio);
        assert_eq!(row.cells["split"] == "train", ["train", "out"].contains(&row.cells["use"].as_str()));
    }
}

#[test]
fn queries_are_about_a_folder_of_the_test() {
    let uses: BTreeMap<String, String> =
        table("catalog.csv").into_iter().map(|row| (row.audio, row.cells["use"].clone())).collect();
    let folder: BTreeSet<String> = table("folder60.csv").into_iter().map(|row| row.audio).collect();
    assert_eq!(folder.len(), 60);
    assert!(folder.iter().all(|file| uses[file] == "test"));
    let queries = lines("queries.csv");
    assert_eq!(queries.len(), 31);
    for line in &queries[1..] {
        let known = folder.iter().filter(|file| line.contains(file.as_str())).count();
        assert!((1..=20).contains(&known), "{line}");
    }
    for name in ["present.txt", "absent.txt"] {
        assert_eq!(lines(name).into_iter().collect::<BTreeSet<_>>().len(), 100, "{name}");
    }
}
