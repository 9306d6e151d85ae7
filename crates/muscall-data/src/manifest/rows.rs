//! Rows in JSON, one per line or in a list.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use muscall_files::FileError;
use serde_json::{Map, Value};

use super::columns::Columns;
use super::names::{self, other_caption};
use super::row::Stored;
use super::times::Times;
use crate::DataError;
use crate::read_text::read_text;

/// A row before its path is resolved.
pub(crate) struct RawRow {
    /// From 1; in files with a header, the line.
    pub(super) number: usize,
    pub(crate) id: String,
    pub(crate) audio: String,
    pub(super) captions: Vec<String>,
    pub(super) split: Option<String>,
    pub(super) label: Option<String>,
    pub(super) source: Option<String>,
    pub(super) times: Times,
    /// Where its audio lies, if it is no file.
    pub(crate) stored: Option<Stored>,
}

/// Gives each row, or what is wrong with it.
pub(super) fn read_lines(
    path: &Path,
    columns: &Columns,
    take: &mut dyn FnMut(Result<RawRow, DataError>),
) -> Result<(), DataError> {
    let io = FileError::reading(path);
    for (i, line) in BufReader::new(File::open(path).map_err(io)?).split(b'\n').enumerate() {
        let line = line.map_err(io)?;
        let Ok(line) = str::from_utf8(&line) else {
            take(Err(DataError::NotUtf8 { path: path.to_owned(), line: i + 1 }));
            continue;
        };
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.is_empty() {
            continue;
        }
        let value = serde_json::from_str(line).map_err(|error| broken(path, i + 1, line, &error));
        take(value.and_then(|value| row(path, i + 1, value, columns)));
    }
    Ok(())
}

/// Gives each row, or what is wrong with it.
pub(super) fn read_list(
    path: &Path,
    columns: &Columns,
    take: &mut dyn FnMut(Result<RawRow, DataError>),
) -> Result<(), DataError> {
    let json = |source| DataError::Json { path: path.to_owned(), source };
    let rows = match serde_json::from_str(&read_text(path)?).map_err(json)? {
        Value::Array(rows) => rows,
        // As WavCaps and others have it.
        Value::Object(mut object) => match object.remove("data") {
            Some(Value::Array(rows)) => rows,
            _ => {
                let found = format!("an object with {}", listed(object.keys()));
                return Err(wrong_type(path, 1, "the file", found, "a list of rows, or an object with one as `data`"));
            }
        },
        other => return Err(wrong_type(path, 1, "the file", shorten(&other.to_string()), "a list of rows")),
    };
    rows.into_iter().enumerate().for_each(|(i, value)| take(row(path, i + 1, value, columns)));
    Ok(())
}

/// A line that is not JSON.
fn broken(path: &Path, row: usize, line: &str, error: &serde_json::Error) -> DataError {
    let reason = error.to_string();
    // It would say `at line 1 column 9` of every line.
    let reason = reason.split(" at line ").next().unwrap_or_default().to_owned();
    DataError::BrokenRow { path: path.to_owned(), row, found: shorten(line), column: error.column(), reason }
}

