//! Rows in CSV or TSV, with a header.

use std::path::Path;

use csv::StringRecord;

use super::rows::{AUDIO_KEYS, ID_KEYS, RawRow};
use super::times::Times;
use crate::DataError;
use crate::delimited;

pub(super) fn read(path: &Path, delimiter: u8) -> Result<Vec<RawRow>, DataError> {
    let csv = |source| DataError::csv(path, source);
    let mut reader = delimited::open(path, delimiter)?;
    let header: Vec<String> = reader
        .headers()
        .map_err(csv)?
        .iter()
        .map(|name| name.trim_start_matches('\u{feff}').trim().to_ascii_lowercase())
        .collect();
    if header.iter().all(String::is_empty) {
        return Err(DataError::EmptyManifest { path: path.to_owned() });
    }
    let column = |keys: &[&str]| keys.iter().find_map(|key| header.iter().position(|name| name == key));
    let missing = |key| DataError::MissingKey {
        path: path.to_owned(),
        row: 1,
        key,
        found: header.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    };
    let audio = column(&AUDIO_KEYS).ok_or_else(|| missing("audio"))?;
    let (id, split) = (column(&ID_KEYS), column(&["split"]));
    let (label, source) = (column(&["label"]), column(&["source"]));
    // Data sets also have `caption_id`, `caption_source` and the like.
    let is_numbered = |name: &str| {
        name.strip_prefix("caption_").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let is_caption = |name: &str| name == "caption" || name == "captions" || is_numbered(name);
    let captions: Vec<usize> = (0..header.len()).filter(|&i| is_caption(&header[i])).collect();
    if captions.is_empty() {
        return Err(missing("caption"));
    }
    let mut rows = Vec::new();
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(csv)? {
        let number = record.position().map_or(0, |position| position.line() as usize);
        let cell = |i: usize| record.get(i).unwrap_or_default().trim();
        // Captions beyond the first may be blank: not every clip has all five.
        let captions: Vec<String> =
            captions.iter().map(|&i| cell(i).to_owned()).filter(|caption| !caption.is_empty()).collect();
        if captions.is_empty() {
            return Err(DataError::EmptyCaption { path: path.to_owned(), row: number });
        }
        let text = |column: Option<usize>| column.map(cell).filter(|text| !text.is_empty()).map(str::to_owned);
        let Some(audio) = text(Some(audio)) else {
            return Err(DataError::MissingKey {
                path: path.to_owned(),
                row: number,
                key: "audio",
                found: "an empty cell".to_owned(),
            });
        };
        let times = Times::read(path, number, |key| text(header.iter().position(|name| name == key)))?;
        rows.push(RawRow {
            number,
            times,
            id: text(id).unwrap_or_else(|| audio.clone()),
            audio,
            captions,
            split: text(split),
            label: text(label),
            source: text(source),
        });
    }
    Ok(rows)
}
