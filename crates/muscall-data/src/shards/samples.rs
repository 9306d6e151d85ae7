//! The samples of a shard.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use muscall_audio::{Place, has_audio_extension};
use muscall_files::FileError;
use serde_json::{Map, Value};
use tar::{Archive, Entry, EntryType};

use super::read_ahead::ReadAhead;
use crate::DataError;
use crate::manifest::{Columns, RawRow, Stored, row, set_caption};

/// Members that hold a caption as plain text.
const TEXTS: [&str; 3] = ["txt", "text", "caption"];
/// Longest text of a sample that is read.
const MOST_TEXT: u64 = 1 << 24;

/// A member: its name, the first byte of its content, and how many there are.
struct Found {
    name: String,
    at: u64,
    bytes: u64,
}

/// Members of one key, side by side.
#[derive(Default)]
struct Sample {
    key: String,
    audio: Option<Found>,
    text: Option<Text>,
    json: Option<Text>,
}

/// A member's name, and what it says, or why that cannot be read.
type Text = (String, Result<String, String>);

/// Rows of a shard, or what is wrong with them.
type ReadRows = Vec<Result<RawRow, DataError>>;

/// A row for each sample of a shard with audio or a text, or what is wrong with it. Samples are numbered from 1 in their shard.
/// Where the shard itself is damaged, that is the last row.
///
/// # Errors
/// If it cannot be opened, or is no tar file; if it is in a bucket, also if a part of it does not come.
pub(crate) fn read(shard: &Place, columns: &Columns) -> Result<ReadRows, DataError> {
    match shard {
        Place::Disk(path) => {
            let io = FileError::reading(path);
            let metadata = path.metadata().map_err(io)?;
            if !metadata.is_file() {
                return Err(DataError::Shard { path: path.to_path_buf(), reason: "it is no regular file".to_owned() });
            }
            let file = BufReader::with_capacity(1 << 12, File::open(path).map_err(io)?);
            Ok(go_through(shard, file, metadata.len(), columns)?.0)
        }
        Place::Remote(file) => {
            let bytes = file.state().bytes;
            let (rows, reader) = go_through(shard, ReadAhead::new(file.clone(), 0..bytes), bytes, columns)?;
            // What did not come is no damage of the shard.
            reader.into_failure().map_or(Ok(rows), |error| Err(unread(shard, error)))
        }
    }
}

fn unread(shard: &Place, error: io::Error) -> DataError {
    match shard {
        Place::Disk(path) => FileError::reading(path)(error).into(),
        Place::Remote(file) => DataError::ShardAway { path: file.address().to_owned(), reason: error.to_string() },
    }
}

/// The rows of a shard of so many bytes, and its reader.
fn go_through<R: Read + Seek>(
    shard: &Place,
    mut file: R,
    bytes: u64,
    columns: &Columns,
) -> Result<(ReadRows, R), DataError> {
    if let Some(reason) = no_tar(&mut file).map_err(|error| unread(shard, error))? {
        return Err(DataError::Shard { path: shard.path().to_owned(), reason });
    }
    let mut rows = Rows { shard: shard.clone(), columns, rows: Vec::new() };
    let mut archive = Archive::new(file);
    if let Err(reason) = rows.fill(&mut archive, bytes) {
        rows.rows.push(Err(DataError::Shard { path: shard.path().to_owned(), reason }));
    }
    Ok((rows.rows, archive.into_inner()))
}

/// Why a file with the name of a shard is none, if its start tells. Goes back to the start.
fn no_tar(file: &mut (impl Read + Seek)) -> io::Result<Option<String>> {
    const PACKED: [(&[u8], &str); 4] =
        [(b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "Zstandard"), (b"BZh", "bzip2"), (b"\xfd7zXZ", "xz")];
    let mut start = Vec::new();
    file.by_ref().take(8).read_to_end(&mut start)?;
    file.rewind()?;
    if start.is_empty() {
        return Ok(Some("it is empty".to_owned()));
    }
    let packed = PACKED.iter().find(|(letters, _)| start.starts_with(letters));
    Ok(packed
        .map(|(_, name)| format!("it is compressed by {name}, and members are read where they lie; unpack it first")))
}

struct Rows<'a> {
    shard: Place,
    columns: &'a Columns,
    rows: Vec<Result<RawRow, DataError>>,
}