/// A row of an object.
pub(crate) fn row(path: &Path, number: usize, value: Value, columns: &Columns) -> Result<RawRow, DataError> {
    let Value::Object(object) = value else {
        return Err(wrong_type(path, number, "row", shorten(&value.to_string()), "a JSON object"));
    };
    let missing = |key: &str| {
        let (path, key, found) = (path.to_owned(), key.to_owned(), listed(object.keys()));
        DataError::MissingKey { path, row: number, key, found }
    };
    let audio = text(path, number, &object, &columns.audio())?.ok_or_else(|| missing(columns.audio()[0]))?;
    check_file(path, number, &audio)?;
    let id = text(path, number, &object, &names::ID)?.unwrap_or_else(|| audio.clone());
    let split = text(path, number, &object, &["split"])?;
    let usual = || {
        let own = names::CAPTION.into_iter().find(|name| object.contains_key(*name));
        own.or_else(|| other_caption(|name| object.contains_key(name))).ok_or_else(|| missing("caption"))
    };
    let found: Vec<&Value> = match columns.captions() {
        [] => object.get(usual()?).into_iter().collect(),
        // Captions beyond the first may be missing: not every clip has all five.
        names => names.iter().filter_map(|name| object.get(name)).filter(|value| !value.is_null()).collect(),
    };
    if let ([], [name, ..]) = (found.as_slice(), columns.captions()) {
        return Err(missing(name));
    }
    let listed = found.into_iter().flat_map(|found| match found {
        Value::Array(captions) => captions.as_slice(),
        caption => std::slice::from_ref(caption),
    });
    let mut captions = Vec::with_capacity(1);
    for caption in listed {
        let Value::String(caption) = caption else {
            return Err(wrong_type(path, number, "caption", shorten(&caption.to_string()), "text, or a list of texts"));
        };
        captions.push(caption.trim().to_owned());
    }
    if captions.is_empty() || captions.iter().any(String::is_empty) {
        return Err(DataError::EmptyCaption { path: path.to_owned(), row: number });
    }
    // Some manifests have something else under this name, which is theirs to keep.
    let named = |key: &str| {
        let text = object.get(key).and_then(Value::as_str).map(str::trim);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let (label, source) = (named("label"), named("source"));
    let stored = object.get("stored").map(|value| stored(path, number, value)).transpose()?;
    let times = Times::read(path, number, |key| match object.get(key) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Some(other) => Some(shorten(&other.to_string())),
    })?;
    Ok(RawRow { number, id, audio, captions, split, label, source, times, stored })
}

/// Where the audio lies in a shard, as a list of held-out rows has it.
fn stored(path: &Path, number: usize, value: &Value) -> Result<Stored, DataError> {
    let place = || {
        let archive = path.parent().unwrap_or(Path::new("")).join(value.get("archive")?.as_str()?);
        Some(Stored { archive: archive.into(), at: value.get("at")?.as_u64()?, bytes: value.get("bytes")?.as_u64()? })
    };
    let expected = "the place of a member in a tar file: `archive`, `at`, `bytes`";
    place().ok_or_else(|| wrong_type(path, number, "stored", shorten(&value.to_string()), expected))
}

/// The first of the keys that is there and not null; numbers, common as ids, become text.
fn text(path: &Path, number: usize, object: &Map<String, Value>, keys: &[&str]) -> Result<Option<String>, DataError> {
    for key in keys {
        match object.get(*key) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if text.is_empty() => {
                return Err(wrong_type(path, number, key, "empty".to_owned(), "text"));
            }
            Some(Value::String(text)) => return Ok(Some(text.clone())),
            Some(Value::Number(value)) => return Ok(Some(value.to_string())),
            Some(other) => return Err(wrong_type(path, number, key, shorten(&other.to_string()), "text")),
        }
    }
    Ok(None)
}

fn wrong_type(path: &Path, row: usize, key: &str, found: String, expected: &'static str) -> DataError {
    let (path, key) = (path.to_owned(), key.to_owned());
    DataError::WrongType { path, row, key, found, expected }
}

/// Names of keys, for who looks for one.
pub(super) fn listed<'a>(keys: impl Iterator<Item = &'a String>) -> String {
    keys.map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

/// Refuses what is the address of a file.
pub(super) fn check_file(path: &Path, row: usize, audio: &str) -> Result<(), DataError> {
    if ["http://", "https://", "s3://", "gs://", "hf://", "file://"].iter().any(|scheme| audio.starts_with(scheme)) {
        let expected = "the path of a file on this machine: download it first, and write where it lies";
        return Err(wrong_type(path, row, "audio", shorten(audio), expected));
    }
    Ok(())
}

/// Enough of a value to recognise it.
fn shorten(text: &str) -> String {
    const CHARACTERS: usize = 60;
    match text.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
