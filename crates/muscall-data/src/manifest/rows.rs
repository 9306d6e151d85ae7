//! Rows in JSON, one per line or in a list.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use muscall_files::FileError;
use serde_json::{Map, Value};

use super::columns::Columns;
use super::names::{self, is_numbered_caption, other_caption};
use super::published;
use super::row::Stored;
use super::times::Times;
use crate::DataError;
use crate::read_text::read_text;
use crate::shards::is_in_bucket;

/// A row before its path is resolved.
#[derive(Debug)]
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
    if is_lines(path).map_err(FileError::reading(path))? {
        return read_lines(path, columns, take);
    }
    let mut is_wav_caps = false;
    let mut rows = match serde_json::from_str(&read_text(path)?).map_err(json)? {
        Value::Array(rows) => rows,
        // As WavCaps and others have it.
        Value::Object(mut object) => match object.remove("data") {
            Some(Value::Array(rows)) => {
                is_wav_caps = object.contains_key("num_captions_per_audio") && !columns.names_audio();
                rows
            }
            _ => {
                let found = format!("an object with {}", listed(object.keys().map(String::as_str)));
                return Err(wrong_type(path, 1, "the file", found, "a list of rows, or an object with one as `data`"));
            }
        },
        other => return Err(wrong_type(path, 1, "the file", shorten(&other.to_string()), "a list of rows")),
    };
    if is_wav_caps {
        rows.iter_mut().filter_map(Value::as_object_mut).for_each(published::name_wav_caps_file);
    }
    rows.into_iter().enumerate().for_each(|(i, value)| take(row(path, i + 1, value, columns)));
    Ok(())
}

/// Whether a file has an object per line, whatever it is called: MusicBench and MidiCaps call theirs `.json`.
fn is_lines(path: &Path) -> io::Result<bool> {
    const MAX_LINE: u64 = 1 << 20;
    let mut lines = BufReader::new(File::open(path)?.take(MAX_LINE)).split(b'\n');
    let mut next = || lines.find(|line| line.as_ref().map_or(true, |line| !line.trim_ascii().is_empty())).transpose();
    let first = next()?.unwrap_or_default();
    let first = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&first);
    Ok(serde_json::from_slice::<Value>(first).is_ok_and(|first| first.is_object()) && next()?.is_some())
}

/// What a row or a header lacks.
pub(super) enum Missing<'a> {
    /// Any column that names the file.
    Audio(&'a Columns),
    /// The captions, or the column that was asked for.
    Caption(Option<&'a str>),
}

impl Missing<'_> {
    /// Of a row, or a header, with these names.
    pub(super) fn error<'a>(self, path: &Path, row: usize, names: impl Iterator<Item = &'a String>) -> DataError {
        let names: Vec<&str> = names.map(String::as_str).collect();
        let (key, flag) = match self {
            Self::Audio(columns) => (columns.audio()[0], "--audio-column"),
            Self::Caption(name) => (name.unwrap_or("caption"), "--caption-column"),
        };
        let is_asked_for = match self {
            Self::Audio(columns) => columns.names_audio(),
            Self::Caption(name) => name.is_some(),
        };
        let remedy = match published::remedy(&names) {
            Some(remedy) if !is_asked_for => remedy.to_owned(),
            _ if is_asked_for => format!("give `{flag}` a name that is there"),
            _ => format!("name the column that has it with `{flag}`, rename it, or add it"),
        };
        DataError::MissingKey {
            path: path.to_owned(),
            row,
            key: key.to_owned(),
            found: listed(names.into_iter()),
            remedy,
        }
    }
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
    let missing = |missing: Missing| missing.error(path, number, object.keys());
    let published = published::columns(columns, |name| object.contains_key(name));
    let columns = published.as_ref().unwrap_or(columns);
    let audio = text(path, number, &object, &columns.audio())?.ok_or_else(|| missing(Missing::Audio(columns)))?;
    // Others may have something of their own under this name.
    let stored = object.get("stored").filter(|value| value.get("archive").is_some());
    let stored = stored.map(|value| self::stored(path, number, value)).transpose()?;
    if stored.is_none() {
        check_file(path, number, &audio)?;
    }
    let id = text(path, number, &object, &names::ID)?.unwrap_or_else(|| audio.clone());
    let split = text(path, number, &object, &["split"])?;
    let captions = captions(path, number, &object, columns)?;
    // Some manifests have something else under this name, which is theirs to keep.
    let named = |key: &str| {
        let text = object.get(key).and_then(Value::as_str).map(str::trim);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let (label, source) = (named("label"), named("source"));
    let mut times = Times::read(path, number, |key| match object.get(key) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Some(other) => Some(shorten(&other.to_string())),
    })?;
    if published::is_song_describer(|name| object.contains_key(name)) {
        times.length = None;
    }
    Ok(RawRow { number, id, audio, captions, split, label, source, times, stored })
}

/// The captions of a row: at least one, none of them empty.
fn captions(
    path: &Path,
    number: usize,
    object: &Map<String, Value>,
    columns: &Columns,
) -> Result<Vec<String>, DataError> {
    let own = columns.captions();
    let names: Vec<&str> = match own {
        [] => match names::CAPTION.into_iter().find(|name| object.contains_key(*name)) {
            Some(name) => vec![name],
            None => object.keys().map(String::as_str).filter(|name| is_numbered_caption(name)).collect(),
        },
        own => own.iter().map(String::as_str).filter(|name| object.contains_key(*name)).collect(),
    };
    let names = match names.is_empty() && own.is_empty() {
        true => other_caption(|name| object.contains_key(name)).into_iter().collect(),
        false => names,
    };
    if names.is_empty() {
        return Err(Missing::Caption(own.first().map(String::as_str)).error(path, number, object.keys()));
    }
    // Captions beyond the first may be missing: not every clip has all five.
    let are_several = names.len() > 1;
    let found = names.into_iter().filter_map(|name| object.get(name)).filter(|found| !(are_several && found.is_null()));
    let listed = found.flat_map(|found| match found {
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
    if are_several {
        captions.retain(|caption| !caption.is_empty());
    }
    if captions.is_empty() || captions.iter().any(String::is_empty) {
        return Err(DataError::EmptyCaption { path: path.to_owned(), row: number });
    }
    Ok(captions)
}

/// Writes the caption that stands beside a row's audio; what the row says itself gives way.
pub(crate) fn set_caption(object: &mut Map<String, Value>, columns: &Columns, caption: String) {
    columns.captions().iter().for_each(|name| drop(object.remove(name)));
    let key = columns.captions().first().map_or(names::CAPTION[0], String::as_str);
    object.insert(key.to_owned(), caption.into());
}

/// Where the audio lies in a shard, as a list of held-out rows has it.
fn stored(path: &Path, number: usize, value: &Value) -> Result<Stored, DataError> {
    let place = || {
        let archive = Path::new(value.get("archive")?.as_str()?);
        // An address stays one; it is looked for when the row is taken.
        let folder = path.parent().filter(|_| !is_in_bucket(archive)).unwrap_or(Path::new(""));
        let archive = folder.join(archive);
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

/// Names of keys, for who looks for one; of many the first.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const MANY: usize = 24;
    let mut known = HashSet::new();
    let names: Vec<String> = names.filter(|name| known.insert(*name)).map(|name| format!("`{name}`")).collect();
    match names.len() {
        ..=MANY => names.join(", "),
        all => format!("{} and {} more", names[..MANY].join(", "), all - MANY),
    }
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
pub(super) fn shorten(text: &str) -> String {
    const CHARACTERS: usize = 60;
    match text.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