impl Rows<'_> {
    /// Goes through the headers; the content of audio is skipped. An error is the reason why the rest cannot be read.
    fn fill<R: Read + Seek>(&mut self, archive: &mut Archive<R>, length: u64) -> Result<(), String> {
        let mut sample = Sample::default();
        let mut last = String::new();
        let behind = |last: &str| if last.is_empty() { String::new() } else { format!(" behind member {last}") };
        let entries = archive.entries_with_seek().map_err(|error| error.to_string())?;
        for entry in entries {
            let mut entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    // What stands before is whole.
                    self.add(sample);
                    return Err(format!("it is damaged or cut{}: {error}", behind(&last)));
                }
            };
            let Some(name) = member_name(&entry) else { continue };
            if entry.header().entry_type() == EntryType::GNUSparse {
                return Err(format!(
                    "member {name} is stored as a sparse file; make the shard with `tar` without --sparse"
                ));
            }
            let (key, extension) = key_of(&name);
            if key != sample.key {
                self.add(std::mem::replace(&mut sample, Sample { key: key.to_owned(), ..Sample::default() }));
            }
            let (at, bytes) = (entry.raw_file_position(), entry.size());
            if at.saturating_add(bytes) > length {
                return Err(format!(
                    "member {name} should end at byte {}, and the file has {length}",
                    at.saturating_add(bytes)
                ));
            }
            let extension = extension.to_ascii_lowercase();
            if TEXTS.contains(&extension.as_str()) {
                sample.text = Some((name.clone(), text(&mut entry)));
            } else if extension == "json" {
                sample.json = Some((name.clone(), text(&mut entry)));
            } else if sample.audio.is_none() && has_audio_extension(Path::new(&name)) {
                sample.audio = Some(Found { name: name.clone(), at, bytes });
            }
            last = name;
        }
        self.add(sample);
        Ok(())
    }

    fn add(&mut self, sample: Sample) {
        let Sample { key, audio, text, json } = sample;
        // Labels and the like, which belong to nothing that is heard.
        if audio.is_none() && text.is_none() && json.is_none() {
            return;
        }
        let number = self.rows.len() + 1;
        let wrong = |member: &str, reason: String| DataError::Member {
            path: self.shard.path().to_owned(),
            member: member.to_owned(),
            reason,
        };
        let Some(Found { name, at, bytes }) = audio else {
            let member = text.or(json).map_or(key, |(name, _)| name);
            self.rows.push(Err(wrong(&member, "no audio with its name stands beside it".to_owned())));
            return;
        };
        if bytes == 0 {
            self.rows.push(Err(wrong(&name, "it is empty".to_owned())));
            return;
        }
        let object = match json {
            None => Ok(Map::new()),
            Some((name, json)) => json
                .and_then(|json| serde_json::from_str(&json).map_err(|error| format!("it is no JSON object: {error}")))
                .map_err(|reason| wrong(&name, reason)),
        };
        let raw = object.and_then(|mut object: Map<String, Value>| {
            if let Some((name, text)) = text {
                set_caption(&mut object, self.columns, text.map_err(|reason| wrong(&name, reason))?);
            }
            let (path, audio_key) = (self.shard.path().join(&name), self.columns.audio()[0].to_owned());
            object.insert(audio_key, name.clone().into());
            row(&path, number, Value::Object(object), self.columns)
        });
        self.rows.push(raw.map(|mut row| {
            // Names are those of their shard: several shards may begin with the same.
            let whole = self.shard.path().join(&name).to_string_lossy().into_owned();
            if row.id == name {
                row.id.clone_from(&whole);
            }
            row.audio = whole;
            row.stored = Some(Stored { archive: self.shard.clone(), at, bytes });
            row
        }));
    }
}

/// The name of a file; nothing for folders, links, and files that systems add.
fn member_name<R: Read>(entry: &Entry<'_, R>) -> Option<String> {
    let kind = entry.header().entry_type();
    let is_file = kind.is_file() || kind.is_contiguous() || kind == EntryType::GNUSparse;
    let name = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").trim_start_matches('/').to_owned();
    let base = PathBuf::from(&name).file_name().map(|base| base.to_string_lossy().into_owned())?;
    (is_file && !base.starts_with('.')).then_some(name)
}

/// What members of one sample have in common, and what follows: the name up to the first dot of its last part.
fn key_of(name: &str) -> (&str, &str) {
    let base = name.rfind('/').map_or(0, |slash| slash + 1);
    match name[base..].find('.') {
        Some(dot) => (&name[..base + dot], &name[base + dot + 1..]),
        None => (name, ""),
    }
}

fn text<R: Read>(entry: &mut Entry<'_, R>) -> Result<String, String> {
    let bytes = entry.size();
    if bytes > MOST_TEXT {
        return Err(format!("it is a text of {bytes} bytes, and at most {MOST_TEXT} are read"));
    }
    let mut text = Vec::with_capacity(bytes as usize);
    entry.read_to_end(&mut text).map_err(|error| error.to_string())?;
    String::from_utf8(text).map_err(|_| "it is not UTF-8".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::ErrorKind;
    use std::sync::Arc;

    use super::*;
    use crate::shards::elsewhere::Elsewhere;

    /// A shard of thirty clips of 100 kB.
    fn shard() -> (Arc<Elsewhere>, Place) {
        let mut builder = tar::Builder::new(Vec::new());
        for number in 0..30 {
            for (extension, content) in [("json", br#"{"caption": "words"}"#.to_vec()), ("wav", vec![0; 100_000])] {
                let mut header = tar::Header::new_gnu();
                header.set_size(content.len() as u64);
                builder.append_data(&mut header, format!("{number:04}.{extension}"), &*content).unwrap();
            }
        }
        let file = Arc::new(Elsewhere::new("s3://music/a.tar", builder.into_inner().unwrap()));
        (file.clone(), Place::Remote(file))
    }

    #[test]
    fn of_a_shard_elsewhere_headers_and_texts_are_read_and_audio_is_not() {
        let (file, shard) = shard();
        let rows = read(&shard, &Columns::new()).unwrap();
        assert_eq!(rows.len(), 30);
        let row = rows.last().unwrap().as_ref().unwrap();
        assert_eq!((row.audio.as_str(), row.stored.as_ref().unwrap().bytes), ("s3://music/a.tar/0029.wav", 100_000));
        let requests = file.take_requests();
        let bytes: u64 = requests.iter().map(|range| range.end - range.start).sum();
        assert!(requests.len() <= 33 && bytes < 300_000, "{bytes} bytes in {} requests", requests.len());
    }

    #[test]
    fn a_shard_that_does_not_come_is_not_taken_for_a_damaged_one() {
        let (file, shard) = shard();
        file.fail_behind(1_500_000, ErrorKind::Other);
        let error = read(&shard, &Columns::new()).unwrap_err();
        assert!(matches!(error, DataError::ShardAway { .. }), "{error}");
        file.fail_behind(0, ErrorKind::StaleNetworkFileHandle);
        assert!(matches!(read(&shard, &Columns::new()), Err(DataError::ShardAway { .. })));
    }
}
