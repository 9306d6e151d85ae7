//! Rows in CSV or TSV, with a header.

use std::path::Path;

use csv::StringRecord;

use super::columns::Columns;
use super::hint::{ColumnsRead, Hint};
use super::list_cell::{begins_like_list, list};
use super::names::{self, is_numbered_caption, other_caption};
use super::published;
use super::rows::{Missing, RawRow, check_file, shorten};
use super::times::{self, Times};
use crate::DataError;
use crate::delimited::{self, Dialect};

/// Gives each row, or what is wrong with it.
pub(super) fn read(
    path: &Path,
    delimiter: u8,
    columns: &Columns,
    hints: &mut Vec<Hint>,
    take: &mut dyn FnMut(Result<RawRow, DataError>),
) -> Result<(), DataError> {
    let csv = |source| DataError::csv(path, source);
    let columns = columns.in_lower_case();
    let dialect = Dialect::of(path, delimiter, &columns.audio())?;
    let mut reader = delimited::open(path, dialect)?;
    let header: Vec<String> = reader
        .headers()
        .map_err(csv)?
        .iter()
        .map(|name| name.trim_start_matches('\u{feff}').trim().to_lowercase())
        .collect();
    if header.iter().all(String::is_empty) {
        return Err(DataError::EmptyManifest { path: path.to_owned() });
    }
    let column = |keys: &[&str]| keys.iter().find_map(|key| header.iter().position(|name| name == key));
    let has = |name: &str| header.iter().any(|own| own == name);
    let columns = published::columns(&columns, has).unwrap_or(columns);
    let missing = |missing: Missing| missing.error(path, 1, header.iter());
    let audio = column(&columns.audio()).ok_or_else(|| missing(Missing::Audio(&columns)))?;
    let (id, split) = (column(&names::ID), column(&["split"]));
    let (label, source) = (column(&["label"]), column(&["source"]));
    let is_caption = |name: &str| name == "caption" || name == "captions" || is_numbered_caption(name);
    let own =
        columns.captions().iter().map(|name| column(&[name]).ok_or_else(|| missing(Missing::Caption(Some(name)))));
    let mut captions = own.collect::<Result<Vec<usize>, _>>()?;
    if captions.is_empty() {
        captions.extend((0..header.len()).filter(|&i| is_caption(&header[i])));
    }
    if captions.is_empty() {
        captions.extend(other_caption(|name| column(&[name]).is_some()).and_then(|name| column(&[name])));
    }
    if captions.is_empty() {
        return Err(missing(Missing::Caption(None)));
    }
    let is_song_describer = published::is_song_describer(has);
    let columns = Places { audio, id, split, label, source, captions, is_song_describer };
    hints.extend(columns_twice(path, &header, &columns));
    let mut unlisted = Unlisted::default();
    let mut record = StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {
                let number = record.position().map_or(0, |position| position.line() as usize) + dialect.lines_before();
                columns.captions.iter().for_each(|&i| unlisted.look(number, record.get(i).unwrap_or_default()));
                take(row(path, number, &header, &columns, &record));
            }
            // A row with more or fewer cells; what follows it can be read.
            Err(error) => match error.kind() {
                csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
                    let line = pos.as_ref().map_or(1, csv::Position::line) as usize;
                    take(Err(DataError::WrongType {
                        path: path.to_owned(),
                        row: line + dialect.lines_before(),
                        key: "row".to_owned(),
                        found: format!("{len} cells under {expected_len} names"),
                        expected: "as many cells as the header has; texts with commas or line breaks need quotes",
                    }));
                }
                _ => return Err(csv(error)),
            },
        }
    }
    hints.extend(unlisted.hint(path));
    Ok(())
}

