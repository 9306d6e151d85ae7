//! What is found when the tags of a file are read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use muscall_audio::file_tags;

use crate::manifest::Tags;

type Values = BTreeMap<String, BTreeSet<String>>;

/// The word for the tags of a file, and both sides.
pub fn found(path: &Path, expected: &Tags) -> (String, String) {
    let ours = match file_tags(path) {
        Ok(tags) => ours(&tags),
        Err(error) => return ("refused".to_owned(), error.to_string()),
    };
    let theirs = theirs(&expected.values);
    (compared(&ours, &theirs), format!("{ours:?}, expected {theirs:?}"))
}

/// Tags of which the reference knows nothing are left out.
fn ours(tags: &[String]) -> Values {
    let mut values = Values::new();
    for tag in tags {
        let (key, value) = tag.split_once('=').unwrap();
        if key != "mood" {
            values.entry(key.to_owned()).or_default().insert(value.to_owned());
        }
    }
    values
}

/// A year instead of a date, and a track's number without zeros in front of it and that of all tracks behind it.
fn theirs(values: &BTreeMap<String, Vec<String>>) -> Values {
    let mut found = Values::new();
    for (key, texts) in values {
        for text in texts {
            let (key, value) = match key.as_str() {
                "date" => ("year", text.get(..4).unwrap_or(text)),
                "track" => ("track", text.split('/').next().unwrap_or_default().trim_start_matches('0')),
                key => (key, text.as_str()),
            };
            if !value.is_empty() {
                found.entry(key.to_owned()).or_default().insert(value.to_owned());
            }
        }
    }
    found
}

fn compared(ours: &Values, theirs: &Values) -> String {
    if ours.is_empty() && !theirs.is_empty() {
        return "none read".to_owned();
    }
    let keys: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    let other: Vec<_> = keys.into_iter().filter(|&key| ours.get(key) != theirs.get(key)).cloned().collect();
    if other.is_empty() { "equal".to_owned() } else { format!("other {}", other.join(" and ")) }
}