/// Names that several columns have.
fn columns_twice<'a>(path: &'a Path, header: &'a [String], columns: &'a Places) -> impl Iterator<Item = Hint> + 'a {
    let places = |name: &String| (0..header.len()).filter(|&i| header[i] == *name).collect::<Vec<_>>();
    let named = header.iter().enumerate().filter(|(_, name)| !name.is_empty());
    let twice = named.map(move |(i, name)| (i, name, places(name))).filter(|(i, _, all)| all.len() > 1 && all[0] == *i);
    twice.map(|(first, name, all)| {
        let is_read = columns.own().contains(&first) || times::is_time(name) || columns.captions.contains(&first);
        let read = match is_read {
            _ if all.iter().all(|i| columns.captions.contains(i)) => ColumnsRead::All,
            true => ColumnsRead::First,
            false => ColumnsRead::None,
        };
        let (path, columns) = (path.to_owned(), all.iter().map(|i| i + 1).collect());
        Hint::ColumnTwice { path, name: name.clone(), columns, read }
    })
}

/// Cells that begin like a list and are none.
#[derive(Default)]
struct Unlisted {
    count: usize,
    /// The row of the first, and its text.
    first: Option<(usize, String)>,
}

impl Unlisted {
    fn look(&mut self, row: usize, cell: &str) {
        if begins_like_list(cell) && list(cell).is_none() {
            self.count += 1;
            self.first.get_or_insert_with(|| (row, shorten(cell.trim())));
        }
    }

    fn hint(self, path: &Path) -> Option<Hint> {
        let (row, cell) = self.first?;
        Some(Hint::NoList { path: path.to_owned(), row, cell, count: self.count })
    }
}

/// Where the cells of a row are.
struct Places {
    audio: usize,
    id: Option<usize>,
    split: Option<usize>,
    label: Option<usize>,
    source: Option<usize>,
    captions: Vec<usize>,
    is_song_describer: bool,
}

impl Places {
    /// Those of what is no caption.
    fn own(&self) -> Vec<usize> {
        [Some(self.audio), self.id, self.split, self.label, self.source].into_iter().flatten().collect()
    }
}

fn row(
    path: &Path,
    number: usize,
    header: &[String],
    columns: &Places,
    record: &StringRecord,
) -> Result<RawRow, DataError> {
    let cell = |i: usize| record.get(i).unwrap_or_default().trim();
    // Captions beyond the first may be blank: not every clip has all five.
    let mut captions = Vec::with_capacity(columns.captions.len());
    for &i in &columns.captions {
        add_texts(cell(i), &mut captions);
    }
    if captions.is_empty() {
        return Err(DataError::EmptyCaption { path: path.to_owned(), row: number });
    }
    let text = |column: Option<usize>| column.map(cell).filter(|text| !text.is_empty()).map(str::to_owned);
    let Some(mut audio) = text(Some(columns.audio)) else {
        let (path, key, found) = (path.to_owned(), "audio".to_owned(), "an empty cell".to_owned());
        return Err(DataError::WrongType {
            path,
            row: number,
            key,
            found,
            expected: "the name of a file; remove the row if there is none",
        });
    };
    check_file(path, number, &audio)?;
    let mut times = Times::read(path, number, |key| text(header.iter().position(|name| name == key)))?;
    if columns.is_song_describer {
        times.length = None;
    }
    if columns.is_song_describer && header[columns.audio] == "path" {
        let folder = path.parent().unwrap_or(Path::new(""));
        let file = published::song_describer_file(folder, &audio);
        audio = file.strip_prefix(folder).unwrap_or(&file).to_string_lossy().into_owned();
    }
    Ok(RawRow {
        number,
        times,
        id: text(columns.id).unwrap_or_else(|| audio.clone()),
        audio,
        captions,
        split: text(columns.split),
        label: text(columns.label),
        source: text(columns.source),
        stored: None,
    })
}

/// Adds the texts of a cell that are not empty: those of a list, or itself.
fn add_texts(cell: &str, captions: &mut Vec<String>) {
    match list(cell) {
        Some(texts) => {
            captions.extend(texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()).map(str::to_owned));
        }
        None if cell.is_empty() => {}
        None => captions.push(cell.to_owned()),
    }
}
